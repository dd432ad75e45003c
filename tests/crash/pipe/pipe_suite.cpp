#include "../suites.hpp"
#include "pipe_creation.hpp"
#include "pipe_scenario.hpp"

namespace hawser::test {
namespace {

void add_scenarios(scenario_list& all, const std::string& unique) {
  const auto name = [&] { return unique + "." + std::to_string(all.size()); };
  for (const pipe_case& c : pipe_cases()) all.push_back(std::make_unique<pipe_scenario>(c, name()));
  for (const pipe_creation what :
       {pipe_creation::create, pipe_creation::replace_stale, pipe_creation::leave_last})
    all.push_back(std::make_unique<pipe_creation_scenario>(what, name()));
}

}  // namespace

suite pipe_suite() {
  return {"pipe",
          add_scenarios,
          {
              {"commits_before_bytes", "pipe.send.empty"},
              {"batch_in_the_open", "pipe.send_batch.empty"},
              {"end_unmarked", "pipe.send.empty"},
              {"end_mark_overruns", "pipe.send.exactly_full"},
              {"tail_first", "pipe.send.empty"},
              {"overruns_receiver", "pipe.send.exactly_full"},
              {"send_wakes_nobody", "pipe.send.empty+receiver"},
              {"take_wakes_nobody", "pipe.receive.full+sender"},
              {"close_wakes_nobody", "pipe.close.empty+receiver"},
              {"finish_wakes_nobody", "pipe.close_sending.empty+receiver"},
              {"sweep_keeps_end", "pipe.send.one"},
              {"taking_an_end_wakes_nobody", "pipe.attach.empty+waiter"},
          }};
}

}  // namespace hawser::test
