/// Who is restarted, when, and how often: without threads, with the time and chance given.
#pragma once

#include <hawser/actors/child_end.hpp>
#include <hawser/actors/supervisor_options.hpp>

#include <chrono>
#include <cstddef>
#include <deque>

namespace hawser::actors::detail {

using supervisor_clock = std::chrono::steady_clock;

/// Children `first` to `last` - 1, in the order of their start.
struct child_range {
  std::size_t first = 0;
  std::size_t last = 0;

  friend bool operator==(const child_range&, const child_range&) = default;
};

/// Who is restarted with child `index` of `count`, itself included.
child_range restarted_with(restart_strategy strategy, std::size_t index, std::size_t count);

bool is_to_restart(restart_when when, const child_end& end);

/// How many restarts there have been in a while, and whether there may be another one.
class restart_intensity {
 public:
  restart_intensity(unsigned restarts, std::chrono::milliseconds within)
      : restarts_max_(restarts), within_(within) {}

  /// One more. False: it is one too many.
  bool add(supervisor_clock::time_point now);
  /// Of those within the time.
  unsigned count() const { return static_cast<unsigned>(times_.size()); }

 private:
  unsigned restarts_max_;
  std::chrono::milliseconds within_;
  std::deque<supervisor_clock::time_point> times_;  // restarts_max_ + 1 at most
};

/// How long one child's next restart waits.
class restart_delay {
 public:
  explicit restart_delay(const restart_backoff& how) : how_(how) {}

  void started(supervisor_clock::time_point now) { started_ = now; }
  /// `chance` is in [0, 1).
  std::chrono::milliseconds next(supervisor_clock::time_point now, double chance);

 private:
  restart_backoff how_;
  supervisor_clock::time_point started_{};
  std::chrono::milliseconds grown_{0};  // 0: the next one is the first
  bool is_first_ = true;
};

}  // namespace hawser::actors::detail
