/// Memory that the processes of a group lend each other: the content of large messages, and bytes that
/// users pass by reference.
#pragma once

#include <hawser/shm/payload_pool.hpp>

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace hawser::actors::detail {

/// The pool of a group. It is opened when it is first needed: most groups never send what is large.
///
/// Threads    Any.
class loan_pool {
 public:
  loan_pool(std::string name, unsigned mode) : name_(std::move(name)), mode_(mode) {}

  /// Errors     hawser::error, as of `payload_pool`.
  shm::payload_pool& open();
  /// Waits for one.
  /// Errors     Those of `payload_pool` and its `loan`, as of the next one.
  shm::payload loan(std::size_t bytes);
  /// An empty one if all are lent.
  shm::payload lend(std::size_t bytes);
  /// An empty one if nothing can be lent now, for whatever reason.
  shm::payload try_loan(std::size_t bytes) noexcept;
  /// Whether it was lent by this pool.
  bool owns(const shm::payload& loan);

 private:
  const std::string name_;
  const unsigned mode_;
  std::mutex mutex_;
  std::optional<shm::payload_pool> pool_;
  std::chrono::steady_clock::time_point failed_{};  // when it could not be opened
};

}  // namespace hawser::actors::detail
