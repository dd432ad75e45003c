#include "../in_shm_creation.hpp"
#include "../suites.hpp"
#include "door_scenario.hpp"

namespace hawser::test {
namespace {

using shm::detail::door_core;
using shm::detail::opening;

/// A door as the channels are that users see: it can be moved.
class movable_door {
 public:
  movable_door(create_only_t, const std::string& name) : movable_door(name, opening::create_only) {}
  movable_door(open_only_t, const std::string& name) : movable_door(name, opening::open_only) {}
  movable_door(open_or_create_t, const std::string& name)
      : movable_door(name, opening::open_or_create) {}
  door_core& core() { return *core_; }

 private:
  movable_door(const std::string& name, opening how)
      : core_(std::make_unique<door_core>(shm::detail::door_request{name, how})) {}
  std::unique_ptr<door_core> core_;
};

struct door_creation {
  using channel = movable_door;
  static constexpr const char* word = "door";

  template <class Tag>
  static channel create(Tag tag, const std::string& name) {
    return channel{tag, name};
  }
  static std::string try_out(channel& fresh) {
    for (int i = 0; i < 4; ++i) {
      fresh.core().ring();
      if (fresh.core().wait([] { return false; }, std::chrono::steady_clock::now()) ||
          !fresh.core().wait([] { return true; }, {}))
        return "it cannot be used";
    }
    return {};
  }
};

void add_scenarios(scenario_list& all, const std::string& unique) {
  const auto name = [&] { return unique + "." + std::to_string(all.size()); };
  for (const door_case& c : door_cases()) all.push_back(std::make_unique<door_scenario>(c, name()));
  for (const creating what :
       {creating::create, creating::replace_stale, creating::open_or_create, creating::leave_last})
    all.push_back(std::make_unique<in_shm_creation<door_creation>>(what, name()));
}

}  // namespace

suite door_suite() {
  return {"door",
          add_scenarios,
          {
              {"door_rings_nobody", "door.ring.nobody+sleeper"},
              {"door_not_announced", "door.ring.nobody+sleeper"},
              {"sweep_wakes_nobody", "door.ring.nobody+sleeper"},
              {"attach_wakes_nobody", "door.attach.quiet+sleeper"},
              {"last_one_leaves_file", "door.detach.last"},
          }};
}

}  // namespace hawser::test
