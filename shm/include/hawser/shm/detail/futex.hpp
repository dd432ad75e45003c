/// Sleeping on a 32-bit word of shared memory. Shared futexes only: a private one, and so
/// `std::atomic::wait`, never wakes across processes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace hawser::shm::detail {

using clock = std::chrono::steady_clock;
/// The end of a wait; nothing means: for ever.
using deadline = std::optional<clock::time_point>;

/// The end of a wait of `duration`; beyond the clock's range means for ever.
template <class Rep, class Period>
deadline deadline_after(std::chrono::duration<Rep, Period> duration) {
  using limit = std::chrono::duration<double>;
  if (limit{duration} > limit{std::chrono::hours{24 * 365 * 100}}) return std::nullopt;
  return clock::now() + std::chrono::ceil<clock::duration>(duration);
}

static_assert(sizeof(std::atomic<std::uint32_t>) == 4);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// Sleeps while `word` is `expected`, for `timeout` at most; wakes spuriously.
/// A negative timeout means for ever.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::chrono::nanoseconds timeout) noexcept;

/// Wakes all that sleep on `word`.
void futex_wake_all(std::atomic<std::uint32_t>& word) noexcept;

/// A hint to the processor inside a spinning loop.
inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace hawser::shm::detail
