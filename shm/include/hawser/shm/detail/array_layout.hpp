/// An array's bytes and their protocol: elements in place, in parts with a lock and a journal each.
///
/// ```
/// body + 0            sizes     written by the creator only
///      + 128          part 0, part 1, ...: part_bytes each
///        + 0            lock, journal's head
///        + 128          journal: room for journal_bytes
///      + data_offset  the elements; a multiple of 4096 from the start of the file
/// ```
/// Part p of n has the elements from first_of(p) to first_of(p + 1): n parts that differ in one
/// element at most.
///
/// Elements may be read and written in place without any lock: then it is the program that says who
/// does what when. `update` is for changes that are to be whole whoever dies. It is redo logging:
///
///   update       lock every part concerned, in ascending order; copy the elements to the journal
///                of the first part; the user's function changes them there; first, count;
///                committed = 1 *; copy them into place; committed = 0; unlock all
///   lock_range   lock; in_hand = 1; owner_died -> 0
///   unlock       in_hand = 0; lock = 0 *
///
///   committed  lock        if the holder dies here, a sweep ...
///   0          free        has nothing to do
///   0          holder      frees the lock; what is in the journal is junk. If in_hand is set, the
///                          elements may be half written in place: owner_died = 1
///   1          holder      copies the journal into place (again), committed = 0, then frees all
///                          locks of the dead one
///
///   I1  A journal is committed only while its holder has the locks of every part that the journal
///       changes. So nobody else writes these elements under a lock, and to copy them into place
///       once more changes nothing.
///   I2  The locks of a dead participant are freed by its sweep alone (after_death::swept), which
///       one process at a time can do, and only after its journals are redone and emptied. A
///       sweeper that dies in between is followed by another, who begins at the front.
///   I3  in_hand and owner_died change under the lock, or in the sweep of its dead holder.
///   I4  Whoever locks says so first in its row (`held`): the sweep of one that never did looks at
///       no part.
///
///   E1  owner.store(0, release) in unlock -> owner CAS (acquire): the elements
///   E2  committed.store(1, release) -> committed.load(acquire) in a sweep: first, count, journal
#pragma once

#include <hawser/shm/detail/read_once.hpp>
#include <hawser/shm/detail/robust_lock.hpp>
#include <hawser/shm/detail/segment_layout.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace hawser::shm::detail {

struct array_layout {
  // The creator.
  std::uint64_t elements;
  std::uint64_t element_bytes;
  std::uint64_t parts;
  std::uint64_t journal_bytes;
  std::uint64_t part_bytes;
  std::uint64_t data_offset;
  std::uint64_t reserved[10];
};
static_assert(sizeof(array_layout) == 128);

struct array_part {
  robust_lock lock;
  // Under the lock.
  std::atomic<std::uint32_t> in_hand;     // 1: its holder writes in place
  std::atomic<std::uint32_t> owner_died;  // 1: a holder died with in_hand, nobody was told yet
  std::atomic<std::uint64_t> first;       // of the journal: elements
  std::atomic<std::uint64_t> count;
  std::atomic<std::uint64_t> committed;
  std::uint64_t reserved[11];
};
static_assert(sizeof(array_part) == 128);
static_assert(offsetof(array_part, committed) == 32);

inline constexpr std::size_t array_parts_max = 65536;
inline constexpr std::size_t array_data_alignment = 4096;

/// How the elements are divided.
struct array_geometry {
  std::size_t elements = 0, element_bytes = 0, parts = 0, journal_bytes = 0, part_bytes = 0,
              data_offset = 0;

  /// What a creator makes of these wishes, all of them in range.
  static array_geometry plan(std::size_t elements, std::size_t element_bytes, std::size_t parts,
                             std::size_t journal_elements) noexcept {
    array_geometry g{elements, element_bytes, parts, journal_elements * element_bytes, 0, 0};
    g.part_bytes = sizeof(array_part) + (g.journal_bytes + 127) / 128 * 128;
    const std::size_t end = body_offset + sizeof(array_layout) + parts * g.part_bytes;
    g.data_offset = (end + array_data_alignment - 1) / array_data_alignment * array_data_alignment -
                    body_offset;
    return g;
  }
  /// The sizes of an existing array, read once; nothing, if not all of it is inside `bytes`.
  static std::optional<array_geometry> of(const array_layout& a, std::size_t bytes) noexcept {
    const array_geometry its{read_once(a.elements),   read_once(a.element_bytes),
                             read_once(a.parts),      read_once(a.journal_bytes),
                             read_once(a.part_bytes), read_once(a.data_offset)};
    if (its.elements == 0 || its.element_bytes == 0 || its.elements > bytes / its.element_bytes ||
        its.parts == 0 || its.parts > its.elements || its.parts > array_parts_max ||
        its.journal_bytes == 0 || its.journal_bytes > bytes / its.parts)
      return std::nullopt;
    // Within these bounds there is one right answer for the rest.
    const auto right =
        plan(its.elements, its.element_bytes, its.parts, its.journal_bytes / its.element_bytes);
    if (its != right || its.body_bytes() != bytes) return std::nullopt;
    return its;
  }
  std::size_t body_bytes() const noexcept { return data_offset + elements * element_bytes; }
  std::size_t journal_elements() const noexcept { return journal_bytes / element_bytes; }

  std::size_t first_of(std::size_t part) const noexcept {
    return part * (elements / parts) + std::min(part, elements % parts);
  }
  std::size_t part_of(std::size_t index) const noexcept {
    const std::size_t small = elements / parts, large_ones = elements % parts;
    const std::size_t in_large_ones = large_ones * (small + 1);
    return index < in_large_ones ? index / (small + 1)
                                 : large_ones + (index - in_large_ones) / small;
  }
  bool operator==(const array_geometry&) const = default;
};

}  // namespace hawser::shm::detail
