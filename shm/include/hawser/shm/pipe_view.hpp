/// A message of a pipe, read where it lies.
#pragma once

#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/pipe_io.hpp>
#include <hawser/shm/status.hpp>

#include <utility>

namespace hawser::shm {

template <message T>
class pipe;

/// The next message of a pipe, not copied, or the reason why there is none.
///
/// The message is taken out of the pipe by `done()` or the destructor; until then it keeps its
/// room there, and what `*view` gives is valid. End a view before the next one is asked for: the
/// next read would see the same message.
///
/// Threads    The receiving one of its pipe. The pipe object outlives its views.
template <message T>
class [[nodiscard]] pipe_view {
 public:
  pipe_view(pipe_view&& other) noexcept
      : core_(std::exchange(other.core_, nullptr)),
        from_(other.from_),
        held_(std::move(other.held_)),
        status_(std::exchange(other.status_, take_status::empty)) {}
  pipe_view& operator=(pipe_view&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(from_, other.from_);
    std::swap(held_, other.held_);
    std::swap(status_, other.status_);
    return *this;
  }
  ~pipe_view() { done(); }

  /// Whether there is a message.
  explicit operator bool() const noexcept { return core_ != nullptr; }
  /// `ok`, or why there is none: `empty`, `closed` (end of file), `timed_out`.
  take_status status() const noexcept { return status_; }

  /// The message: a const T&, or for a range a view of its elements.
  message_view<T> operator*() const noexcept { return held_.view(from_); }
  message_view<T> message() const noexcept { return held_.view(from_); }

  /// Takes the message out of the pipe. Does nothing the second time.
  void done() noexcept {
    if (core_ != nullptr) std::exchange(core_, nullptr)->take(from_);
  }

 private:
  friend class pipe<T>;
  /// Of the message that `peek(message)` finds, where it finds it: copying what was just written
  /// would wait for the processor's stores.
  template <class Peek>
  pipe_view(detail::pipe_core& core, Peek peek) : status_(peek(from_)) {
    if (status_ != take_status::ok) return;
    core_ = &core;
    try {
      held_.take(from_, core);
    } catch (...) {
      core.take(from_);  // it is no message; the next one may be
      throw;
    }
  }

  detail::pipe_core* core_ = nullptr;
  detail::pipe_message from_;
  [[no_unique_address]] typename detail::pipe_io<T>::held held_;
  take_status status_ = take_status::empty;
};

}  // namespace hawser::shm
