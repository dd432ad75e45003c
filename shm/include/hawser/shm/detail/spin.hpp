/// Spinning before sleeping, for as long as that has been worth it lately.
#pragma once

#include <hawser/shm/detail/futex.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace hawser::shm::detail {

/// Processors this process may run on.
int processors() noexcept;

/// How long a view spins for one condition. Any threads; what they learn, they share.
class adaptive_spin {
 public:
  /// Spins until `hint()`. False: it was not so for as long as is worth spinning.
  template <class Hint>
  bool until(Hint hint) noexcept {
    static const bool alone = processors() == 1;
    if (alone) return false;
    const std::uint32_t turns = turns_.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < turns; ++i) {
      if (hint()) {
        turns_.store(std::min(most, turns + turns / 4 + 1), std::memory_order_relaxed);
        return true;
      }
      cpu_relax();
    }
    turns_.store(std::max(least, turns - turns / 4), std::memory_order_relaxed);
    return false;
  }

 private:
  static constexpr std::uint32_t least = 16, most = 4096;
  std::atomic<std::uint32_t> turns_{256};
};

/// A moment's patience with a sender in full flow. A receiver that has caught up with it, and takes
/// each message while it is written, has the cache line go to and fro for every single one. Gets
/// longer while something has come of it, and else shorter.
class gathering {
 public:
  /// Waits. Returns whether something `has_come()`.
  template <class HasCome>
  bool operator()(HasCome has_come) noexcept {
    for (std::uint32_t i = 0; i < pauses_; ++i) cpu_relax();
    const bool worth = has_come();
    pauses_ = worth ? std::min(most, 2 * pauses_ + 1) : pauses_ / 2;
    return worth;
  }

 private:
  static constexpr std::uint32_t most = 32;
  std::uint32_t pauses_ = 0;
};

}  // namespace hawser::shm::detail
