/// "Something changed" for processes that sleep: the wake-up half of every blocking operation.
///
///   bit 0   somebody may sleep on this word      set by a sleeper, cleared by a notifier
///   bit 1   a doorbell is armed (see doorbell)   set by a watcher, cleared by a notifier
///   2..31   counts notifications that found a bit set
///
/// Bit 0 is a flag, not a count of sleepers: a sleeper that was killed costs one spurious
/// wake-up and nothing more.
///
///   E1  The notifier publishes, passes the light fence and reads the bits; the sleeper sets
///       its bit, passes the heavy fence and looks again before it sleeps.
#pragma once

#include <hawser/shm/detail/fence.hpp>
#include <hawser/shm/detail/futex.hpp>

#include <atomic>
#include <cstdint>

namespace hawser::shm::detail {

struct event_count {
  static constexpr std::uint32_t sleeper = 1, armed = 2, step = 4;

  std::atomic<std::uint32_t> word;

  /// Announces a sleeper (or an armed doorbell). Look again before sleeping on the key.
  std::uint32_t announce(std::uint32_t bit = sleeper) noexcept {
    const std::uint32_t key = word.fetch_or(bit, std::memory_order_seq_cst) | bit;  // E1
    heavy_fence();
    return key;
  }

  /// Whether a notification must go to the kernel. Call after publishing.
  [[nodiscard]] bool wanted() noexcept {
    return (load_after_light_fence(word) & (sleeper | armed)) != 0;  // E1
  }

  /// Advances the word and wakes every sleeper. Returns whether a doorbell was armed.
  bool wake() noexcept {
    std::uint32_t old = word.load(std::memory_order_relaxed);
    // Release: a sleeper that sees the new word sees what was published before it.
    while (!word.compare_exchange_weak(old, (old + step) & ~(sleeper | armed),
                                       std::memory_order_acq_rel, std::memory_order_relaxed)) {
    }
    futex_wake_all(word);
    return (old & armed) != 0;
  }
};
static_assert(sizeof(event_count) == 4);

}  // namespace hawser::shm::detail
