#include "../in_shm_creation.hpp"
#include "../suites.hpp"
#include "array_scenario.hpp"
#include "file_scenario.hpp"

#include <algorithm>

namespace hawser::test {
namespace {

struct array_creation {
  using channel = shm::array<cell>;
  static constexpr const char* word = "array";

  template <class Tag>
  static channel create(Tag tag, const std::string& name) {
    return channel{tag, name, cells, in_three_ranges};
  }
  static std::string try_out(channel& fresh) {
    const auto are = [&](std::uint64_t id) {
      return std::all_of(fresh.begin(), fresh.end(), [&](const cell& c) { return c.id() == id; });
    };
    if (!are(0)) return "a new array is not zero";
    fresh.update(0, cells,
                 [](std::span<cell> all) { std::fill(all.begin(), all.end(), cell::of(4)); });
    if (!are(4)) return "an update is lost";
    for (std::size_t r = 0; r < 3; ++r)
      if (fresh.lock_range(r).owner_died()) return "told of a death that was none";
    return {};
  }
};

void add_scenarios(scenario_list& all, const std::string& unique) {
  const auto name = [&] { return unique + "." + std::to_string(all.size()); };
  for (const array_case& c : array_cases())
    all.push_back(std::make_unique<array_scenario>(c, name()));
  for (const creating what :
       {creating::create, creating::replace_stale, creating::open_or_create, creating::leave_last})
    all.push_back(std::make_unique<in_shm_creation<array_creation>>(what, name()));
  using enum file_scenario::operation;
  for (const auto what : {create, create_with_temporary_name, open_existing, open_and_redo, leave})
    all.push_back(std::make_unique<file_scenario>(what, name()));
}

}  // namespace

suite array_suite() {
  return {"array",
          add_scenarios,
          {
              {"array_commits_before_bytes", "array.update.many"},
              {"array_has_no_journal", "array.update.all"},
              {"array_journal_emptied_first", "array.update.all"},
              {"array_not_redone", "array.sweep.committed"},
              {"array_redo_emptied_first", "array.sweep.committed"},
              {"array_locks_freed_first", "array.sweep.committed"},
              {"array_locks_stolen", "array.update.last_after_committed"},
              {"array_death_not_told", "array.lock_range.after_in_hand"},
              {"array_news_taken_first", "array.lock_range.after_in_hand"},
              {"array_holder_not_marked", "array.lock_range.free"},
              {"array_unlock_wakes_nobody", "array.unlock.held+locker"},
              {"sweep_wakes_nobody", "array.unlock.held+locker"},
              {"sweep_frees_place_first", "array.sweep.committed"},
              {"dead_locks_stay", "array.lock_range.free"},
              {"last_one_leaves_file", "array.detach.last"},
              {"file_removed_by_the_last_one", "array.detach_file"},
              {"file_linked_before_it_is_filled", "array.create_file"},
          }};
}

}  // namespace hawser::test
