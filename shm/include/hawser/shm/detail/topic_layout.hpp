/// The topic's bytes and their protocol: publish and subscribe, one ring, no copies per subscriber.
///
/// ```
/// body + 0      geometry            written by the creator only
///      + 128    publishers' side    lock, tail, gate, cut_off
///      + 256    shared              events, closed, waits: read often, written seldom
///      + 384    subscriber_row      256 rows of 128 bytes, by participant id; row 0 unused
///      + 33152  slot 0, slot 1, ... geometry.slot_bytes each
///
/// slot  + 0     state   position:62 | kind:2
///       + geometry.payload_offset   the message, in whole words; a variable one as u64 length,
///                                   bytes
/// ```
/// A message has a position p, and lives in slot p mod slots until position p + slots is written.
/// tail starts at `slots`, so that an all-zero slot is no position in use. Positions have no gaps.
///
///   kind        what it means                        if the publisher dies there
///   (zero)      never used
///   writing(p)  p's bytes are being written          junk: p is written anew by the next publisher
///   staged(p)   a message if p < tail, else junk     stands if p < tail, else written anew
///   full(p)     a message, committed by this store   stands; the next publisher moves tail behind
///
/// Operations (each `store` that commits is marked *; whoever dies leaves one side of it):
///
///   publish    lock; t = tail; if full(t): tail = ++t; if t reaches the gate: look at the rows;
///              writing(t); bytes; full(t)*; tail = t + 1; unlock; notify items
///   publish n  lock; likewise; for t, t + 1, ... below the gate: writing, bytes, staged; tail = *;
///              unlock; notify items
///   subscribe  lock; t = tail; cursor = t - what is wanted of what is there; limit ...;
///              gate = min(gate, cursor + limit); row.kind = lossless | latest *; unlock
///   take       lossless: c = cursor; full(c) | staged(c), c < tail: read; cursor = c + 1 *;
///              notify space.    latest: the same, as a copy, and the state word is looked at again
///              behind it: another one, and the copy is nothing. No lock.
///   cut off    by a publisher, under the lock: kind: lossless -> cut *
///   leave      by its process or a sweep: kind = none *; wake everybody
///   close      lock; closed = 1*; unlock; wake everybody
///
/// A row, who writes what, and what is found if its subscriber dies:
///
///   kind       none | lossless | latest | cut    the subscriber, under the lock; publishers cut;
///                                                a sweep or leave sets none, without it
///   cursor     the next position it takes        the subscriber only. Stays as it is: publishers
///                                                wait for it until the sweep, which comes by
///                                                itself (see attachment)
///   limit, patience                              the subscriber, before kind
///   stuck_at, stuck_since                        publishers, under the lock: the cursor that holds
///                                                them up, and when they found that
///   missed     for people                        the subscriber
///
/// What a lossless subscriber that is *stopped* (not dead) does not take holds publishers up: that
/// is what lossless means. `patience` bounds it: then it copies as `latest` does, since a publisher
/// may go over what it is reading.
///
///   I1  gate <= cursor + limit of every lossless row, and limit <= slots. Cursors only grow, and a
///       row appears under the lock together with its gate. So a publisher below the gate looks at
///       no row: its cost does not depend on how many there are. At the gate it looks at all.
///   I2  No slot from which a lossless row may read is written: a publisher at t < gate writes over
///       position t - slots, and every cursor is above that.
///   I3  A cursor is never above tail, but by one while a dead publisher's tail is behind.
///   I4  Positions below tail - slots are gone; from there on they are there, but for those that a
///       publisher, alive or dead, has begun to write over: a run that begins at tail - slots.
///   I5  Nothing needs a repair step: a publisher finds at tail whatever the last one left there and
///       goes on from it. A stolen lock is just a lock.
///
///   E1  state.store(full, release)  -> state.load(acquire) in take:  the message's bytes
///   E2  tail.store(release)         -> tail.load(acquire) in take:   staged messages' bytes
///   E3  cursor.store(release)       -> cursor.load(acquire) under the lock: the subscriber has read
///       the message before a publisher writes over it
///   E4  kind.store(none, release)   -> kind.load(acquire) under the lock: the same for one that
///       left or died
///   E5  closed.store(release)       -> closed.load(acquire): what was published before close is
///       seen by whoever sees it closed
///   E6  publish, light fence, event bits -> event bits, heavy fence, look again (event_count)
///   E7  word.store(release) behind writing(p) -> word.load(acquire) in a copy: whoever read a word
///       of the next message sees another state word behind it
#pragma once

#include <hawser/shm/detail/event_count.hpp>
#include <hawser/shm/detail/robust_lock.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hawser::shm::detail {

enum class topic_slot_kind : std::uint32_t { unused, writing, staged, full };

/// One word that says everything about a slot.
struct topic_slot_state {
  std::uint64_t bits = 0;

  static constexpr topic_slot_state make(topic_slot_kind kind, std::uint64_t position) {
    return {position << 2 | static_cast<std::uint64_t>(kind)};
  }
  constexpr topic_slot_kind kind() const { return static_cast<topic_slot_kind>(bits & 3); }
  constexpr std::uint64_t position() const { return bits >> 2; }
  /// Whether the message of `position` is here, when tail is `tail`.
  constexpr bool holds(std::uint64_t position, std::uint64_t tail) const {
    return bits == make(topic_slot_kind::full, position).bits ||
           (bits == make(topic_slot_kind::staged, position).bits && position < tail);
  }
};
static_assert(topic_slot_state::make(topic_slot_kind::full, 5).position() == 5);
static_assert(!topic_slot_state::make(topic_slot_kind::staged, 5).holds(5, 5));

enum class row_kind : std::uint32_t { none, lossless, latest, cut };

struct subscriber_row {
  // The subscriber.
  std::atomic<std::uint64_t> cursor;
  std::atomic<std::uint64_t> missed;

  // Written when it comes, goes, or holds publishers up.
  alignas(64) std::atomic<row_kind> kind;
  std::atomic<std::uint32_t> reserved;
  std::atomic<std::uint64_t> limit;
  std::atomic<std::int64_t> patience_ns;  // negative: for ever
  std::atomic<std::uint64_t> stuck_at;
  std::atomic<std::int64_t> stuck_since_ns;  // CLOCK_MONOTONIC
};
static_assert(sizeof(subscriber_row) == 128);
static_assert(offsetof(subscriber_row, kind) == 64);
static_assert(std::atomic<row_kind>::is_always_lock_free);

struct topic_layout {
  // The creator.
  std::uint64_t slots;
  std::uint64_t slot_bytes;
  std::uint64_t payload_offset;
  std::uint64_t payload_bytes;  // room for one message, without a variable one's length
  std::uint32_t variable;       // 1: messages carry their length

  // Publishers, under `publishers`; anybody reads tail.
  alignas(128) robust_lock publishers;
  std::atomic<std::uint64_t> tail;
  std::atomic<std::uint64_t> gate;  // I1; UINT64_MAX: no lossless subscriber was seen
  std::atomic<std::uint64_t> cut_off;

  // Anybody, atomically.
  alignas(128) event_count items;
  event_count space;
  std::atomic<std::uint32_t> closed;
  std::atomic<std::uint32_t> reserved;
  std::atomic<std::uint64_t> waits;

  alignas(128) std::array<subscriber_row, participants_max + 1> rows;
};
static_assert(sizeof(topic_layout) == 384 + 256 * 128);
static_assert(offsetof(topic_layout, publishers) == 128);
static_assert(offsetof(topic_layout, items) == 256);
static_assert(offsetof(topic_layout, rows) == 384);

}  // namespace hawser::shm::detail
