#include "../suites.hpp"
#include "payload_pipe_scenario.hpp"

namespace hawser::test {
namespace {

void add_scenarios(scenario_list& all, const std::string& unique) {
  for (const payload_pipe_case& c : payload_pipe_cases())
    all.push_back(
        std::make_unique<payload_pipe_scenario>(c, unique + "." + std::to_string(all.size())));
}

}  // namespace

suite payload_pipe_suite() {
  return {"payload_pipe",
          add_scenarios,
          {
              {"send_not_marked", "payload_pipe.send.empty"},
              {"queue_not_looked_into", "payload_pipe.send.empty"},
              {"pipe_lets_go_first", "payload_pipe.receive.one"},
              {"lying_payloads_kept", "payload_pipe.close.two"},
              {"close_keeps_payloads", "payload_pipe.close.two+loaner"},
          }};
}

}  // namespace hawser::test
