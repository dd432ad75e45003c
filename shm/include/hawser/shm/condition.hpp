/// One channel and what to wait for there: what wait_any, wait_set and ready_descriptor are made of.
#pragma once

#include <hawser/shm/async_wait.hpp>

#include <concepts>
#include <functional>
#include <utility>

namespace hawser::shm {

/// A channel that can be waited for without a thread.
template <class Channel>
concept waitable = requires(Channel& channel, ready what, std::function<void()> callback) {
  { channel.async_wait(what, std::move(callback)) } -> std::same_as<async_wait_handle>;
};

/// "This channel is readable" (or writable). Taking nothing from the channel, it may be asked and
/// waited for as often as one likes. A channel that is closed, or has ended, is ready.
///
/// The channel must outlive it; moving the channel object is allowed.
///
/// Threads    Any, one at a time.
/// Crash      Nothing of it is in shared memory but a bit that says that somebody may wait.
class condition {
 public:
  template <waitable Channel>
  condition(Channel& channel, ready what = ready::readable)  // NOLINT: implicit for wait_any
      : handle_(channel.async_wait(what, {})) {}

  /// Whether it holds now.
  /// Blocks     Never.
  [[nodiscard]] bool holds() const { return detail::condition_holds(handle_.id_); }

  /// Has `callback` run, once, from Hawser's own thread, as soon as it holds. Arming again
  /// replaces the callback. It must not block.
  ///
  /// Returns    True, and nothing will run, if it holds already.
  /// Errors     `no_resources`: no thread or descriptor is left.
  /// Blocks     Never.
  [[nodiscard]] bool arm(std::function<void()> callback) {
    return detail::arm_condition(handle_.id_, std::move(callback));
  }

  /// Ends it: nothing will run, and what runs has ended, unless it is this call's own caller.
  void disarm() noexcept { const async_wait_handle ended = std::move(handle_); }

 private:
  async_wait_handle handle_;  // its destructor waits for a callback that runs
};

/// The same, said so that it reads: `wait_any(when(jobs), when(results, ready::writable))`.
template <waitable Channel>
[[nodiscard]] condition when(Channel& channel, ready what = ready::readable) {
  return condition{channel, what};
}

}  // namespace hawser::shm
