/// What the parent knows about one child.
#pragma once

#include "descriptor.hpp"
#include <hawser/actors/exit_status.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hawser::actors::detail {

struct child_record {
  // Set before anybody else sees the record.
  pid_t owner = 0;  // the process whose child it is: a fork of it has copies of our objects
  pid_t pid = 0;
  std::string name;
  bool detached = false;
  std::chrono::milliseconds stop_timeout{};

  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  descriptor pidfd;  // both end with the child, so that descriptors are bounded by the living
  descriptor channel;
  bool await_ready = false;  // set before anybody else sees the record
  bool ready = false;
  std::optional<std::chrono::steady_clock::time_point> last_alive;
  std::optional<std::string> refusal;
  std::optional<escaped_exception> exception;
  std::optional<int> told_code;
  std::optional<exit_status> status;
  std::vector<std::function<void(const exit_status&)>> callbacks;
  std::size_t callbacks_pending = 0;  // not yet returned

  /// Ended, and everybody who asked for it has been called back.
  bool is_over() const { return status && callbacks_pending == 0; }
  bool is_decided() const { return ready || refusal || status; }
  /// False: it has ended. The caller holds no lock.
  bool signal(int number) const;
};

}  // namespace hawser::actors::detail
