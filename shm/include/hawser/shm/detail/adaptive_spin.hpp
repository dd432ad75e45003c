/// Spinning before sleeping, for as long as it has been worth it.
#pragma once

#include <hawser/shm/detail/futex.hpp>
#include <hawser/shm/detail/queue_core.hpp>  // processors

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace hawser::shm::detail {

class adaptive_spin {
 public:
  /// Looks whether `holds()` until it does or patience ends. False: sleep now.
  template <class Holds>
  bool operator()(Holds holds) noexcept {
    static const bool alone = processors() == 1;
    if (alone) return false;
    const std::uint32_t turns = turns_.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < turns; ++i) {
      if (holds()) {
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
