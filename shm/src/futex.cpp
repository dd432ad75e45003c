#include <hawser/shm/detail/fence.hpp>
#include <hawser/shm/detail/futex.hpp>

#include <climits>
#include <ctime>

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hawser::shm::detail {

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::chrono::nanoseconds timeout) noexcept {
  timespec relative{};
  const bool bounded = timeout.count() >= 0;
  if (bounded) {
    relative.tv_sec = static_cast<time_t>(timeout.count() / 1'000'000'000);
    relative.tv_nsec = static_cast<long>(timeout.count() % 1'000'000'000);
  }
  // No FUTEX_PRIVATE_FLAG. Every return, EINTR and EAGAIN included, makes the caller look again.
  syscall(SYS_futex, &word, FUTEX_WAIT, expected, bounded ? &relative : nullptr, nullptr, 0);
}

void futex_wake_all(std::atomic<std::uint32_t>& word) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

std::atomic<bool> asymmetric_fences{false};

void register_fences() noexcept {
#if !defined(HAWSER_TSAN)
  const long result = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
  asymmetric_fences.store(result == 0, std::memory_order_relaxed);
#endif
}

void heavy_fence() noexcept {
#if !defined(HAWSER_TSAN)
  // For notifiers that pass a real fence, because the kernel did not register them.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (fences_are_whole()) syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
#endif
}

}  // namespace hawser::shm::detail
