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

/// The end of a wait of `duration`; beyond the clock's range means for ever. What is not more than
/// nothing ends now.
template <class Rep, class Period>
deadline deadline_after(std::chrono::duration<Rep, Period> duration) {
  using seconds = std::chrono::duration<double>;
  constexpr seconds for_ever = std::chrono::hours{24 * 365 * 100};
  if (seconds{duration} > for_ever) return std::nullopt;
  if (!(duration > duration.zero())) return clock::now();
  return clock::now() + std::chrono::ceil<clock::duration>(duration);
}

/// The end of a wait until `time`, which may be as far away as its type allows: the difference to
/// time_point::min() has no value.
template <class Clock, class Duration>
deadline deadline_at(std::chrono::time_point<Clock, Duration> time) {
  using seconds = std::chrono::duration<double>;
  const auto now = Clock::now();
  const seconds left = seconds{time.time_since_epoch()} - seconds{now.time_since_epoch()};
  if (left > std::chrono::hours{24 * 365 * 100}) return std::nullopt;
  if (left < std::chrono::hours{-1}) return clock::now();
  return deadline_after(time - now);
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
