#include "../in_shm_creation.hpp"
#include "../suites.hpp"
#include "event_scenario.hpp"

namespace hawser::test {
namespace {

struct event_creation {
  using channel = shm::event;
  static constexpr const char* word = "event";

  template <class Tag>
  static channel create(Tag tag, const std::string& name) {
    return channel{tag, name, {.set = true}};
  }
  static std::string try_out(channel& fresh) {
    if (!fresh.is_set() || fresh.sets() != 0) return "a new event is another one";
    for (std::uint64_t i = 1; i < 5; ++i) {
      if (!fresh.clear() || fresh.is_set() || !fresh.set()) return "it cannot be set and cleared";
      if (fresh.sets() != i) return "a set is not counted";
    }
    return {};
  }
};

void add_scenarios(scenario_list& all, const std::string& unique) {
  const auto name = [&] { return unique + "." + std::to_string(all.size()); };
  for (const event_case& c : event_cases())
    all.push_back(std::make_unique<event_scenario>(c, name()));
  for (const creating what :
       {creating::create, creating::replace_stale, creating::open_or_create, creating::leave_last})
    all.push_back(std::make_unique<in_shm_creation<event_creation>>(what, name()));
}

}  // namespace

suite event_suite() {
  return {"event",
          add_scenarios,
          {
              {"event_set_wakes_nobody", "event.set.clear+waiter"},
              {"event_pulse_is_lost", "event.pulse.clear+waiter"},
              {"event_clear_forgets", "event.clear.set"},
              {"event_counts_every_set", "event.set.set"},
              {"wait_not_announced", "event.set.clear+watcher"},
              {"wait_row_not_armed", "event.set.clear+watcher"},
              {"sweep_wakes_nobody", "event.set.clear+waiter"},
              {"attach_wakes_nobody", "event.attach.clear+waiter"},
              {"last_one_leaves_file", "event.detach.last"},
          }};
}

}  // namespace hawser::test
