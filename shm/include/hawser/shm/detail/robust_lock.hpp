/// A lock in shared memory that survives its holder.
///
///   owner   0, or the holder's tag              CAS by a taker, 0 by the holder or a sweeper
///   sleepers 1: somebody may sleep on this word  1 by a sleeper, 0 by whoever then wakes
///
///   owner        if the holder dies, ...
///   0            -
///   tag          the next taker that looks finds the tag dead and replaces it by its own
///                (a "stolen" lock), or a sweeper sets 0; either repairs nothing: the data
///                behind the lock is consistent at every instruction (see each channel's
///                layout header). Where a channel does have something to put right first,
///                a taker has the dead one swept (`after_death::swept`) instead.
///
///   I1  A holder that is stopped, not dead, stops its side of the channel. Nobody can tell
///       a stopped process from a slow one.
///   E1  owner.store(0, release) in unlock -> owner CAS (acquire) in lock
///   E2  unlock stores 0, light fence, reads sleepers; a sleeper stores 1, heavy fence, reads
///       owner. The sleeper sleeps on `sleepers`, not on `owner`: a flag that was cleared
///       between its store and its sleep makes the kernel send it back at once.
#pragma once

#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/fence.hpp>
#include <hawser/shm/detail/futex.hpp>
#include <hawser/shm/detail/mutant.hpp>

#include <atomic>
#include <cstdint>

namespace hawser::shm::detail {

/// How the lock of a dead holder comes to the next one.
enum class after_death {
  stolen,  ///< it is taken over
  swept    ///< by a sweep, which first puts right what the dead one left
};

struct robust_lock {
  std::atomic<std::uint32_t> owner;
  std::atomic<std::uint32_t> sleepers;

  /// Takes the lock for `self`. False: the deadline passed while another process held it.
  bool lock(attachment& self, std::uint32_t tag, const deadline& until,
            after_death heir = after_death::stolen) {
    std::uint32_t free = 0;
    if (owner.compare_exchange_strong(free, tag, std::memory_order_acquire,  // E1
                                      std::memory_order_relaxed)) [[likely]]
      return true;
    return lock_slowly(self, tag, until, heir);
  }

  void unlock() noexcept {
    owner.store(0, HAWSER_MUTATE(lock_not_released, std::memory_order_release,
                                 std::memory_order_relaxed));  // E1
    if (load_after_light_fence(sleepers) != 0) [[unlikely]]
      wake();  // E2
  }

  /// For a sweeper: frees the lock if `dead` holds it, and wakes whoever sleeps.
  void release_dead(std::uint32_t dead) noexcept {
    owner.compare_exchange_strong(dead, 0, std::memory_order_acq_rel);
    wake();
  }

  void wake() noexcept {
    sleepers.store(0, std::memory_order_relaxed);
    futex_wake_all(sleepers);
  }

 private:
  bool lock_slowly(attachment& self, std::uint32_t tag, const deadline& until, after_death heir);
};
static_assert(sizeof(robust_lock) == 8);

}  // namespace hawser::shm::detail
