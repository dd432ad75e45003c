/// One operation on a shared array in one situation, for the kill-point sweep. The array has six
/// cells in three ranges of two; all of them are 1 at the start.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hawser::test {

struct array_case {
  enum operation {
    update,      ///< of cells `first`, `count`
    lock_range,  ///< range 0
    unlock,      ///< range 0
    work,        ///< takes range 0, writes it in place, gives it back
    attach,      ///< open_only
    detach,      ///< the destructor
    sweep        ///< of the occupant, which was killed before
  };
  /// What the occupant is killed with; built by hand.
  enum leftover {
    none,         ///< no occupant
    idle,         ///< nothing
    in_hand,      ///< range 0, half of its first cell written
    uncommitted,  ///< died in an update of cells 1 to 4 while it filled the journal
    committed     ///< died in the same when half of it was copied into place
  };
  /// Who holds a range while the victim operates, and lets go of it when the victim sleeps.
  static constexpr int nobody_holds = -1;

  std::string name;
  operation what = update;
  std::size_t first = 0, count = 0;
  leftover corpse = none;
  int survivor_holds = nobody_holds;  ///< this range
  bool blocks = false;                ///< on that range
  bool locker = false;                ///< another process sleeps for range 0
};

/// The numbers in the cells, by who wrote them.
inline constexpr std::uint64_t first_cells = 1, of_array_victim = 101, of_array_corpse = 201;

std::vector<array_case> array_cases();

}  // namespace hawser::test
