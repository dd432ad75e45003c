/// The pipe's bytes and their protocol: two ends, and a ring of records each way.
///
/// ```
/// body + 0      geometry        written by the creator only
///      + 128    ends, events    read often, written seldom
///      + 256    to[0]           what end 1 sends to end 0: the sender's line, the receiver's line
///      + 768    to[1]           what end 0 sends to end 1
///      + 1280   ring 0, ring 1  ring_bytes each, a power of two; ring i belongs to to[i]
///
/// record + 0    header  marker:8 | 0:21 | pad, more, first:3 | bytes:32
///        + 8    the bytes, filled up to a multiple of 8
/// ```
/// A position counts the bytes of a ring since its beginning; its place is position mod
/// ring_bytes. Records are contiguous: one that does not fit before the end of the ring stands
/// at its beginning, and a header with `pad` fills the rest. A message of up to `part_bytes`
/// (about a quarter of the ring) is one record, marked `first`. A larger one is sent in parts:
/// the first is marked `first`, all but the last are marked `more`.
///
///   field             written by                           if that process dies there
///   geometry          the creator, before linking          the file vanishes with it
///   ends[0]           the creator, before linking: the     likewise, or the segment is stale
///                     tag that its row is going to get
///   ends[1]           who opens it: 0 -> its tag           the end is free, or taken by a dead
///                                                          participant
///   ends[i]           its owner, when it closes: gone      others set it
///                     a sweep of its owner: gone           another sweep sets it
///   gate[i].finished  the sender to end i, when it sends   nothing: it is gone then anyway
///                     no more
///   a header          the sender: of what it stages, the   what it staged was not sent
///                     first one last, to commit
///   to[i].tail        the sender to end i, after that      it lags behind; the headers say more
///   to[i].head        the receiver, end i                  nobody takes the rest
///   to[i].sent ...    the sender, the receiver, later      they lag behind; only counters look
///
/// Operations (each store that commits is marked *; whoever dies leaves one side of it):
///
///   send       at t, with room for the record, a pad before it and a word behind it:
///              bytes; word(t + size) = 0; header(t)*; tail = t + size; notify gate.data
///   send n     all records but the first one's header; word(end) = 0; header(t)*; tail = end;
///              notify gate.data
///   send parts likewise, as many as find room at a time; the last one's commit is the message's
///   receive    tail > h or header(h) != 0: take the bytes; head = h + size*; notify gate.space
///   close      ends[i] = gone*; wake everybody
///   finish     gate.finished = 1*; wake everybody
///
/// What is committed is what the headers say. The tail is a short cut to it: a receiver that is
/// behind knows by it how far it may go, and touches no line that the sender is writing. One that
/// waits looks at the header, which comes together with the message.
///
/// A receiver at h sees header(h) == 0: nothing, or the end of file if the sender has finished or
/// is gone. Else, in header(h):
///   pad                    go on at the beginning of the ring
///   first                  a message begins; what came of one whose end is missing is dropped
///   first | more, more, 0  parts: taken out of the ring one by one, together they are a message
/// What a header claims is checked before it is used; anything else is an error, not a message.
///
///   I1  From head on the ring holds whole records, one behind the other, and behind them a word
///       that is 0. The tail is where one of them begins, or the 0 stands, or behind the head.
///   I2  From head to that word and to what is staged there are ring_bytes at most. So the sender
///       does not write over what the receiver has not taken.
///   I3  An end is taken once: 0 -> tag -> gone. So both sides begin at position 0, and what
///       they know of their own position need not be read from shared memory.
///   I4  A sender that dies in the middle of a message leaves parts without an end. Nobody else
///       sends in its place, so end of file follows, and they are dropped.
///
///   E1  header(t).store(release)  -> header(t).load(acquire):  the records committed with it
///       tail.store(release)       -> tail.load(acquire):  the records before it
///   E2  head.store(release)       -> head.load(acquire) in send:  the receiver has read before
///       the sender writes over it
///   E3  ends / finished.store(release) -> load(acquire) in receive, before the header is looked
///       at once more: what was committed before the end is seen by whoever sees the end
///   E4  publish, light fence, event bits -> event bits, heavy fence, look again (event_count)
#pragma once

#include <hawser/shm/detail/event_count.hpp>
#include <hawser/shm/detail/read_once.hpp>

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace hawser::shm::detail {

/// The word in front of a record's bytes.
struct record_header {
  static constexpr std::uint64_t first = std::uint64_t{1} << 32;
  static constexpr std::uint64_t more = std::uint64_t{1} << 33;
  static constexpr std::uint64_t pad = std::uint64_t{1} << 34;
  static constexpr std::uint64_t marker = std::uint64_t{0xB5} << 56;
  static constexpr std::uint64_t bytes_mask = 0xFFFF'FFFF;

  std::uint64_t bits = 0;

  static constexpr record_header make(std::uint64_t bytes, std::uint64_t flags) {
    return {marker | flags | bytes};
  }
  constexpr std::uint64_t bytes() const { return bits & bytes_mask; }
  constexpr std::uint64_t flags() const { return bits & ~bytes_mask; }  // the marker included
  constexpr bool is_whole_message() const { return flags() == (marker | first); }
  constexpr bool is_pad() const { return flags() == (marker | pad); }
  constexpr bool is_first() const { return (bits & first) != 0; }
  constexpr bool has_more() const { return (bits & more) != 0; }
  constexpr bool is_part() const { return (flags() & ~(first | more)) == marker; }
};
static_assert(record_header::make(5, record_header::first).is_whole_message());
static_assert(record_header::make(5, 0).is_part() && !record_header::make(5, 0).is_first());
static_assert(!record_header::make(0, record_header::pad).is_part());

/// What a record of so many bytes takes of the ring.
constexpr std::uint64_t record_size(std::uint64_t bytes) noexcept {
  return sizeof(std::uint64_t) + ((bytes + 7) & ~std::uint64_t{7});
}

inline constexpr std::size_t pipe_ring_min = 256, pipe_ring_max = std::size_t{1} << 32;

/// The most bytes in one record. A pad and a record fit into half a ring, so that an empty ring
/// takes every record, wherever its position is.
constexpr std::uint64_t part_bytes(std::uint64_t ring_bytes) noexcept {
  return ring_bytes / 4 - sizeof(std::uint64_t);
}

/// What ends[i] says beside a tag. No tag has id 0.
inline constexpr std::uint32_t end_free = 0, end_gone = 0xFFFF'FF00;

struct pipe_gate {
  event_count data;                     // the sender notifies
  event_count space;                    // the receiver notifies
  std::atomic<std::uint32_t> finished;  // 1: the sender sends no more
};

struct pipe_direction {
  // Each line is written by one side. What the other side looks at has a line to itself: else each
  // store beside it would have to get the line back.
  // The sender.
  alignas(128) std::atomic<std::uint64_t> tail;
  alignas(128) std::atomic<std::uint64_t> sent;
  std::atomic<std::uint64_t> send_waits;

  // The receiver.
  alignas(128) std::atomic<std::uint64_t> head;
  alignas(128) std::atomic<std::uint64_t> received;
  std::atomic<std::uint64_t> receive_waits;
};
static_assert(sizeof(pipe_direction) == 512);

struct pipe_layout {
  // The creator.
  std::uint64_t ring_bytes;
  std::uint64_t message_bytes_max;
  std::uint32_t nameless;  // 1: the name is removed when both ends are taken

  alignas(128) std::atomic<std::uint32_t> ends[2];
  pipe_gate gate[2];  // gate[i]: of the direction to end i

  pipe_direction to[2];
};
static_assert(sizeof(pipe_layout) == 1280);
static_assert(offsetof(pipe_layout, ends) == 128);
static_assert(offsetof(pipe_layout, gate) == 136);
static_assert(offsetof(pipe_layout, to) == 256);

/// The sizes of an existing pipe.
struct pipe_geometry {
  std::size_t ring_bytes, message_bytes_max;

  /// Read once; nothing, if not all of it is inside `bytes`.
  static std::optional<pipe_geometry> of(const pipe_layout& p, std::size_t bytes) noexcept {
    const pipe_geometry its{read_once(p.ring_bytes), read_once(p.message_bytes_max)};
    if (!std::has_single_bit(its.ring_bytes) || its.ring_bytes < pipe_ring_min ||
        its.ring_bytes > pipe_ring_max || its.ring_bytes > (bytes - sizeof(pipe_layout)) / 2)
      return std::nullopt;
    return its;
  }
};

}  // namespace hawser::shm::detail
