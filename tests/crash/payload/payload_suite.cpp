#include "../suites.hpp"
#include "payload_scenario.hpp"
#include "pool_creation.hpp"

namespace hawser::test {
namespace {

void add_scenarios(scenario_list& all, const std::string& unique) {
  const auto name = [&] { return unique + "." + std::to_string(all.size()); };
  for (const payload_case& c : payload_cases())
    all.push_back(std::make_unique<payload_scenario>(c, name()));
  for (const pool_creation what :
       {pool_creation::create, pool_creation::replace_stale, pool_creation::leave_last})
    all.push_back(std::make_unique<pool_creation_scenario>(what, name()));
}

}  // namespace

suite payload_suite() {
  return {"payload",
          add_scenarios,
          {
              {"release_wakes_nobody", "payload.release.last_chunk+loaner"},
              {"readers_not_counted", "payload.loan.shared"},
              {"share_not_noted", "payload.loan.shared"},
              {"send_not_marked", "payload.send.empty"},
              {"take_not_claimed", "payload.ack.one"},
              {"ack_frees_first", "payload.ack.two"},
              {"pop_not_claimed", "payload.pop.one"},
              {"sweep_keeps_payloads", "payload.loan.free"},
              {"sweep_keeps_unsent", "payload.send.empty"},
              {"sweep_keeps_pages", "payload.sweep.pages"},
              {"trimmed_counts_as_whole", "payload.release.large"},
              {"leased_not_looked_at", "payload.ack.two"},
              {"pool_holder_not_marked", "payload.loan.free"},
              {"queue_not_looked_into", "payload.send.empty"},
              {"vanished_queue_kept", "payload.close_queue"},
              {"last_of_large_keeps_pages", "payload.ack.large_last_reader"},
          }};
}

}  // namespace hawser::test
