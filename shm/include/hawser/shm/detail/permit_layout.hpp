/// The bytes of everything that is acquired and released, and their protocol: semaphore, lock,
/// shared_lock, guarded.
///
/// ```
/// body + 0      total             written by the creator only
///      + 128    the account       lock, marks and derived sums: one line, whoever acquires
///      + 192    seldom written    counters, the line's bookkeeping
///      + 256    held[0..255]      8 bytes a participant id; id 0 is never used
///      + 2304   waiters[0..255]   32 bytes a waiting thread
///      + 10496  guarded only: guarded_layout and two copies of the value
/// ```
/// All are one thing, a number of permits: a semaphore's n; a lock's one; a shared_lock's 2^30,
/// of which a reader takes one and a writer all.
///
///   field         written by                          if the writer dies there, ...
///   held[id]      its participant, under the lock;    THE TRUTH: its store is the commit of
///                 a sweep of a dead one, without      every acquire and release. A sweep: -> 0
///   available     under the lock                      derived from held: computed anew (I2)
///   demand        under the lock                      derived from waiters: computed anew (I2)
///   busy          under the lock, first and last      found set: its writer died inside (I2)
///   swept_seq     a sweep, last                       the next sweep does all of it again
///   swept_done    under the lock                      stays different: computed once more
///   owner_died    a sweep: 1; an exclusive holder,    a dead exclusive holder's own sweep sets
///                 after its commit: 0                 it again
///   overtakes,    under the lock                      hints: a few more or fewer may overtake
///   window_ns
///   place.tag     its waiter, under the lock: takes   a sweep: -> 0
///                 and leaves the place; a sweep
///   place.word    0 its waiter; 1 whoever calls it    a sweep calls everybody
///   place, else   its waiter before tag, a caller     free still: the next one writes anew
///
/// Operations (the store marked * commits; whoever dies leaves one side of it):
///
///   enter      lock; if busy or swept_seq != swept_done: repair; busy = 1
///   leave      busy = 0; unlock
///   acquire n  enter; available -= n; held[me] += n *; (owner_died = 0); leave
///   release n  enter; held[me] -= n *; available += n; call who can go now; leave; wake them
///   wait       enter; a free place: n, ticket; tag = me *; then in turns: word = 0; if it is
///              our turn: acquire, tag = 0, call, leave; else leave, sleep on word
///   give up    enter; tag = 0 *; call who can go now; leave; wake them
///   repair     done = swept_seq; available = total - sum of held; demand = sum of the waiters' n;
///              swept_done = done
///   sweep      owner_died = 1 if it held all; held[dead] = 0; tag = 0 of its places; swept_seq
///              + 1; free its lock; call and wake every waiter (no lock is taken)
///
/// Who may take n of the permits:
///   a waiter    if what is available covers it and everybody before it in line;
///   a newcomer  if what is available covers it and everybody in line; or, while the head of the
///               line has been head for less than 1 ms and was overtaken less than 1,000 times,
///               if it covers it alone (a sleeper takes long to come: a lock that waited for it
///               every time would be slow). So a waiter with p others before it is overtaken at
///               most 1,000 * (p + 1) times, however much the newcomers want.
///   A waiter that was called and has not come for 10 ms (it is stopped, say) is passed over: it
///   counts for nobody until it comes. It keeps its place.
///
///   I1  All but a sweep, and a waiter that cannot get the lock in time and gives up, change the
///       truth under the lock.
///   I2  available and demand are right whenever `busy` is 0 and swept_seq is swept_done. Both
///       are looked at by whoever takes the lock, also one that was stolen from the dead. Meanwhile
///       `available` is never too large: it goes down before a row goes up, and up after a row
///       went down. So a death inside can at worst delay others, never give a permit twice.
///   I3  After every leave, each waiter whose turn it is has been called, or swept_seq moved and
///       the sweep calls everybody. A caller that dies before it wakes is swept.
///   I4  A place at or above `places` is free. `places` is lowered only while nobody waits.
///   I5  Where places are used up, waiters sleep on `freed` and are woken by every release.
///
///   E1  what a holder did -> inner.unlock (release) -> inner.lock (acquire) -> the next holder
///   E2  a sweep: swept_seq + 1, then places, place.tag, word = 1; a waiter: places, tag, word = 0,
///       then swept_seq. All seq_cst: one of the two sees the other, so no waiter sleeps through
///       a death.
///   E3  release, light fence, bits of `freed` -> bits, heavy fence, look again (event_count)
#pragma once

#include <hawser/shm/detail/event_count.hpp>
#include <hawser/shm/detail/robust_lock.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hawser::shm::detail {

/// A row: tag << 32 | permits, or 0.
struct held_row {
  std::uint64_t bits = 0;

  static constexpr held_row make(std::uint32_t tag, std::uint32_t count) {
    return {count == 0 ? 0 : std::uint64_t{tag} << 32 | count};
  }
  constexpr std::uint32_t tag() const { return static_cast<std::uint32_t>(bits >> 32); }
  constexpr std::uint32_t count() const { return static_cast<std::uint32_t>(bits); }
  /// What `tag` holds by this row.
  constexpr std::uint32_t count_of(std::uint32_t owner) const {
    return tag() == owner ? count() : 0;
  }
};

struct alignas(32) waiter_place {
  std::atomic<std::uint32_t> tag;  // 0: free
  std::atomic<std::uint32_t> n;
  std::atomic<std::uint64_t> ticket;
  std::atomic<std::uint64_t> called_ns;  // 0: not since it looked last
  std::atomic<std::uint32_t> word;       // 1: look again
};
static_assert(sizeof(waiter_place) == 32);

inline constexpr std::uint32_t waiter_places = 256;
inline constexpr std::uint32_t held_rows = 256;

struct permit_layout {
  // The creator.
  std::uint64_t total;

  alignas(128) robust_lock inner;
  std::atomic<std::uint32_t> busy;
  std::atomic<std::uint32_t> swept_seq;
  std::atomic<std::uint32_t> swept_done;
  std::atomic<std::uint32_t> owner_died;
  std::atomic<std::uint64_t> available;
  std::atomic<std::uint64_t> demand;
  std::atomic<std::uint64_t> acquired;
  event_count freed;
  std::atomic<std::uint32_t> places;

  alignas(64) std::atomic<std::uint64_t> reclaimed;
  std::atomic<std::uint64_t> waits;
  std::atomic<std::uint64_t> next_ticket;
  std::atomic<std::uint64_t> window_ns;  // since when the head of the line is the head
  std::atomic<std::uint32_t> overtakes;  // by newcomers, since then

  alignas(128) std::array<std::atomic<std::uint64_t>, held_rows> held;
  std::array<waiter_place, waiter_places> waiters;
};
static_assert(offsetof(permit_layout, inner) == 128);
static_assert(offsetof(permit_layout, reclaimed) == 192);
static_assert(offsetof(permit_layout, held) == 256);
static_assert(offsetof(permit_layout, waiters) == 2304);
static_assert(sizeof(permit_layout) % 128 == 0);

/// Behind the permit_layout of a guarded value; then the two copies, copy_bytes each.
///
///   version   the copy that counts is version & 1    a holder's commit: + 1 *
///   copies    words; the other one is written        a torn copy is the one that does not count
///             by the holder before its commit
///
///   E4  words, version.store(release) -> version.load(acquire), words
///   E5  words are stored with release and loaded with acquire, so that a reader who saw a word
///       of a later commit sees that version has moved, and reads again.
struct guarded_layout {
  std::uint64_t value_bytes;  // the creator's
  std::uint64_t copy_words;   // the creator's
  alignas(64) std::atomic<std::uint64_t> version;
};
static_assert(sizeof(guarded_layout) == 128);

}  // namespace hawser::shm::detail
