#include "all_scenarios.hpp"

#include "creation_scenario.hpp"
#include "queue_scenario.hpp"

#include <string>

#include <unistd.h>

namespace hawser::test {

std::vector<std::unique_ptr<killpoint::scenario>> scenarios(std::string_view filter) {
  std::vector<std::unique_ptr<killpoint::scenario>> all;
  const auto unique = [&] {
    return "killpoint." + std::to_string(getpid()) + "." + std::to_string(all.size());
  };
  for (const queue_case& c : cases_for_all_types())
    all.push_back(std::make_unique<queue_scenario<fixed_message>>(c, unique()));
  for (const queue_case& c : cases_for_fixed_messages())
    all.push_back(std::make_unique<queue_scenario<fixed_message>>(c, unique()));
  for (const queue_case& c : cases_for_all_types())
    all.push_back(std::make_unique<queue_scenario<std::string>>(c, unique()));
  for (const creation what :
       {creation::create, creation::replace_stale, creation::open_or_create, creation::leave_last})
    all.push_back(std::make_unique<creation_scenario>(what, unique()));
  std::erase_if(all,
                [&](const auto& one) { return one->name().find(filter) == std::string::npos; });
  return all;
}

}  // namespace hawser::test
