#include "../suites.hpp"
#include "creation_scenario.hpp"
#include "queue_scenario.hpp"

namespace hawser::test {
namespace {

void add_scenarios(scenario_list& all, const std::string& unique) {
  const auto name = [&] { return unique + "." + std::to_string(all.size()); };
  for (const queue_case& c : cases_for_all_types())
    all.push_back(std::make_unique<queue_scenario<fixed_message>>(c, name()));
  for (const queue_case& c : cases_for_fixed_messages())
    all.push_back(std::make_unique<queue_scenario<fixed_message>>(c, name()));
  for (const queue_case& c : cases_for_all_types())
    all.push_back(std::make_unique<queue_scenario<std::string>>(c, name()));
  for (const creation what :
       {creation::create, creation::replace_stale, creation::open_or_create, creation::leave_last})
    all.push_back(std::make_unique<creation_scenario>(what, name()));
}

}  // namespace

suite queue_suite() {
  return {"queue",
          add_scenarios,
          {
              {"push_commits_before_bytes", "queue.push.empty"},
              {"batch_commits_before_bytes", "queue.push_batch"},
              {"push_wakes_nobody", "queue.push.empty+popper"},
              {"ack_wakes_nobody", "queue.ack.full+pusher"},
              {"last_ack_wakes_nobody", "queue.ack.last_of_closed"},
              {"nack_not_announced", "queue.nack"},
              {"close_wakes_nobody", "queue.close.empty+popper"},
              {"closed_while_leased", "queue.ack.last_of_closed"},
              {"sweep_wakes_nobody", "queue.push.empty+popper"},
              {"sweep_keeps_leases", "queue.lease.one"},
              {"sweep_not_announced", "queue.lease.one"},
              {"sweep_frees_place_first", "queue.sweep.lease"},
              {"dead_locks_stay", "queue.push.one"},
              {"tail_not_repaired", "queue.push.empty"},
              {"head_not_repaired", "queue.pop.after_popped"},
              {"head_moves_before_lease", "queue.lease.one"},
              {"staged_junk_delivered", "queue.push_batch"},
              {"skip_not_told", "skips_lease"},
              {"holder_not_marked", "queue.lease.one"},
              {"leased_slot_overwritten", "skips_lease"},
              {"attempts_unlimited", "queue.sweep.last_attempt"},
              {"attach_wakes_nobody", "queue.attach.empty+popper"},
              {"last_one_leaves_file", "queue.detach.last"},
          }};
}

}  // namespace hawser::test
