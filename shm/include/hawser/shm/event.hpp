/// A named flag that processes set and wait for.
///
/// ```cpp
/// shm::event ready{open_or_create, "ready"};
/// ready.set();                                  // in one process: everybody goes on
/// ready.wait();                                 // in others: until it is set
///
/// shm::event next{open_or_create, "next"};      // a gate that lets through who waits
/// next.set();
/// next.clear();                                 // none of them is left behind by this
/// ```
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/event_core.hpp>
#include <hawser/shm/segment.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

namespace hawser::shm {

/// What a creator chooses.
struct event_options {
  bool set = false;    ///< Whether it begins as set.
  mode_t mode = 0600;  ///< Who may open it, as for a file.
  bool keep = false;   ///< Outlives its processes until shm::remove.
};

/// A flag between processes: set until somebody clears it.
///
/// Whoever waits goes on when it is set, and also when it was set and cleared again meanwhile: a
/// wait sees every set since it began, however short.
///
/// Whoever finds it set, or cleared, sees what was written before the `set` or `clear` that made it
/// so. That holds for a `set` that found it set already, too: what was written before it is seen by
/// whoever clears the event after it.
///
/// Threads    All member functions, from any threads. Moving and destroying: one thread, with
///            no other inside. Not from signal handlers. After fork, the child takes a place
///            of its own at its first use (looking at `is_set` and `sets` needs none).
/// Crash      Setting and clearing commit with one instruction each, and hold nothing: a process
///            killed anywhere leaves the event as it was or as it was to be, and whoever waits for
///            it goes on within milliseconds. A process that is *stopped* (SIGSTOP) anywhere stops
///            nobody; exactly between setting and waking, those who sleep notice by themselves
///            within a quarter of a second, or at the next `set`.
class event {
 public:
  /// Creates it. A stale one of the same name is replaced.
  /// Errors     `already_exists`, `no_space`, `bad_name`, `bad_argument`, `permission_denied`,
  ///            `foreign_owner`, `busy`, `no_resources`.
  event(create_only_t, std::string_view name, event_options options = {})
      : core_(make(detail::opening::create_only, name, options)) {}

  /// Opens it if somebody is attached (or it is kept), as it is; else creates it.
  /// Errors     Those of both.
  event(open_or_create_t, std::string_view name, event_options options = {})
      : core_(make(detail::opening::open_or_create, name, options)) {}

  /// Opens an existing one.
  /// Errors     `not_found`, `stale`, `damaged`, `version_mismatch`, `kind_mismatch`,
  ///            `permission_denied`, `foreign_owner`, `too_many_participants`, `busy`,
  ///            `no_resources`.
  event(open_only_t, std::string_view name)
      : core_(make(detail::opening::open_only, name, {})) {}

  /// Sets it, and wakes everybody who waits.
  ///
  /// Returns    Whether it was not set before: of several who set it at once, one gets true.
  /// Blocks     Never.
  /// Crash      Killed inside, it is set or not; once it is, whoever waits goes on.
  bool set() { return core_->set(); }

  /// Takes it back. Who was waiting when it was set goes on all the same.
  ///
  /// Returns    Whether it was set: of several who clear it at once, one gets true.
  /// Blocks     Never.
  bool clear() { return core_->clear(); }

  /// Whether it is set now.
  /// Blocks     Never.
  [[nodiscard]] bool is_set() const noexcept { return core_->is_set(); }

  /// How often it became set, by all processes together. The state it was created with and the
  /// sets that found it set do not count.
  /// Blocks     Never.
  [[nodiscard]] std::uint64_t sets() const noexcept { return core_->sets(); }

  /// Waits until it is set, or has been set since this call.
  /// Blocks     Until then.
  void wait() const { core_->wait({}); }
  /// The same, for `duration` at most.
  /// Returns    False: it was not set.
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(std::chrono::duration<Rep, Period> duration) const {
    return core_->wait(detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool wait_until(std::chrono::time_point<Clock, Duration> time) const {
    return core_->wait(detail::deadline_at(time));
  }

  /// `wait` without a thread: calls `callback` once, from Hawser's own thread; soon if it is set
  /// already. Destroying the handle cancels.
  ///
  /// Errors     `no_resources`: no thread or descriptor is left.
  /// Blocks     Never; `callback` must not block either.
  [[nodiscard]] async_wait_handle async_wait(std::function<void()> callback) {
    return async_wait_handle{core_->async_wait(std::move(callback))};
  }
  /// The same as for every channel (see condition.hpp): readable while it is set, and when it was
  /// set since this object has looked last (by `is_set`, `clear` or a wait); writable always.
  /// Threads that wait for short sets in this way use an object each.
  [[nodiscard]] async_wait_handle async_wait(ready what, std::function<void()> callback) {
    return async_wait_handle{core_->async_wait(what, std::move(callback))};
  }

  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }

 private:
  static std::unique_ptr<detail::event_core> make(detail::opening how, std::string_view name,
                                                  const event_options& options) {
    detail::event_request request;
    request.name = name;
    request.how = how;
    request.set = options.set;
    request.mode = options.mode;
    request.keep = options.keep;
    return std::make_unique<detail::event_core>(request);
  }

  std::unique_ptr<detail::event_core> core_;
};

}  // namespace hawser::shm
