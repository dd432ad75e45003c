/// One operation on permits in one situation, as data: what permit_scenario.hpp plays.
#pragma once

#include <hawser/shm/detail/segment_layout.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace hawser::test {

/// What the victim does between its marks.
enum class permit_operation {
  try_acquire,
  acquire_wait,  ///< acquire; a survivor gives back what it holds once the victim sleeps
  give_up,       ///< its place, the first in line, where it joined by hand
  release,
  attach,
  detach,
  sweep,  ///< of the occupant, which was killed before
};

/// What the occupant is killed with. All but `holder` are built by hand.
enum class permit_corpse {
  none,
  holder,     ///< holds `of_corpse`
  acquiring,  ///< died in acquire before the commit: lock held, available already less
  acquired,   ///< died in acquire after the commit: lock held
  released,   ///< died in release after the commit: lock held, available still less
  joining,    ///< died joining the line, before the commit: lock held, demand already more
  waiter,     ///< died asleep in line
};

struct permit_case {
  std::string name;  // behind the kind's word
  permit_operation what = permit_operation::try_acquire;
  std::uint32_t n = 1;            ///< of the operation
  std::uint32_t of_survivor = 0;  ///< held by a survivor from the start
  std::uint32_t of_victim = 0;    ///< held by the victim when it begins
  permit_corpse corpse = permit_corpse::none;
  std::uint32_t of_corpse = 1;
  std::uint32_t sleeper = 0;  ///< a process sleeps in line for so many
  std::uint32_t watcher = 0;  ///< a callback waits for so many
  bool undetermined = false;  ///< whether the operation gets what it wants is a matter of time
};

/// The situations of an object with `total` permits of this kind. A lock has one, a shared_lock
/// as many as it has, a semaphore three.
std::vector<permit_case> permit_cases(shm::detail::channel_kind kind);

}  // namespace hawser::test
