#include "permit_case.hpp"

#include <hawser/shm/detail/permit_core.hpp>

namespace hawser::test {
namespace {

using enum permit_operation;
using enum permit_corpse;
constexpr std::uint32_t writer = shm::detail::shared_lock_permits, reader = 1;

std::vector<permit_case> semaphore_cases() {
  return {
      {"try_acquire.free", try_acquire},
      {.name = "try_acquire.second", .of_victim = 1},
      {.name = "try_acquire.three", .n = 3},
      {.name = "try_acquire.not_enough", .n = 3, .of_survivor = 1, .undetermined = true},
      {.name = "try_acquire.past_the_line+sleeper",
       .of_survivor = 2,
       .sleeper = 2,
       .undetermined = true},
      {.name = "try_acquire.after_holder",
       .n = 3,
       .corpse = holder,
       .of_corpse = 2,
       .undetermined = true},
      {.name = "try_acquire.after_acquiring", .n = 3, .corpse = acquiring},
      {.name = "try_acquire.after_acquired", .n = 2, .corpse = acquired},
      {.name = "try_acquire.after_released", .n = 3, .corpse = released},
      {.name = "try_acquire.after_joining", .n = 3, .corpse = joining},
      {.name = "try_acquire.after_waiter",
       .of_survivor = 1,
       .corpse = waiter,
       .of_corpse = 3,
       .undetermined = true},
      {.name = "acquire_wait.one", .what = acquire_wait, .of_survivor = 3},
      {.name = "acquire_wait.three", .what = acquire_wait, .n = 3, .of_survivor = 1},
      {.name = "acquire_wait.in_line+sleeper",
       .what = acquire_wait,
       .of_survivor = 2,
       .sleeper = 2},
      {.name = "give_up.first_in_line+sleeper",
       .what = give_up,
       .n = 3,
       .of_survivor = 2,
       .sleeper = 1},
      {.name = "release.one", .what = release, .of_victim = 1},
      {.name = "release.two_of_three", .what = release, .n = 2, .of_victim = 3},
      {.name = "release.refused", .what = release, .n = 2, .of_victim = 1, .undetermined = true},
      {.name = "release.after_acquired", .what = release, .of_victim = 1, .corpse = acquired},
      {.name = "release.after_released", .what = release, .of_victim = 1, .corpse = released},
      {.name = "release.one+sleeper",
       .what = release,
       .of_survivor = 2,
       .of_victim = 1,
       .sleeper = 1},
      {.name = "release.three+sleeper", .what = release, .n = 3, .of_victim = 3, .sleeper = 3},
      {.name = "release.one+watcher",
       .what = release,
       .of_survivor = 2,
       .of_victim = 1,
       .watcher = 1},
      {.name = "attach.beside_survivor", .what = attach, .of_survivor = 1},
      {.name = "attach.beside_corpse", .what = attach, .corpse = holder},
      {.name = "attach.beside_survivor+sleeper", .what = attach, .of_survivor = 3, .sleeper = 1},
      {.name = "detach.holding_none", .what = detach},
      {.name = "detach.holding_two", .what = detach, .of_victim = 2},
      {.name = "detach.holding_three+sleeper", .what = detach, .of_victim = 3, .sleeper = 2},
      {.name = "sweep.holder", .what = sweep, .corpse = holder, .of_corpse = 2},
      {.name = "sweep.acquired", .what = sweep, .corpse = acquired},
      {.name = "sweep.waiter", .what = sweep, .of_survivor = 2, .corpse = waiter, .of_corpse = 3},
      {.name = "sweep.holder+sleeper",
       .what = sweep,
       .corpse = holder,
       .of_corpse = 3,
       .sleeper = 1},
      {.name = "sweep.released+sleeper",
       .what = sweep,
       .of_survivor = 2,
       .corpse = released,
       .sleeper = 1},
      {.name = "sweep.waiter+sleeper",
       .what = sweep,
       .of_survivor = 1,
       .corpse = waiter,
       .of_corpse = 3,
       .sleeper = 1},
      {.name = "sweep.holder+watcher",
       .what = sweep,
       .corpse = holder,
       .of_corpse = 3,
       .watcher = 1},
  };
}

std::vector<permit_case> lock_cases() {
  return {
      {"try_lock.free", try_acquire},
      {.name = "try_lock.taken", .of_survivor = 1, .undetermined = true},
      {.name = "try_lock.after_acquired", .corpse = acquired, .undetermined = true},
      {.name = "try_lock.after_released", .corpse = released},
      {.name = "lock.taken", .what = acquire_wait, .of_survivor = 1},
      {.name = "lock.taken+sleeper", .what = acquire_wait, .of_survivor = 1, .sleeper = 1},
      {.name = "lock.after_death", .what = acquire_wait, .corpse = holder},
      {.name = "unlock.mine", .what = release, .of_victim = 1},
      {.name = "unlock.not_mine", .what = release, .of_survivor = 1, .undetermined = true},
      {.name = "unlock.mine+sleeper", .what = release, .of_victim = 1, .sleeper = 1},
      {.name = "unlock.mine+watcher", .what = release, .of_victim = 1, .watcher = 1},
      {.name = "detach.locked", .what = detach, .of_victim = 1},
      {.name = "detach.locked+sleeper", .what = detach, .of_victim = 1, .sleeper = 1},
      {.name = "sweep.holder", .what = sweep, .corpse = holder},
      {.name = "sweep.holder+sleeper", .what = sweep, .corpse = holder, .sleeper = 1},
  };
}

std::vector<permit_case> shared_lock_cases() {
  return {
      {.name = "try_lock.free", .n = writer},
      {.name = "try_lock_shared.free", .n = reader},
      {.name = "try_lock_shared.beside_readers", .n = reader, .of_survivor = 1, .of_victim = 1},
      {.name = "try_lock_shared.after_released", .n = reader, .corpse = released},
      {.name = "lock.behind_readers", .what = acquire_wait, .n = writer, .of_survivor = 2},
      {.name = "lock_shared.behind_writer",
       .what = acquire_wait,
       .n = reader,
       .of_survivor = writer},
      {.name = "lock_shared.behind_writer+reader",
       .what = acquire_wait,
       .n = reader,
       .of_survivor = writer,
       .sleeper = reader},
      {.name = "lock_shared.behind_reader+writer",
       .what = acquire_wait,
       .n = reader,
       .of_survivor = reader,
       .sleeper = writer},
      {.name = "unlock.writer", .what = release, .n = writer, .of_victim = writer},
      {.name = "unlock.writer+writer",
       .what = release,
       .n = writer,
       .of_victim = writer,
       .sleeper = writer},
      {.name = "unlock.writer+reader",
       .what = release,
       .n = writer,
       .of_victim = writer,
       .sleeper = reader},
      {.name = "unlock_shared.last", .what = release, .n = reader, .of_victim = reader},
      {.name = "unlock_shared.last+writer",
       .what = release,
       .n = reader,
       .of_victim = reader,
       .sleeper = writer},
      {.name = "unlock_shared.last+watcher",
       .what = release,
       .n = reader,
       .of_victim = reader,
       .watcher = writer},
      {.name = "sweep.writer", .what = sweep, .corpse = holder, .of_corpse = writer},
      {.name = "sweep.reader+writer",
       .what = sweep,
       .corpse = holder,
       .of_corpse = reader,
       .sleeper = writer},
  };
}

}  // namespace

std::vector<permit_case> permit_cases(shm::detail::channel_kind kind) {
  switch (kind) {
    case shm::detail::channel_kind::semaphore: return semaphore_cases();
    case shm::detail::channel_kind::lock: return lock_cases();
    default: return shared_lock_cases();
  }
}

}  // namespace hawser::test
