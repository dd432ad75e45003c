/// Why a task has no result.
#pragma once

#include <hawser/actors/exit_status.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

#include <sys/types.h>

namespace hawser::actors {

/// A task has thrown: `std::runtime_error: disk full (task 7 of resize)`.
class task_error : public std::runtime_error {
 public:
  task_error(std::string type, std::string message, std::string function, std::size_t index);

  const std::string& type() const noexcept { return type_; }        ///< Of what it has thrown.
  const std::string& message() const noexcept { return message_; }  ///< Its `what()`.
  const std::string& function() const noexcept { return function_; }
  std::size_t index() const noexcept { return index_; }  ///< Among its call's.

 protected:
  struct in_words {
    std::string text;
  };
  task_error(in_words words, std::string type, std::string function, std::size_t index);

 private:
  std::string type_, message_, function_;
  std::size_t index_;
};

/// A task's worker has died of it, as often as it was tried.
class worker_lost : public task_error {
 public:
  worker_lost(pid_t pid, exit_status status, unsigned attempts, std::string function,
              std::size_t index);

  pid_t pid() const noexcept { return pid_; }  ///< Of the last one.
  const exit_status& status() const noexcept { return status_; }
  unsigned attempts() const noexcept { return attempts_; }

 private:
  pid_t pid_;
  exit_status status_;
  unsigned attempts_;
};

/// A task took longer than it might; its worker was killed for it.
class task_timeout : public task_error {
 public:
  task_timeout(std::string function, std::size_t index);
};

/// A task was cancelled, or its pool was terminated or cannot start workers, before it had a result.
class task_cancelled : public task_error {
 public:
  task_cancelled(std::string why, std::string function, std::size_t index);
};

}  // namespace hawser::actors
