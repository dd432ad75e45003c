/// An array as its layout has it: to build by hand what only a kill at one certain instruction
/// leaves behind.
#pragma once

#include <hawser/shm/array.hpp>
#include <hawser/shm/detail/array_layout.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <unistd.h>

namespace hawser::test {

/// 32 bytes that tell whether they are whole.
struct cell {
  std::array<std::uint64_t, 4> words;

  static cell of(std::uint64_t id) { return {{id, 3 * id, 5 * id, 7 * id}}; }
  bool operator==(const cell&) const = default;
  /// UINT64_MAX if it is torn.
  std::uint64_t id() const { return *this == of(words[0]) ? words[0] : UINT64_MAX; }
};

inline constexpr std::size_t cells = 6;
inline constexpr shm::array_options in_three_ranges{.ranges = 3, .update_elements_max = cells};

class array_innards {
 public:
  explicit array_innards(const shm::array<cell>& own)
      : geometry_(shm::detail::array_geometry::plan(cells, sizeof(cell), 3, cells)),
        body_(reinterpret_cast<std::byte*>(own.data()) - geometry_.data_offset) {}

  shm::detail::array_part& part(std::size_t index) const {
    return *reinterpret_cast<shm::detail::array_part*>(body_ + sizeof(shm::detail::array_layout) +
                                                       index * geometry_.part_bytes);
  }
  /// Takes the locks of these ranges, as the beginning of an update does.
  void lock(std::size_t from, std::size_t to) const {
    auto& all = *reinterpret_cast<shm::detail::segment_layout*>(body_ - shm::detail::body_offset);
    for (auto& row : all.rows) {
      if (row.tag.load() == 0 || row.pid != static_cast<std::uint32_t>(getpid())) continue;
      row.held.store(1);
      for (std::size_t i = from; i <= to; ++i) part(i).lock.owner.store(row.tag.load());
    }
  }
  /// Fills the journal of the range that `first` is in with cells of this number.
  void write_journal(std::size_t first, std::size_t count, std::uint64_t id) const {
    auto& leader = part(geometry_.part_of(first));
    for (std::size_t i = 0; i < count; ++i) {
      const cell filled = cell::of(id);
      std::memcpy(reinterpret_cast<std::byte*>(&leader + 1) + i * sizeof(cell), &filled,
                  sizeof filled);
    }
    leader.first.store(first);
    leader.count.store(count);
  }
  void commit(std::size_t first) const { part(geometry_.part_of(first)).committed.store(1); }

 private:
  shm::detail::array_geometry geometry_;
  std::byte* body_;
};

}  // namespace hawser::test
