/// One value's bytes and their protocol: two copies and a number that says which one is valid.
///
/// ```
/// body + 0      sizes      written by the creator only
///      + 64     the rest of value_layout: lock, version, event
///      + 128    copy 0     value_bytes, then up to the next multiple of 64
///      + 128 + copy_bytes  copy 1
/// ```
///   field              written by                        if that process dies there
///   copy[version & 1]  nobody: it is the value           -
///   the other copy     the holder of `writers`           junk stays, the next writer starts anew
///   version            the holder of `writers`, + 1 *    before: nothing happened; after: all
///   writers            see robust_lock                   stolen or swept: just a lock
///   changed            sleepers and notifiers            a sweep wakes everybody
///
/// Operations (the store that commits is marked *; whoever dies leaves one side of it):
///
///   store, exchange, update   lock; v = version; copy[(v + 1) & 1] = new; version = v + 1 *;
///                             unlock; notify changed
///   load                      v = version; copy[v & 1] out; version still v, else again
///   wait_change               until version is another one
///
///   I1  version grows by one at a time, and only when the copy it makes valid is whole.
///   I2  A reader that saw v before and after it copied has the value of v: the words of
///       copy[v & 1] change again for v + 2 only, which begins after v + 1 was stored.
///   I3  Nothing needs a repair: whatever a dead writer left in the other copy, nobody reads it.
///
///   E1  version.store(release) -> version.load(acquire) in load:  the words of the copy
///   E2  a writer has seen v + 1, release fence, words of v + 2 -> words, acquire fence,
///       version.load in load: who has seen one of these words sees v + 1 at least
///   E3  publish, light fence, event bits -> event bits, heavy fence, look again (event_count)
#pragma once

#include <hawser/shm/detail/event_count.hpp>
#include <hawser/shm/detail/robust_lock.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hawser::shm::detail {

struct value_layout {
  // The creator.
  std::uint64_t value_bytes;
  std::uint64_t copy_bytes;

  // Writers, under `writers`; anybody reads version.
  alignas(64) robust_lock writers;
  std::atomic<std::uint64_t> version;
  // Anybody, atomically.
  event_count changed;
  std::atomic<std::uint32_t> reserved;
  std::atomic<std::uint64_t> waits;
};
static_assert(sizeof(value_layout) == 128);
static_assert(offsetof(value_layout, writers) == 64);
static_assert(offsetof(value_layout, version) == 72);

/// The distance of the copies of a value.
constexpr std::size_t value_copy_bytes(std::size_t value_bytes) noexcept {
  return (value_bytes + 63) / 64 * 64;
}

}  // namespace hawser::shm::detail
