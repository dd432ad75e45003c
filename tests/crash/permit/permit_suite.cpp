#include "../suites.hpp"
#include "guarded_scenario.hpp"
#include "permit_scenario.hpp"

namespace hawser::test {
namespace {

using shm::detail::channel_kind;

template <channel_kind Kind>
void add_cases(scenario_list& all, const std::string& unique) {
  for (const permit_case& c : permit_cases(Kind))
    all.push_back(
        std::make_unique<permit_scenario>(Kind, c, unique + "." + std::to_string(all.size())));
}

void add_guarded(scenario_list& all, const std::string& unique) {
  using enum guarded_operation;
  const auto add = [&](guarded_operation what, bool sleeper = false) {
    all.push_back(std::make_unique<guarded_scenario>(what, sleeper,
                                                     unique + "." + std::to_string(all.size())));
  };
  for (const guarded_operation what :
       {update, commit, commit_twice, rollback, load, lock_wait, create, replace_stale, leave_last})
    add(what);
  add(commit, true);
  add(lock_wait, true);
}

}  // namespace

suite semaphore_suite() {
  return {"semaphore",
          add_cases<channel_kind::semaphore>,
          {
              {"permit_not_repaired", "semaphore.try_acquire.after_acquiring"},
              {"permit_release_calls_nobody", "semaphore.release.one+sleeper"},
              {"permit_release_wakes_nobody", "semaphore.release.one+sleeper"},
              {"permit_release_rings_nobody", "semaphore.release.one+watcher"},
              {"permit_leaver_calls_nobody", "semaphore.give_up"},
              {"permit_sweep_keeps_rows", "semaphore.try_acquire.three"},
              {"permit_sweep_keeps_places", "semaphore.sweep.waiter"},
              {"permit_sweep_unannounced", "semaphore.try_acquire.three"},
          }};
}

suite lock_suite() {
  return {"lock",
          add_cases<channel_kind::lock>,
          {
              {"permit_mark_cleared_first", "lock.lock.after_death"},
              {"permit_sweep_marks_nothing", "lock.try_lock.free"},
              {"permit_sweep_marks_last", "lock.sweep.holder"},
          }};
}

suite shared_lock_suite() { return {"shared_lock", add_cases<channel_kind::shared_lock>, {}}; }

suite guarded_suite() {
  return {"guarded",
          add_guarded,
          {
              {"guarded_commits_before_bytes", "guarded.commit"},
              {"guarded_writes_what_counts", "guarded.commit"},
          }};
}

}  // namespace hawser::test
