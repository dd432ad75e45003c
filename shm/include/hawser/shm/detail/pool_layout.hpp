/// The payload pool's bytes and their protocol: who may touch which chunk of memory.
///
/// ```
/// body + 0      geometry       written by the creator only
///      + 384    loaning        lock, where to look next, counts
///      + 512    shared         event, counts: read often, written seldom
///      + 640    users[256]     of participant i: a bit for every route it has open
///      + 2688   routes[64]     which channels carry payloads of this pool; 0 is never used
///      + 19072  reference 0, 1, ...   a cache line each
///      + geometry.data         chunks, from a page boundary of the file on
/// file + n * 2^40              the pages of large chunk n - 1: while it is lent, or kept for later
/// ```
/// A *reference* is what somebody holds, and one word says who. References 0..homes-1 are the
/// *home* references of the chunks: first those of the size classes, then the large ones, whose
/// memory is taken from the system for a loan. The others are *extra* references: a payload that
/// goes to several readers has one more for each of them. A chunk is free if its home reference is
/// free and no extra one names it: the number of its readers is nowhere written, only derived.
///
///   kind           what it means                       who leaves it       if that process
///                                                                          dies, a sweep ...
///   free           nobody's                            a loaner, a sharer  has nothing to do
///   owned(id)      id may read, and write unless it    id                  -> free
///                  is shared
///   moving(id,k)   the payload of a message that id    id, or whoever      -> moving(0,k) if
///                  puts into channel k, has put        takes the message   the message is in
///                  there, or takes out of it                               the channel, -> free
///                                                                          if it is not
///   moving(0,k)    the message is in channel k         who takes it        -> free, if channel k
///                                                                          is gone
///
/// A channel is a queue or a pipe. In a pipe each end has one participant for ever: before an end
/// that is gone, nobody takes a message any more, and whoever finds its payload there frees it.
///
/// Operations (* commits; whoever dies leaves one side of it):
///
///   loan       lock; free(g) -> owned(me, g+1)*; unlock; a large one: pages
///   release    owned(me) -> free*, notify space; the last one of a large chunk: `trim`
///   share      lock; chunk.shared = 1; an extra free(g) -> owned(me, g+1, chunk)*; unlock
///   send       owned(me) -> moving(me,k); push of {reference, g, bytes} into the channel *
///              (not pushed: back to owned); a pipe whose other end is gone: collect
///   lease      nothing is written here: the payload is read while the queue's lease holds
///   ack        moving(any,k) -> moving(me,k); the queue's ack *; -> free, notify space
///   nack       the queue's nack; nothing is written here
///   pop        moving(any,k) -> moving(me,k); the queue's pop *; -> owned(me, g+1)
///   receive    (pipe) moving(any,k) -> owned(me, g+1)*; the pipe's take
///   close      (pipe) the pipe's close *; collect
///   trim       all large chunks together have more than the pool keeps; home free(g), no extra
///              reference: -> owned(me, g+1); whole = 0; pages back to the system; pages = 0;
///              -> free
///
/// A sweep of participant d, and `collect` (d = 0), which a loaner calls who finds nothing free:
///
///   1  owned(d) -> free
///   2  notes all words moving(d,k) and moving(0,k)
///   3  for each such channel k, and every pipe on which something moves: reads all its messages;
///      before an end that is gone: moving(any,k) -> free; elsewhere, if noted: -> moving(0,k)
///   4  noted, of a channel that was read or is gone, and not met in 3: -> free
///   5  users[d] = 0; large chunks that are free and have pages: trim
///
/// All of it by compare-exchange of whole words, so each happens once. Why 4 is right, whatever
/// the living do meanwhile:
///   - Whoever takes a message out names itself in the word before that, so that the word is no
///     longer the noted one (ack, pop).
///   - d is dead and pushes nothing any more; moving(0) is of nobody who would.
///   - A message stays in its slot until it is taken out, through all states of the slot. The
///     slot's state is read before and after the handle: one that was reused is read again.
///   - A message in a pipe stays in the ring until its payload has another word (receive). What was
///     noted is of a sender that is gone, so its ring does not change. Of two living ends nothing is
///     noted, and what is read there while it changes matters to nobody.
///   - A sender does not touch the word after its commit: who frees it before an end that is gone
///     meets nobody but a receiver that closes while it receives, and one of them has the word.
///   - A reference that comes into a queue again has another generation, so that a word once
///     noted never returns (2^24 loans within one sweep apart).
/// The queue is swept on its own, and either may come first. Pool first: the dead consumer's message
/// is still `leased`, which is found. Queue first: `returned`, or leased by the next consumer, or
/// acknowledged by it, for which it named itself in the word.
///
///   I1  A word changes only by: its owner; whoever takes its message; a sweep of its owner;
///       from free, under the lock, or that of a large chunk without it, to give its pages back
///       (trim_large): a loan of a large chunk has to reckon with that.
///   I2  Nothing needs a repair: a stolen lock is just a lock.
///   I3  `shared` of a chunk is set before the first extra reference names it, and cleared by a
///       loan only, which has seen that none does. Without it a loan looks at no extra ones.
///   I4  A chunk's extra references are made by holders of a reference to it. So a chunk that was
///       seen to have none, and whose free home word has not changed since, has none.
///   I5  A route is given to another channel only when nobody has it open (users) and no reference
///       is moving on it.
///   I6  `pages` is set before a large chunk gets its pages and cleared after they are gone, by
///       the owner of its home reference. `whole` is set after it got them and cleared before they
///       go: as many bytes are there for certain, and a loan of no more asks the system for nothing.
///   I7  Large chunks that are free have `large_kept` bytes of pages together at most: what a trim
///       leaves was no more with all that was lent.
///
///   E1  word.store(free, release) -> word.load(acquire) in loan: the reader is done before the
///       next writer begins
///   E2  The bytes are written before the channel's commit publishes their handle (its E1)
///   E3  route.inode.store(release) -> load(acquire): name and time stand before it
///   E4  publish, light fence, event bits -> event bits, heavy fence, look again (event_count)
///   E5  Large: word = free, read all words of the chunk; sequentially consistent, so that of two
///       last holders at least one sees the chunk free and trims it
///   E6  a pipe's commit, light fence, ends -> ends = gone, heavy fence, read the messages: of a sender
///       and one who closes the other end at least one sees the other, and collects
#pragma once

#include <hawser/shm/detail/event_count.hpp>
#include <hawser/shm/detail/robust_lock.hpp>
#include <hawser/shm/detail/segment_layout.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hawser::shm::detail {

enum class reference_kind : std::uint32_t { free, owned, moving };

/// One word that says everything about a reference.
struct reference_word {
  static constexpr std::uint32_t generation_mask = (1U << 24) - 1;

  std::uint64_t bits = 0;

  static constexpr reference_word make(reference_kind kind, std::uint32_t chunk,
                                       std::uint32_t generation, std::uint32_t id = 0,
                                       std::uint32_t route = 0) {
    return {std::uint64_t{chunk & generation_mask} << 40 |
            std::uint64_t{generation & generation_mask} << 16 | std::uint64_t{route & 63} << 10 |
            std::uint64_t{id & 255} << 2 | static_cast<std::uint64_t>(kind)};
  }
  constexpr reference_kind kind() const { return static_cast<reference_kind>(bits & 3); }
  constexpr std::uint32_t id() const { return static_cast<std::uint32_t>(bits >> 2 & 255); }
  constexpr std::uint32_t route() const { return static_cast<std::uint32_t>(bits >> 10 & 63); }
  constexpr std::uint32_t generation() const {
    return static_cast<std::uint32_t>(bits >> 16) & generation_mask;
  }
  /// The chunk an extra reference names.
  constexpr std::uint32_t chunk() const { return static_cast<std::uint32_t>(bits >> 40); }
};
static_assert(reference_word::make(reference_kind::moving, 7, 3, 200, 63).id() == 200);
static_assert(reference_word::make(reference_kind::moving, 7, 3, 200, 63).route() == 63);
static_assert(reference_word::make(reference_kind::moving, 7, 3, 200, 63).generation() == 3);
static_assert(reference_word::make(reference_kind::moving, 7, 3, 200, 63).chunk() == 7);

/// A reference as a message carries it.
struct payload_handle {
  std::uint64_t bits = 0;

  static constexpr payload_handle make(std::uint32_t reference, std::uint32_t generation) {
    return {std::uint64_t{reference} << 24 | generation};
  }
  constexpr std::uint64_t reference() const { return bits >> 24; }
  constexpr std::uint32_t generation() const {
    return static_cast<std::uint32_t>(bits) & reference_word::generation_mask;
  }
};

/// The beginning of every message that carries a payload; the user's data follow.
struct payload_message {
  static constexpr std::uint64_t shared_bit = std::uint64_t{1} << 63;

  std::uint64_t handle;
  std::uint64_t size;  // in bytes; shared_bit: there are or were other readers
};
static_assert(sizeof(payload_message) == 16);

struct pool_reference {
  std::atomic<std::uint64_t> word;
  std::atomic<std::uint32_t> shared;  // of a home reference: see I3
  std::uint32_t reserved;
  std::atomic<std::uint64_t> pages;  // of a large one: bytes, see I6
  std::atomic<std::uint64_t> whole;  // likewise
  std::array<std::byte, 32> unused;
};
static_assert(sizeof(pool_reference) == 64);

struct pool_class {
  std::uint64_t bytes;   // the largest loan
  std::uint64_t stride;  // from one chunk to the next
  std::uint64_t chunks;
  std::uint64_t data;  // of its first chunk, from the body's beginning
};

struct pool_route {
  std::atomic<std::uint64_t> inode;  // of the channel's file; 0: free
  std::uint64_t created_ns;          // from its header
  channel_kind kind;                 // likewise: a queue or a pipe
  std::array<char, 236> file;        // below /dev/shm, zero-terminated
};
static_assert(sizeof(pool_route) == 256);

inline constexpr std::uint32_t pool_classes_max = 8;
inline constexpr std::uint32_t pool_routes = 64;
inline constexpr std::uint32_t pool_large_max = 64;
inline constexpr std::uint32_t pool_references_max = 1U << 20;
/// Where the pages of large chunk n begin in the file: (n + 1) * large_stride.
inline constexpr std::uint64_t large_stride = std::uint64_t{1} << 40;

struct pool_layout {
  // The creator.
  std::uint32_t classes;
  std::uint32_t large;       // chunks without memory of their own
  std::uint32_t extras;      // extra references
  std::uint32_t large_kept;  // pages of 4 KiB that free large chunks keep, see I7
  std::array<pool_class, pool_classes_max> of_class;  // by size, the smallest first

  // Under `lock`.
  alignas(128) robust_lock lock;
  std::array<std::atomic<std::uint32_t>, pool_classes_max + 2> next;  // classes, large, extras
  std::atomic<std::uint64_t> loans;
  std::atomic<std::uint64_t> shares;

  // Anybody, atomically.
  alignas(128) event_count space;
  std::atomic<std::uint32_t> padding;
  std::atomic<std::uint64_t> reclaimed;
  std::atomic<std::uint64_t> stale;
  std::atomic<std::uint64_t> waits;

  alignas(128) std::array<std::atomic<std::uint64_t>, participants_max + 1> users;  // its owner
  std::array<pool_route, pool_routes> routes;                                       // under `lock`
};
static_assert(offsetof(pool_layout, lock) == 384);
static_assert(offsetof(pool_layout, space) == 512);
static_assert(offsetof(pool_layout, users) == 640);
static_assert(offsetof(pool_layout, routes) == 2688);
static_assert(sizeof(pool_layout) == 19072);
static_assert(sizeof(pool_layout) % 64 == 0);

}  // namespace hawser::shm::detail
