/// The queue's bytes and their protocol: many producers, many consumers, FIFO, leases.
///
/// ```
/// body + 0      geometry          written by the creator only
///      + 128    producers' side   lock, tail
///      + 256    consumers' side   lock, head
///      + 384    shared            events, closed, returned_seq ...: read often, written seldom
///      + 512    slot 0, slot 1, ...   geometry.slot_bytes each
///
/// slot  + 0     state   pos:46 | attempts:7 | holder id:8 | kind:3
///       + geometry.payload_offset   the message; a variable one as u64 length, bytes
/// ```
/// A message has a position p, and lives in slot p mod slots. tail and head start at `slots`,
/// so that an all-zero slot (free, position 0) is no position in use.
///
///   kind          what it means                        who leaves it       if that process
///                                                                          dies, a sweep ...
///   free(p)       nothing; p was taken for good        a producer          has nothing to do
///   full(p)       a message, committed by this store   a consumer          leaves it
///   staged(p)     a message if p < tail, else junk     a consumer/producer leaves it
///   leased(p,id)  given to participant id              the lessee          -> returned | dead
///   returned(p)   waits to be given out again          a consumer          leaves it
///   dead(p)       a dead letter                        a dead-letter taker leaves it
///   dead_leased   a dead letter given to id            the lessee          -> dead
///
/// Operations (each `store` that commits is marked *; whoever dies leaves one side of it):
///
///   push       lock; t = tail; if slot(t) is usable: bytes; full(t)*; tail = t + 1; unlock
///   push n     lock; for usable slots from tail on: bytes, staged(t_i); if it skipped any:
///              skipped_until = last + 1; tail = last + 1 *; unlock
///   lease      lock; h = head; full(h) | staged(h), h < tail -> leased(h, me)*; head = h + 1;
///              unlock
///   pop        lock; h = head; copy; full(h) | staged(h), h < tail -> free(h)*; head = h + 1;
///              unlock, notify space
///   ack        leased(me) -> free* (no lock), notify space
///   nack       leased(me) -> returned | dead* (no lock), returned_seq + 1, notify items
///   close      lock; closed = 1*; unlock; wake everybody
///
/// A producer at position t looks at slot(t), whose state carries a position q and a kind:
///   q == t, kind != staged   a producer died between its commit and tail: t is taken; t + 1
///   staged, q >= tail        the junk of a dead batch: usable
///   free                     usable
///   full, staged (q < tail)  the queue is full
///   leased, returned, dead   a message is in the way: position t is skipped; look at t + 1, at
///                            most `slots` times. A push that skipped commits like `push n`.
/// A consumer at position h looks at slot(h):
///   q == h: full, or staged and h < tail: take it.   staged and h >= tail: nothing there
///           any other kind: a consumer died between its commit and head; h + 1
///   q != h: h < tail: a skipped position; h + 1.     h >= tail: nothing there
///
///   I1  Whoever holds neither lock changes only slots that are leased to it (ack, nack), or
///       to a dead participant whose byte it holds (sweep).
///   I2  tail and head never pass a message: positions are visited one by one, and a slot is
///       used again only when free. So no position is lost or given out twice.
///   I3  returned_seq moves after every change that made a slot returned or dead; the sweep of
///       a dead process moves it too, for a change its victim made and did not announce.
///       Messages are searched for while returned_seq != returned_done.
///   I4  Nothing needs a repair step: every operation starts from a state in which the last
///       one may have died anywhere. So a stolen lock is just a lock.
///   I5  tail <= head + 2 * slots. A message that nobody took stops producers at its slot, so the
///       untaken ones lie within one lap; the first of them lies at most one lap behind head.
///   I6  No position from skipped_until on was ever skipped. So a slot(h) that holds an earlier
///       position says that nothing was pushed at h or behind it, without a look at tail.
///
///   E1  state.store(full, release)  -> state.load(acquire) in lease/pop:  the message's bytes
///   E2  tail.store(release)         -> tail.load(acquire) in lease/pop:   staged messages' bytes
///   E3  state.store(free, release)  -> state.load(acquire) in push:       the consumer has
///       read the message before a producer writes over it
///   E4  state.store(returned, release) -> state.load(acquire) in lease
///   E5  closed.store(release) -> closed.load(acquire): what was pushed before close is seen
///       by whoever sees it closed
///   E6  publish, light fence, event bits -> event bits, heavy fence, look again (event_count)
#pragma once

#include <hawser/shm/detail/event_count.hpp>
#include <hawser/shm/detail/robust_lock.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hawser::shm::detail {

enum class slot_kind : std::uint32_t { free, full, staged, leased, returned, dead, dead_leased };

/// One word that says everything about a slot.
struct slot_state {
  static constexpr std::uint64_t position_mask = (std::uint64_t{1} << 46) - 1;
  static constexpr std::uint32_t attempts_limit = 127;

  std::uint64_t bits = 0;

  static constexpr slot_state make(slot_kind kind, std::uint64_t position,
                                   std::uint32_t attempts = 0, std::uint32_t id = 0) {
    return {(position & position_mask) << 18 | std::uint64_t{attempts & 127} << 11 |
            std::uint64_t{id & 255} << 3 | static_cast<std::uint64_t>(kind)};
  }
  constexpr slot_kind kind() const { return static_cast<slot_kind>(bits & 7); }
  constexpr std::uint32_t id() const { return static_cast<std::uint32_t>(bits >> 3 & 255); }
  constexpr std::uint32_t attempts() const { return static_cast<std::uint32_t>(bits >> 11 & 127); }
  constexpr std::uint64_t position() const { return bits >> 18; }
  constexpr bool is_at(std::uint64_t position) const {
    return bits >> 18 == (position & position_mask);
  }
  /// Whether this state's position comes before `other`: both lie within half the range.
  constexpr bool is_before(std::uint64_t other) const {
    return ((other - (bits >> 18)) & position_mask) - 1 < position_mask / 2;
  }
};
static_assert(slot_state::make(slot_kind::leased, 5, 3, 200).id() == 200);
static_assert(slot_state::make(slot_kind::leased, 5, 3, 200).attempts() == 3);
static_assert(slot_state::make(slot_kind::full, 5).is_before(6));
static_assert(!slot_state::make(slot_kind::full, 5).is_before(5));
static_assert(!slot_state::make(slot_kind::full, 6).is_before(5));

struct queue_layout {
  // The creator.
  std::uint64_t slots;
  std::uint64_t slot_bytes;
  std::uint64_t payload_offset;
  std::uint64_t payload_bytes;  // room for one message, without a variable one's length
  std::uint32_t attempts_max;   // 0: no limit
  std::uint32_t variable;       // 1: messages carry their length

  // Producers, under `producers`; anybody reads tail.
  alignas(128) robust_lock producers;
  std::atomic<std::uint64_t> tail;
  std::atomic<std::uint64_t> pushed;

  // Consumers, under `consumers`; anybody reads head.
  alignas(128) robust_lock consumers;
  std::atomic<std::uint64_t> head;
  std::atomic<std::uint64_t> delivered;
  std::atomic<std::uint64_t> popped;
  std::atomic<std::uint64_t> redelivered;
  std::atomic<std::uint32_t> returned_done;
  std::atomic<std::uint32_t> dead_done;

  // Anybody, atomically.
  alignas(128) event_count items;
  event_count space;
  event_count dead_items;
  std::atomic<std::uint32_t> closed;
  std::atomic<std::uint32_t> returned_seq;
  std::atomic<std::uint32_t> reserved;
  std::atomic<std::uint64_t> nacked;
  std::atomic<std::uint64_t> reclaimed;
  std::atomic<std::uint64_t> waits;
  std::atomic<std::uint64_t> skipped_until;  // by producers, under their lock
};
static_assert(sizeof(queue_layout) == 512);
static_assert(offsetof(queue_layout, producers) == 128);
static_assert(offsetof(queue_layout, consumers) == 256);
static_assert(offsetof(queue_layout, items) == 384);

}  // namespace hawser::shm::detail
