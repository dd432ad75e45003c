/// Waiting on many channels of any kinds at once, without a thread for each.
///
/// ```cpp
/// switch (shm::wait_any(jobs, shm::when(results, shm::ready::writable), stop)) { ... }
///
/// shm::wait_set all;                       // for many channels, or a loop
/// all.add(1, jobs);
/// all.add(2, replies);
/// while (const auto key = all.wait()) ...  // 1 or 2, in turn if both stay ready
/// ```
/// They only look; what is there is taken by the channels' own try_ functions. So nothing can get
/// lost by a deadline, and between looking and taking somebody else may have been faster.
#pragma once

#include <hawser/shm/condition.hpp>
#include <hawser/shm/detail/message_io.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>

namespace hawser::shm {

/// Channels to wait on again and again, each under a key of the caller's choice.
///
/// What is ready is reported as long as it is (level-triggered), and in turn: a channel that is
/// always ready is reported once, then whatever else is ready, then it again.
///
/// Threads    add and remove: any; wait: one at a time. A key is removed before its channel is
///            destroyed. In a forked child the set goes on with the child's own channels.
/// Crash      Nothing of it is in shared memory.
/// Units      A wait looks only at what it reported before or what became ready since: its cost
///            does not grow with the channels that are quiet.
class wait_set {
 public:
  using key_type = std::uint64_t;

  wait_set() = default;
  wait_set(const wait_set&) = delete;
  wait_set& operator=(const wait_set&) = delete;
  ~wait_set();

  /// Errors     `bad_argument`: the key is taken.
  void add(key_type key, condition what);
  template <waitable Channel>
  void add(key_type key, Channel& channel, ready what = ready::readable) {
    add(key, condition{channel, what});
  }
  /// Returns    Whether the key was there.
  bool remove(key_type key);
  [[nodiscard]] std::size_t size() const;

  /// Waits until one is ready, and says which.
  ///
  /// Returns    Nothing when the set is empty.
  /// Errors     `no_resources`: no thread or descriptor is left.
  /// Blocks     Until one is ready or the set is empty.
  std::optional<key_type> wait() { return wait_before({}); }
  /// Returns    Nothing also when none is ready now.
  std::optional<key_type> try_wait() { return wait_before(detail::clock::time_point::min()); }
  /// Returns    Nothing also when none was in time.
  template <class Rep, class Period>
  std::optional<key_type> wait_for(std::chrono::duration<Rep, Period> duration) {
    return wait_before(detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  std::optional<key_type> wait_until(std::chrono::time_point<Clock, Duration> time) {
    return wait_before(detail::deadline_at(time));
  }

 private:
  struct member {
    key_type key;
    condition what;
    bool quiet = false;  // armed, in quiet_; else in candidates_
  };
  using members = std::list<member>;

  std::optional<key_type> wait_before(const detail::deadline& until);
  std::optional<key_type> look_at_candidates(bool last);
  std::optional<key_type> look_at_quiet();
  void became_ready(members::iterator which) noexcept;
  void restart_after_fork() noexcept;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<key_type, members::iterator> keys_;
  // New ones, reported ones and those that became ready, in the order of being looked at.
  members candidates_;
  // Not ready when they were armed: a callback moves them to the candidates.
  members quiet_;
  std::uint32_t forks_ = detail::forks();
};

namespace detail {
std::optional<std::size_t> wait_any_before(std::span<condition> all, const deadline& until);

template <class... Conditions>
std::optional<std::size_t> wait_any_before(const deadline& until, Conditions&&... what) {
  std::array all{condition{std::forward<Conditions>(what)}...};
  return wait_any_before(std::span<condition>{all}, until);
}
}  // namespace detail

/// What wait_any takes: a channel, to become readable, or `when(channel, ready::writable)`.
template <class What>
concept waited_for = std::constructible_from<condition, What>;

/// Waits until one of several channels is ready.
///
/// Returns    The index of a ready one among the arguments; of several, any one.
/// Errors     `no_resources`: no thread or descriptor is left.
/// Blocks     Until one is ready, closed or ended.
/// Threads    Any.
/// Crash      Nothing is taken, so nothing is held; a process that dies elsewhere with a lease
///            makes the channel ready as soon as its lease is back.
template <waited_for... What>
requires(sizeof...(What) > 0) [[nodiscard]] std::size_t wait_any(What&&... what) {
  return *detail::wait_any_before(detail::deadline{}, std::forward<What>(what)...);
}
/// Returns    Nothing when none was ready in time. Each is looked at, also for a time of zero.
template <class Rep, class Period, waited_for... What>
[[nodiscard]] std::optional<std::size_t> wait_any_for(std::chrono::duration<Rep, Period> duration,
                                                      What&&... what) {
  return detail::wait_any_before(detail::deadline_after(duration), std::forward<What>(what)...);
}
template <class Clock, class Duration, waited_for... What>
[[nodiscard]] std::optional<std::size_t> wait_any_until(
    std::chrono::time_point<Clock, Duration> time, What&&... what) {
  return detail::wait_any_before(detail::deadline_at(time), std::forward<What>(what)...);
}

/// The same for a number of conditions that is known only when the program runs; they may be used
/// again. None at all: nothing, at once.
[[nodiscard]] inline std::optional<std::size_t> wait_any(std::span<condition> all) {
  return detail::wait_any_before(all, {});
}
template <class Rep, class Period>
[[nodiscard]] std::optional<std::size_t> wait_any_for(std::chrono::duration<Rep, Period> duration,
                                                      std::span<condition> all) {
  return detail::wait_any_before(all, detail::deadline_after(duration));
}
template <class Clock, class Duration>
[[nodiscard]] std::optional<std::size_t> wait_any_until(
    std::chrono::time_point<Clock, Duration> time, std::span<condition> all) {
  return detail::wait_any_before(all, detail::deadline_at(time));
}

}  // namespace hawser::shm
