/// A door: where a process that reads many channels sleeps, and whoever has put something into one
/// of them rings.
///
/// ```
/// body + 0     rung       sleepers
///      + 4     reserved
///      + 8     waits      how often somebody slept
///      + 16    zero, up to 64
/// ```
///   field     written by              if that process dies there
///   rung      sleepers and visitors   a sweep wakes everybody
///   waits     sleepers                one more or less is counted
///
/// Operations:
///
///   ring    after the news was published elsewhere: notify rung
///   wait    until the news is seen: announce, look, sleep
///
///   I1  What is new is not said here: it stands in the channels, whose own protocols commit it. So
///       a ring too many costs a look, and who is rung sees all of it, whoever rang.
///   I2  A visitor that died between its news and its ring is swept, and the sweep wakes. One that is
///       stopped there leaves its news to the next ring, or to the end of the sleeper's slice.
///
///   E1  publish, light fence, event bits -> event bits, heavy fence, look again (event_count)
///       A ring that meets nobody asleep reads one word, and writes nothing.
#pragma once

#include <hawser/shm/detail/event_count.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hawser::shm::detail {

struct alignas(64) door_layout {
  event_count rung;
  std::atomic<std::uint32_t> reserved;
  std::atomic<std::uint64_t> waits;
  std::array<std::byte, 48> zero;
};
static_assert(sizeof(door_layout) == 64);
static_assert(offsetof(door_layout, rung) == 0);
static_assert(offsetof(door_layout, waits) == 8);

}  // namespace hawser::shm::detail
