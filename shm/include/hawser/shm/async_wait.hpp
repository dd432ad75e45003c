/// Waiting without a thread: a callback when a channel may be ready.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace hawser::shm {

/// What to wait for.
enum class ready {
  readable,  ///< A message can be taken, or the channel is closed and drained.
  writable,  ///< There is space, or the channel is closed.
};

namespace detail {
class attachment;

/// One registered wait, run by the process's monitor thread. Without a callback it is a condition
/// (condition.hpp): nothing happens until it is asked or armed.
struct async_request {
  attachment* channel;
  std::uint32_t bit;            // the event's bit in participant_row::armed
  std::function<void()> arm;    // announces the wait on the event
  std::function<bool()> holds;  // whether the condition holds now
  std::function<void()> callback;
};
std::uint64_t add_async_wait(async_request request);
void cancel_async_wait(std::uint64_t id) noexcept;

/// Whether it holds now, also if its channel has ended.
bool condition_holds(std::uint64_t id);
/// True: it holds already. False: `callback` will run, once, as soon as it does.
bool arm_condition(std::uint64_t id, std::function<void()> callback);
/// Counts the forks this process descends from: none of its conditions is armed after one.
std::uint32_t forks() noexcept;
}  // namespace detail

/// Keeps one callback registered. Movable; its destructor cancels.
///
/// Threads    Any. After the destructor has returned the callback neither runs nor will,
///            unless the destructor was called from the callback itself.
class async_wait_handle {
 public:
  async_wait_handle() = default;
  explicit async_wait_handle(std::uint64_t id) noexcept : id_(id) {}
  async_wait_handle(async_wait_handle&& other) noexcept : id_(std::exchange(other.id_, 0)) {}
  async_wait_handle& operator=(async_wait_handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~async_wait_handle() {
    if (id_ != 0) detail::cancel_async_wait(id_);
  }

 private:
  friend class condition;
  std::uint64_t id_ = 0;
};

}  // namespace hawser::shm
