#include "../in_shm_creation.hpp"
#include "../suites.hpp"
#include "value_scenario.hpp"

namespace hawser::test {
namespace {

struct value_creation {
  using channel = shm::value<whole_number>;
  static constexpr const char* word = "value";

  template <class Tag>
  static channel create(Tag tag, const std::string& name) {
    return channel{tag, name, whole_number::of(at_start)};
  }
  static std::string try_out(channel& fresh) {
    if (fresh.load().id() != at_start || fresh.version() != 0) return "a new value is another one";
    for (std::uint64_t i = 2; i < 6; ++i) {
      if (fresh.exchange(whole_number::of(i)).id() != i - 1) return "a change is lost";
      if (fresh.version() != i - 1) return "its version is wrong";
    }
    return {};
  }
};

void add_scenarios(scenario_list& all, const std::string& unique) {
  const auto name = [&] { return unique + "." + std::to_string(all.size()); };
  for (const value_case& c : value_cases())
    all.push_back(std::make_unique<value_scenario>(c, name()));
  for (const creating what :
       {creating::create, creating::replace_stale, creating::open_or_create, creating::leave_last})
    all.push_back(std::make_unique<in_shm_creation<value_creation>>(what, name()));
}

}  // namespace

suite value_suite() {
  return {"value",
          add_scenarios,
          {
              {"value_commits_before_bytes", "value.store.quiet"},
              {"value_written_in_place", "value.store.quiet"},
              {"value_wakes_nobody", "value.store.quiet+waiter"},
              {"sweep_wakes_nobody", "value.store.quiet+waiter"},
              {"dead_locks_stay", "value.store.after_half"},
              {"attach_wakes_nobody", "value.attach.quiet+waiter"},
              {"last_one_leaves_file", "value.detach.last"},
          }};
}

}  // namespace hawser::test
