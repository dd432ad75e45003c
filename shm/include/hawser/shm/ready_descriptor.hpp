/// A channel's readiness as a file descriptor, for loops that wait with poll, epoll, Boost.Asio or
/// CAF.
///
/// ```cpp
/// shm::ready_descriptor turn{jobs};
/// epoll_ctl(loop, EPOLL_CTL_ADD, turn.get(), &event);
/// ...
/// // readable:
/// while (auto job = jobs.try_lease()) { ... }    // or take just one
/// turn.rearm();
/// ```
#pragma once

#include <hawser/shm/condition.hpp>

#include <cstdint>

namespace hawser::shm {

/// A descriptor (an eventfd) that is readable when a channel is ready: a message is there, or room,
/// or the channel is closed.
///
/// It stays readable until `rearm`, which is called whenever the loop has handled it. If the
/// channel is still ready by then it stays readable: so a loop may take one message at a time, and
/// whether it is level- or edge-triggered does not matter. With an edge-triggered epoll, look at
/// what `rearm` returns.
///
/// It may turn readable for nothing, when somebody else has been faster: use the channel's try_
/// functions. Nobody else reads from it or writes to it.
///
/// Threads    `get` and the loop: any. `rearm`, moving and destroying: one at a time. It is
///            destroyed (and taken from its loop) before its channel; moving the channel object is
///            allowed.
/// Crash      Nothing of it is in shared memory. When a process dies that held what we wait for,
///            it turns readable.
/// After a fork the child's loop has to be a new one, and `rearm` gives it a new descriptor under
/// the same number; until then nothing the child does can be noticed by the parent. It is closed
/// by exec.
class ready_descriptor {
 public:
  /// Errors     `no_resources`: no descriptor or thread is left.
  explicit ready_descriptor(condition what);
  template <waitable Channel>
  explicit ready_descriptor(Channel& channel, ready what = ready::readable)
      : ready_descriptor(condition{channel, what}) {}
  ready_descriptor(ready_descriptor&& other) noexcept;
  ready_descriptor& operator=(ready_descriptor&& other) noexcept;
  ~ready_descriptor();

  /// What to wait for POLLIN on. Belongs to this object.
  [[nodiscard]] int get() const noexcept { return fd_; }

  /// Makes it unreadable until the channel is ready.
  ///
  /// Returns    Whether it is ready already; then it is readable still.
  /// Errors     `no_resources`; then it is readable.
  /// Blocks     Never.
  bool rearm();

 private:
  void follow_fork();
  void close() noexcept;

  int fd_ = -1;
  std::uint32_t forks_ = 0;
  condition what_;
};

}  // namespace hawser::shm
