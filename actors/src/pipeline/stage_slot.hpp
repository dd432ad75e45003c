/// What one worker of a stage is at, in memory that its pipeline reads.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace hawser::actors::detail {

/// Words of a worker. Written by that worker alone, and, once it has died, by its pipeline.
///
///   state      what it is at since when:  ns since boot << 2 | phase
///   message    the number of the message it has, and 1; 0: none
///   the rest   counters that only grow, also over its deaths
///
///   S1  A counter of time changes between two changes of state, of which the first says `moving`: who
///       reads the same state before and behind it, and not that one, has read what belongs together.
struct stage_slot {
  enum word : std::size_t { state, message, done, dead, busy_ns, blocked_ns };
  static constexpr std::size_t words = 8;  // a cache line for each worker
  enum class phase : std::uint64_t { waiting, working, pushing, moving };

  struct reading {
    std::uint64_t done = 0, dead = 0;
    std::uint64_t busy_ns = 0, blocked_ns = 0;  ///< Up to now.
    std::uint64_t message = 0;
  };

  static std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
};

static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);

/// The worker's side.
class stage_slot_writer {
 public:
  using phase = stage_slot::phase;
  explicit stage_slot_writer(std::span<std::uint64_t> words)
      : words_(words), since_(stage_slot::now_ns()) {
    enter(phase::waiting, since_);
  }
  ~stage_slot_writer() { move_to(phase::waiting); }
  stage_slot_writer(const stage_slot_writer&) = delete;

  void begin(std::uint64_t number) {
    set(stage_slot::message, number + 1);
    move_to(phase::working);
  }
  /// It is counted before whoever gets what has become of it can look.
  void pushing(bool well) {
    add(well ? stage_slot::done : stage_slot::dead, 1);
    move_to(phase::pushing);
  }
  void ended() {
    move_to(phase::waiting);
    set(stage_slot::message, 0);
  }

 private:
  std::atomic_ref<std::uint64_t> at(stage_slot::word which) const {
    return std::atomic_ref{words_[which]};
  }
  // Relaxed: nothing else is told by it.
  void set(stage_slot::word which, std::uint64_t value) const {
    at(which).store(value, std::memory_order_relaxed);
  }
  // Release: who sees the new count has to see the state that came before it. (S1)
  void add(stage_slot::word which, std::uint64_t n) const {
    at(which).store(at(which).load(std::memory_order_relaxed) + n, std::memory_order_release);
  }
  void enter(phase next, std::uint64_t now) const {
    // Release: the counter comes before the state that ends its change. (S1)
    at(stage_slot::state)
        .store(now << 2 | static_cast<std::uint64_t>(next), std::memory_order_release);
  }
  void move_to(phase next) {
    const std::uint64_t now = stage_slot::now_ns();
    const phase before = std::exchange(phase_, next);
    if (before != phase::waiting) {
      enter(phase::moving, now);
      add(before == phase::working ? stage_slot::busy_ns : stage_slot::blocked_ns, now - since_);
    }
    enter(next, now);
    since_ = now;
  }

  const std::span<std::uint64_t> words_;
  phase phase_ = phase::waiting;
  std::uint64_t since_;
};

/// What a worker's words say now.
stage_slot::reading read_slot(std::span<std::uint64_t> words);
/// Of one that has died: it is at nothing any more.
void clear_slot(std::span<std::uint64_t> words);

}  // namespace hawser::actors::detail
