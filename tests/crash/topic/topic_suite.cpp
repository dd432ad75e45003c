#include "../suites.hpp"
#include "topic_creation.hpp"
#include "topic_scenario.hpp"

namespace hawser::test {
namespace {

void add_scenarios(scenario_list& all, const std::string& unique) {
  const auto name = [&] { return unique + "." + std::to_string(all.size()); };
  for (const auto& c : on_topic::cases_for_all_types())
    all.push_back(std::make_unique<topic_scenario<fixed_message>>(c, name()));
  for (const auto& c : on_topic::cases_for_fixed_messages())
    all.push_back(std::make_unique<topic_scenario<fixed_message>>(c, name()));
  for (const auto& c : on_topic::cases_for_all_types())
    all.push_back(std::make_unique<topic_scenario<std::string>>(c, name()));
  using enum topic_creation;
  for (const topic_creation what :
       {create, replace_stale, topic_creation::open_or_create, leave_last, subscription_last})
    all.push_back(std::make_unique<topic_creation_scenario>(what, name()));
}

}  // namespace

suite topic_suite() {
  return {"topic",
          add_scenarios,
          {
              {"publish_commits_before_bytes", "topic.publish.empty"},
              {"publish_batch_commits_before_bytes", "topic.publish_batch"},
              {"writing_not_marked", "topic.publish.one"},
              {"publish_wakes_nobody", "topic.publish.empty+taker"},
              {"take_wakes_nobody", "topic.take.full+publisher"},
              {"topic_close_wakes_nobody", "topic.close.empty+taker"},
              {"topic_tail_not_repaired", "topic.publish.after_committed"},
              {"staged_junk_taken", "topic.publish_batch"},
              {"gate_not_lowered", "topic.subscribe"},
              {"history_not_looked_at", "topic.publish_batch"},
              {"nobody_is_cut_off", "topic.publish.cuts_off"},
              {"sweep_keeps_row", "topic.sweep.subscriber"},
              {"sweep_wakes_nobody", "topic.take.full+publisher"},
              {"sweep_frees_place_first", "topic.sweep.subscriber"},
              {"dead_locks_stay", "topic.publish.one"},
              {"attach_wakes_nobody", "topic.attach.empty+taker"},
              {"last_one_leaves_file", "topic.detach.last"},
          }};
}

}  // namespace hawser::test
