/// The store-load fence between "I published" and "does anybody sleep?", paid by the sleeper.
///
/// A notifier publishes, passes `light_fence()` and reads a sleeper flag; a sleeper sets the
/// flag, passes `heavy_fence()` and checks once more what was published. One of the two sees
/// the other. Where the kernel offers `membarrier(GLOBAL_EXPEDITED)`, the sleeper's fence
/// makes every running process of Hawser execute a barrier, so that the notifier's, on the
/// hot path, is a compiler barrier only. A process that the kernel did not register uses
/// real fences when it notifies and short slices when it sleeps (see `fences_are_whole`).
#pragma once

#include <atomic>

#if defined(__SANITIZE_THREAD__)
#define HAWSER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAWSER_TSAN 1
#endif
#endif

namespace hawser::shm::detail {

extern std::atomic<bool> asymmetric_fences;

/// Registers this process with the kernel, once; also after a fork.
void register_fences() noexcept;

/// Whether `heavy_fence()` reaches notifiers that passed no real fence.
inline bool fences_are_whole() noexcept {
  return asymmetric_fences.load(std::memory_order_relaxed);
}

void heavy_fence() noexcept;

#if !defined(HAWSER_TSAN)
inline void light_fence() noexcept {
  if (asymmetric_fences.load(std::memory_order_relaxed)) [[likely]]
    std::atomic_signal_fence(std::memory_order_seq_cst);
  else std::atomic_thread_fence(std::memory_order_seq_cst);
}
#endif

/// Reads a sleeper flag after `light_fence()`.
template <class Word>
auto load_after_light_fence(Word& word) noexcept {
#if defined(HAWSER_TSAN)
  // ThreadSanitizer knows no fences; a read-modify-write orders the same and it sees it.
  return word.fetch_or(0, std::memory_order_seq_cst);
#else
  light_fence();
  return word.load(std::memory_order_relaxed);
#endif
}

}  // namespace hawser::shm::detail
