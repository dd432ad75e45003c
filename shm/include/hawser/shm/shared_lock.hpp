/// A readers-writer lock between processes that outlives its holders.
///
/// ```cpp
/// shm::shared_lock prices{open_or_create, "prices"};
/// { std::shared_lock reading{prices};  use(table); }
/// { std::unique_lock writing{prices};  table[7] = 42; }
/// ```
#pragma once

#include <hawser/shm/lock.hpp>

namespace hawser::shm {

/// Many readers or one writer. Everything said of `lock` holds for the writer's side.
///
/// Readers share it with everybody, threads of their own process included. A reader's death
/// leaves no mark. A writer's does: every holder after it, reader or writer, is told
/// `owner_died`, until a writer was; only a writer can put right what was left.
///
/// Order      First come, first served, readers and writers in one line: a writer that waits
///            keeps later readers out once they have overtaken it for a millisecond or a
///            thousand times. So a reader must not lock it a second time: with a writer in line
///            between the two it would wait for itself.
class shared_lock {
 public:
  /// Creates the lock. A stale one of the same name is replaced.
  /// Errors     Those of `semaphore`'s constructors.
  shared_lock(create_only_t, std::string_view name, lock_options options = {})
      : core_(make(detail::opening::create_only, name, options)) {}
  /// Opens it if somebody is attached (or it is kept), else creates it.
  shared_lock(open_or_create_t, std::string_view name, lock_options options = {})
      : core_(make(detail::opening::open_or_create, name, options)) {}
  shared_lock(open_only_t, std::string_view name)
      : core_(make(detail::opening::open_only, name, {})) {}

  /// Waits until nobody else has it.
  /// Returns    `owner_died` if its last writer did; may be ignored.
  lock_status lock() { return acquire(writer); }
  [[nodiscard]] bool try_lock() { return core_->try_acquire(writer); }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> duration) {
    return core_->acquire(writer, detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) {
    return core_->acquire(writer, detail::deadline_at(time));
  }
  /// Errors     `not_held`: this process is not its writer; nothing has changed.
  void unlock() { release(writer, writer, "this process is not its writer"); }

  /// Waits until no writer has it.
  /// Returns    `owner_died` if its last writer did; may be ignored.
  lock_status lock_shared() { return acquire(reader); }
  [[nodiscard]] bool try_lock_shared() { return core_->try_acquire(reader); }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_shared_for(std::chrono::duration<Rep, Period> duration) {
    return core_->acquire(reader, detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_shared_until(std::chrono::time_point<Clock, Duration> time) {
    return core_->acquire(reader, detail::deadline_at(time));
  }
  /// Errors     `not_held`: this process is no reader; nothing has changed.
  void unlock_shared() { release(reader, writer - 1, "this process is none of its readers"); }

  /// Whether the last writer before this holder died, or left, without unlocking. To be asked
  /// by who holds the lock.
  [[nodiscard]] bool owner_died() const noexcept { return core_->owner_died(); }
  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }

  /// Calls `callback` once, from Hawser's own thread, when a reader (`readable`) or a writer
  /// (`writable`) may have the lock. Destroying the handle cancels.
  /// Errors     `no_resources`: no thread or descriptor is left.
  [[nodiscard]] async_wait_handle async_wait(ready what, std::function<void()> callback) {
    return async_wait_handle{
        core_->async_wait(what == ready::writable ? writer : reader, std::move(callback))};
  }

 private:
  static constexpr std::uint32_t reader = 1, writer = detail::shared_lock_permits;

  static std::unique_ptr<detail::permit_core> make(detail::opening how, std::string_view name,
                                                   const lock_options& options) {
    detail::permit_request request;
    request.name = name;
    request.how = how;
    request.kind = detail::channel_kind::shared_lock;
    request.permits = writer;
    request.mode = options.mode;
    request.keep = options.keep;
    return std::make_unique<detail::permit_core>(request);
  }
  lock_status acquire(std::uint32_t n) {
    core_->acquire(n, {});
    return owner_died() ? lock_status::owner_died : lock_status::ok;
  }
  void release(std::uint32_t n, std::uint32_t most, const char* reason) {
    if (core_->release(n, most) || core_->inherited()) return;
    detail::refuse_release(*core_, "unlock shared_lock",
                           std::string{reason} + "; unlock what was locked, once, in the same way");
  }

  std::unique_ptr<detail::permit_core> core_;
};

}  // namespace hawser::shm
