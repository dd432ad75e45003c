/// A mutual exclusion lock between processes that outlives its holder.
///
/// ```cpp
/// shm::lock ledger{open_or_create, "ledger"};
/// {
///   std::scoped_lock hold{ledger};               // std::unique_lock, std::lock work as well
///   if (ledger.owner_died()) rebuild();          // whoever had it was killed in the middle
///   append(entry);
/// }
/// ```
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/permit_core.hpp>
#include <hawser/shm/segment.hpp>
#include <hawser/shm/status.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

namespace hawser::shm {

/// What a creator of a lock chooses.
struct lock_options {
  mode_t mode = 0600;  ///< Who may open it, as for a file.
  bool keep = false;   ///< Outlives its processes until shm::remove.
};

/// Mutual exclusion of threads and processes. It is used by its other name, `shm::lock`; a class
/// of that name could not have a member `lock`.
///
/// The lock belongs to this object, not to a thread: threads of one process exclude each other,
/// and any of them may unlock. Locking it again in the thread that holds it waits for itself,
/// for ever or until the time has passed, as with std::mutex. Where the threads of a process
/// must not unlock for each other, they open an object each.
///
/// When the holder dies, or its object ends, the lock is free within milliseconds, and the next
/// holder learns of it: `lock` returns `owner_died`, and `owner_died()` says so while it is held.
/// That is told once; who is told and dies as well passes it on. What the lock protects may be
/// half changed then; `guarded<T>` is for values that never are.
///
/// Order      First come, first served, as with `semaphore`.
/// Blocks     Functions named try_ wait for nobody but another process inside the same few dozen
///            instructions; one that is *stopped* exactly there stops everybody.
/// Threads    All member functions, from any threads. Destroying: one thread, with no other
///            inside. Not from signal handlers. After fork, the lock stays with the parent, and
///            the child takes a place of its own at its first use.
/// Crash      Every operation commits with one store: it is locked, or it is not.
class exclusive_lock {
 public:
  /// Creates the lock. A stale one of the same name is replaced.
  /// Errors     Those of `semaphore`'s constructors.
  exclusive_lock(create_only_t, std::string_view name, lock_options options = {})
      : core_(make(detail::opening::create_only, name, options)) {}
  /// Opens it if somebody is attached (or it is kept), else creates it.
  exclusive_lock(open_or_create_t, std::string_view name, lock_options options = {})
      : core_(make(detail::opening::open_or_create, name, options)) {}
  exclusive_lock(open_only_t, std::string_view name)
      : core_(make(detail::opening::open_only, name, {})) {}

  /// Waits for the lock.
  /// Returns    `owner_died` if its last holder did; may be ignored.
  /// Blocks     Until it is our turn.
  lock_status lock() {
    core_->acquire(1, {});
    return owner_died() ? lock_status::owner_died : lock_status::ok;
  }
  /// Returns    Whether it has the lock now.
  [[nodiscard]] bool try_lock() { return core_->try_acquire(1); }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> duration) {
    return core_->acquire(1, detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) {
    return core_->acquire(1, detail::deadline_at(time));
  }

  /// Unlocks. In a forked child that has not locked it itself: does nothing, the parent has it.
  /// Errors     `not_held`: this process does not hold it; nothing has changed.
  void unlock() {
    if (core_->release(1) || core_->inherited()) return;
    detail::refuse_release(*core_, "unlock lock",
                           "this process does not hold it; unlock what was locked, once");
  }

  /// Whether the holder before this one died, or left, without unlocking. To be asked by who
  /// holds the lock.
  [[nodiscard]] bool owner_died() const noexcept { return core_->owner_died(); }
  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }

  /// Calls `callback` once, from Hawser's own thread, when the lock may be had, whatever is
  /// waited for; soon if it is free already. Destroying the handle cancels.
  /// Errors     `no_resources`: no thread or descriptor is left.
  [[nodiscard]] async_wait_handle async_wait(ready, std::function<void()> callback) {
    return async_wait_handle{core_->async_wait(1, std::move(callback))};
  }

 private:
  static std::unique_ptr<detail::permit_core> make(detail::opening how, std::string_view name,
                                                   const lock_options& options) {
    detail::permit_request request;
    request.name = name;
    request.how = how;
    request.kind = detail::channel_kind::lock;
    request.mode = options.mode;
    request.keep = options.keep;
    return std::make_unique<detail::permit_core>(request);
  }

  std::unique_ptr<detail::permit_core> core_;
};

using lock = exclusive_lock;

}  // namespace hawser::shm
