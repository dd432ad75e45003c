/// Bytes that are read while somebody may be writing them: copied as words of 64 bits, each of them
/// atomic, so that it is no data race. Whether they belong together is for the caller to find out.
#pragma once

#include <hawser/shm/detail/fence.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hawser::shm::detail {

using shared_word = std::atomic<std::uint64_t>;
static_assert(sizeof(shared_word) == 8);

/// Relaxed; the last word is read as a whole.
[[gnu::always_inline]] inline void read_words(const shared_word* from, std::byte* to,
                                              std::size_t bytes) noexcept {
  for (; bytes >= sizeof(std::uint64_t); bytes -= sizeof(std::uint64_t), ++from) {
    const std::uint64_t word = from->load(std::memory_order_relaxed);
    std::memcpy(to, &word, sizeof word);
    to += sizeof word;
  }
  if (bytes == 0) return;
  const std::uint64_t word = from->load(std::memory_order_relaxed);
  std::memcpy(to, &word, bytes);
}

/// Relaxed; the last word is filled up with zeros.
[[gnu::always_inline]] inline void write_words(shared_word* to, const std::byte* from,
                                               std::size_t bytes) noexcept {
  for (; bytes >= sizeof(std::uint64_t); bytes -= sizeof(std::uint64_t), ++to) {
    std::uint64_t word;
    std::memcpy(&word, from, sizeof word);
    to->store(word, std::memory_order_relaxed);
    from += sizeof word;
  }
  if (bytes == 0) return;
  std::uint64_t word = 0;
  std::memcpy(&word, from, bytes);
  to->store(word, std::memory_order_relaxed);
}

// ThreadSanitizer knows no fences, and needs none here: it runs every atomic access in order.
inline void words_release_fence() noexcept {
#if !defined(HAWSER_TSAN)
  std::atomic_thread_fence(std::memory_order_release);
#endif
}
inline void words_acquire_fence() noexcept {
#if !defined(HAWSER_TSAN)
  std::atomic_thread_fence(std::memory_order_acquire);
#endif
}

}  // namespace hawser::shm::detail
