#include <hawser/shm/detail/mutant.hpp>
#include <hawser/shm/detail/robust_lock.hpp>

namespace hawser::shm::detail {

bool robust_lock::lock_slowly(attachment& self, std::uint32_t tag, const deadline& until,
                              after_death heir) {
  // What stands behind the locks takes tens of nanoseconds: most waits end here.
  constexpr int turns = 200;
  const auto take = [&] {
    std::uint32_t free = 0;
    return owner.load(std::memory_order_relaxed) == 0 &&
           owner.compare_exchange_weak(free, tag, std::memory_order_acquire,  // E1
                                       std::memory_order_relaxed);
  };
  for (;;) {
    for (int i = 0; i < turns; ++i) {
      if (take()) return true;
      cpu_relax();
    }
    std::uint32_t holder = owner.load(std::memory_order_relaxed);
    if (holder != 0 && holder != tag &&
        HAWSER_MUTATE(dead_locks_stay, self.is_dead(holder), false)) {
      if (heir == after_death::swept && self.is_unswept(holder)) {
        if (self.sweep(id_of(holder))) continue;  // else somebody else does: sleep until then
      } else if (owner.compare_exchange_strong(holder, tag, std::memory_order_acquire,
                                               std::memory_order_relaxed)) {
        return true;  // stolen
      }
    }
    sleepers.store(1, std::memory_order_seq_cst);  // E2
    heavy_fence();
    if (owner.load(std::memory_order_seq_cst) == 0) continue;
    if (!self.sleep(sleepers, 1, until)) return false;
  }
}

}  // namespace hawser::shm::detail
