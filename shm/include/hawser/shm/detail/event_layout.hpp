/// One event's bytes and their protocol: a word that says whether it is set and how often it was.
///
/// ```
/// body + 0     state      bit 0: set; bits 1..63: how often it became so
///      + 8     changed    sleepers and doorbells
///      + 12    reserved
///      + 16    waits      how often somebody slept
///      + 24    zero, up to 64
/// ```
///   field     written by              if that process dies there
///   state     anybody, by one RMW *   before: nothing happened; after: all but the waking
///   changed   sleepers and setters    a sweep wakes everybody
///   waits     sleepers                one more or less is counted
///
/// Operations (the step that commits is marked *; whoever dies leaves one side of it):
///
///   set     state = set already ? state : (state + 2) | 1 *; notify changed
///   clear   state = state & ~1 *
///   wait    began = state; until state is set, or its count is not that of `began`
///
///   state   who may change it   who leaves it   if that process dies here, a sweep ...
///   clear   anybody             set             has nothing to do
///   set     anybody             clear           wakes everybody: the setter may not have got to it
///
///   I1  The count only grows, by one for each time that the event becomes set.
///   I2  A wait that began before a set ends by it, whatever is cleared in between: it sees the
///       count. So nobody has to keep an event set until all have woken.
///   I3  No lock, and nothing is held: who is stopped anywhere stops nobody. A setter that is
///       stopped before it notifies leaves its sleepers to the next set, or to the end of their
///       slice.
///   I4  set and clear always write, also what stands there already. So they come one after the
///       other: a set that found the event set comes before the clear that takes it back, and
///       whoever clears sees what that setter had written (E1). A setter that only looked might be
///       overtaken by the clear and what follows it, its own news still in its store buffer.
///
///   E1  RMW(acq_rel) in set, clear -> RMW(acq_rel) in set, clear; load(acquire) in is_set, wait
///       Whoever sees a state sees what was written before every set and clear that led to it.
///   E2  commit, light fence, event bits -> event bits, heavy fence, look again (event_count)
#pragma once

#include <hawser/shm/detail/event_count.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hawser::shm::detail {

struct alignas(64) event_layout {
  // Anybody, atomically. In one cache line: a setter needs both words, and each waiter, too.
  std::atomic<std::uint64_t> state;
  event_count changed;
  std::atomic<std::uint32_t> reserved;
  std::atomic<std::uint64_t> waits;
  std::array<std::byte, 40> zero;
};
static_assert(sizeof(event_layout) == 64);
static_assert(offsetof(event_layout, state) == 0);
static_assert(offsetof(event_layout, changed) == 8);
static_assert(offsetof(event_layout, waits) == 16);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// What a state says.
inline constexpr std::uint64_t event_set_bit = 1, event_one_set = 2;

constexpr bool event_is_set(std::uint64_t state) noexcept { return (state & event_set_bit) != 0; }
constexpr std::uint64_t event_sets(std::uint64_t state) noexcept { return state / event_one_set; }

/// The state after a set.
constexpr std::uint64_t event_state_after_set(std::uint64_t state) noexcept {
  return event_is_set(state) ? state : (state + event_one_set) | event_set_bit;
}

}  // namespace hawser::shm::detail
