#include "suites.hpp"

#include <unistd.h>

namespace hawser::test {

std::vector<suite> all_suites() {
  std::vector<suite> all;
  for (const auto make :
       {queue_suite, semaphore_suite, lock_suite, shared_lock_suite, guarded_suite, value_suite,
        event_suite, door_suite, array_suite, topic_suite, pipe_suite, payload_suite,
        payload_pipe_suite, waiting_suite, outbox_suite})
    all.push_back(make());
#ifdef HAWSER_WITH_CAF
  all.push_back(pipeline_suite());
#endif
  return all;
}

scenario_list scenarios(std::string_view filter) {
  scenario_list all;
  for (const suite& one : all_suites())
    one.add_scenarios(all,
                      "killpoint." + std::to_string(getpid()) + "." + std::string{one.channel});
  std::erase_if(all,
                [&](const auto& one) { return one->name().find(filter) == std::string::npos; });
  return all;
}

}  // namespace hawser::test
