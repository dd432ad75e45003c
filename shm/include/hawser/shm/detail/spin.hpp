/// Spinning before sleeping, for as long as that has been worth it lately.
#pragma once

#include <hawser/shm/detail/fence.hpp>
#include <hawser/shm/detail/futex.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include <sched.h>

namespace hawser::shm::detail {

/// Processors of this machine. What this thread may run on says nothing of whom it waits for.
int processors() noexcept;

/// How long a view spins for one condition. Any threads; what they learn, they share.
class adaptive_spin {
 public:
  /// Spins until `hint()`, which costs about as much as `cost` looks at a word. False: it was not
  /// so for as long as is worth spinning.
  template <class Hint>
  bool until(Hint hint, std::uint32_t cost = 1) noexcept {
    static const bool alone = processors() == 1;
    if (alone) return false;
    const std::uint32_t turns = turns_.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < turns;) {  // looks and pauses
      if (hint()) {
        turns_.store(std::min(most, turns + turns / 4 + 1), std::memory_order_relaxed);
        return true;
      }
      // Each look takes the line away from whoever is about to write it: rarer, the longer it takes.
      const std::uint32_t pauses = std::min(32U, 1 + i / 4);
      for (std::uint32_t p = 0; p < pauses; ++p) cpu_relax();
#if !defined(HAWSER_TSAN)  // threads that take turns hide their races
      if (pauses == 32) sched_yield();
#endif
      i += cost + pauses;
    }
    turns_.store(std::max(least, turns - turns / 4), std::memory_order_relaxed);
    return false;
  }

  /// What was waited for came just after the spinning had ended: announcing a sleeper, some
  /// microseconds of everybody's time, was in vain.
  void ended_too_early() noexcept {
    turns_.store(std::min(most, 2 * turns_.load(std::memory_order_relaxed)),
                 std::memory_order_relaxed);
  }
  /// It came so long after the spinning had begun. To fall asleep and to be woken takes about as long
  /// as `worth`, of which most is the other side's time: who mostly waits for less spins so long.
  void slept(std::chrono::nanoseconds all) noexcept {
    if (all < worth) ended_too_early();
  }

 private:
  static constexpr std::chrono::microseconds worth{100};
  static constexpr std::uint32_t least = 64, most = 4096;
  std::atomic<std::uint32_t> turns_{256};
};

inline void pause_a_moment() noexcept {
  for (int i = 0; i < 32; ++i) cpu_relax();
}

/// Waits a moment until there is enough, when there is little. For senders that found no room: a full
/// channel gives its receivers plenty to do, and who fills each gap at once has the cache lines go to
/// and fro for every message.
template <class Enough>
void let_gather(Enough enough) noexcept {
  for (int looks = 0; looks < 16 && !enough(); ++looks) pause_a_moment();
}

}  // namespace hawser::shm::detail
