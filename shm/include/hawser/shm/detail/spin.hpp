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

}  // namespace hawser::shm::detail
