/// A counting semaphore between processes whose permits come back when their holder dies.
///
/// ```cpp
/// shm::semaphore connections{open_or_create, "db", {.permits = 3}};
/// {
///   auto permit = connections.hold();            // waits for one of the three
///   query();
/// }                                              // given back here, or by our death
/// ```
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/permit_core.hpp>
#include <hawser/shm/segment.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

namespace hawser::shm {

/// What a creator chooses. `open_or_create` of a live semaphore demands the same number.
struct semaphore_options {
  std::size_t permits = 1;
  mode_t mode = 0600;  ///< Who may open it, as for a file.
  bool keep = false;   ///< Outlives its processes until shm::remove.
};

/// Counts since the semaphore was created, by all processes together.
struct permit_counters {
  std::uint64_t acquired = 0;   ///< Permits handed out.
  std::uint64_t waits = 0;      ///< Times a caller went to sleep.
  std::uint64_t reclaimed = 0;  ///< Permits taken back from processes that died or left.
};

/// Permits that are given back when this object ends, or none.
///
/// It keeps its process at the semaphore, also when the semaphore object has ended.
///
/// Threads    One at a time; it may move to another thread. In a forked child it is empty in
///            effect: the permits are the parent's.
class [[nodiscard]] permit {
 public:
  permit() = default;
  permit(permit&& other) noexcept
      : core_(std::move(other.core_)), n_(std::exchange(other.n_, 0)), tag_(other.tag_) {}
  permit& operator=(permit&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(n_, other.n_);
    std::swap(tag_, other.tag_);
    return *this;
  }
  ~permit() { release(); }

  /// Whether there are any.
  explicit operator bool() const noexcept { return n_ != 0; }
  [[nodiscard]] std::size_t count() const noexcept { return n_; }

  /// Gives them back now. Does nothing the second time.
  void release() noexcept {
    if (n_ != 0 && core_->tag_if_attached() == tag_) core_->release(n_);
    n_ = 0;
    core_.reset();
  }

 private:
  friend class semaphore;
  permit(std::shared_ptr<detail::permit_core> core, std::uint32_t n)
      : core_(std::move(core)), n_(n), tag_(core_->tag_if_attached()) {}

  std::shared_ptr<detail::permit_core> core_;
  std::uint32_t n_ = 0;
  std::uint32_t tag_ = 0;
};

/// A number of permits that processes take and give back.
///
/// Permits belong to the semaphore object of a process: its threads take and give back from one
/// account. What a process holds comes back by itself when it dies, and when its object and all
/// its `permit`s have ended.
///
/// Order      First come, first served, whatever number is asked for. Who comes while others
///            wait may go first if enough is there for all of them, or for as long as the first
///            in line has been that for less than a millisecond and was overtaken less than a
///            thousand times. A waiter that is stopped (SIGSTOP) when its turn comes lets the
///            others pass after 10 ms and keeps its place.
/// Blocks     Functions named try_ wait for nobody but another process inside the same few dozen
///            instructions; one that is *stopped* exactly there stops everybody, one that is
///            killed there nobody.
/// Threads    All member functions, from any threads. Moving and destroying: one thread, with no
///            other inside. Not from signal handlers. After fork, the child takes a place of its
///            own at its first use; permits stay with the parent.
/// Crash      Every operation commits with one store: a process killed anywhere has acquired all
///            of what it asked for or nothing, and all of it is back within milliseconds.
class semaphore {
 public:
  /// Creates the semaphore. A stale one of the same name is replaced.
  /// Errors     `already_exists`, `no_space`, `bad_name`, `bad_argument`, `permission_denied`,
  ///            `foreign_owner`, `busy`, `no_resources`.
  semaphore(create_only_t, std::string_view name, semaphore_options options = {})
      : core_(make(detail::opening::create_only, name, options)) {}
  /// Opens it if somebody is attached (or it is kept), else creates it.
  /// Errors     Those of both, `capacity_mismatch` if it has another number of permits.
  semaphore(open_or_create_t, std::string_view name, semaphore_options options = {})
      : core_(make(detail::opening::open_or_create, name, options)) {}
  /// Opens an existing one.
  /// Errors     `not_found`, `stale`, `damaged`, `version_mismatch`, `kind_mismatch`,
  ///            `permission_denied`, `foreign_owner`, `too_many_participants`, `busy`,
  ///            `no_resources`.
  semaphore(open_only_t, std::string_view name)
      : core_(make(detail::opening::open_only, name, {})) {}

  /// Takes `n` permits; waits for them.
  /// Errors     `bad_argument`: `n` is 0, or more than there are.
  /// Blocks     Until it is our turn and `n` are available.
  /// Crash      All of them are this process's, or none; then they come back.
  void acquire(std::size_t n = 1) { core_->acquire(checked(n), {}); }
  /// The same, without waiting. Returns whether it has them.
  [[nodiscard]] bool try_acquire(std::size_t n = 1) { return core_->try_acquire(checked(n)); }
  /// The same, waiting for `duration` at most.
  template <class Rep, class Period>
  [[nodiscard]] bool try_acquire_for(std::chrono::duration<Rep, Period> duration,
                                     std::size_t n = 1) {
    return core_->acquire(checked(n), detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_acquire_until(std::chrono::time_point<Clock, Duration> time,
                                       std::size_t n = 1) {
    return core_->acquire(checked(n), detail::deadline_at(time));
  }

  /// Gives back `n`, and wakes who can go on. In a forked child that has acquired nothing
  /// itself: does nothing.
  /// Errors     `not_held`: this process holds fewer; nothing has changed.
  void release(std::size_t n = 1) {
    const std::uint32_t count = checked(n);
    if (core_->release(count) || core_->inherited()) return;
    detail::refuse_release(*core_, "release semaphore",
                           "this process holds " + std::to_string(held()) + ", not " +
                               std::to_string(n) + "; release what was acquired, once");
  }

  /// Takes `n` permits until the returned object ends; waits for them.
  permit hold(std::size_t n = 1) {
    const std::uint32_t count = checked(n);
    core_->acquire(count, {});
    return {core_, count};
  }
  /// The same, without waiting; an empty one if they are not to be had.
  permit try_hold(std::size_t n = 1) { return held_if(core_->try_acquire(checked(n)), n); }
  template <class Rep, class Period>
  permit hold_for(std::chrono::duration<Rep, Period> duration, std::size_t n = 1) {
    return held_if(try_acquire_for(duration, n), n);
  }
  template <class Clock, class Duration>
  permit hold_until(std::chrono::time_point<Clock, Duration> time, std::size_t n = 1) {
    return held_if(try_acquire_until(time, n), n);
  }

  /// Permits that nobody holds. A snapshot; who waits may have a claim on them.
  [[nodiscard]] std::size_t available() const noexcept { return core_->available(); }
  /// Permits that this process holds.
  [[nodiscard]] std::size_t held() const noexcept { return core_->held(); }
  /// Permits there are.
  [[nodiscard]] std::size_t permits() const noexcept { return core_->permits(); }
  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }
  [[nodiscard]] permit_counters counters() const noexcept {
    const auto all = core_->counters();
    return {all.acquired, all.waits, all.reclaimed};
  }

  /// Calls `callback` once, from Hawser's own thread, when a permit may be had, whatever is
  /// waited for; soon if one is there already. Destroying the handle cancels.
  /// Errors     `no_resources`: no thread or descriptor is left.
  /// Blocks     Never; `callback` must not block either.
  [[nodiscard]] async_wait_handle async_wait(ready, std::function<void()> callback) {
    return async_wait_handle{core_->async_wait(1, std::move(callback))};
  }

 private:
  static std::shared_ptr<detail::permit_core> make(detail::opening how, std::string_view name,
                                                   const semaphore_options& options) {
    detail::permit_request request;
    request.name = name;
    request.how = how;
    request.permits = options.permits;
    request.mode = options.mode;
    request.keep = options.keep;
    return std::make_shared<detail::permit_core>(request);
  }
  std::uint32_t checked(std::size_t n) const {
    return detail::checked_permits(*core_, n, "use semaphore");
  }
  permit held_if(bool taken, std::size_t n) {
    return taken ? permit{core_, static_cast<std::uint32_t>(n)} : permit{};
  }

  std::shared_ptr<detail::permit_core> core_;
};

}  // namespace hawser::shm
