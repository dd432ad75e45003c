/// What the kill-point sweep plays: a suite for every channel.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <killpoint/scenario.hpp>

namespace hawser::test {

/// One way to break a channel's protocol (see mutant.hpp).
struct mutant_entry {
  std::string_view name;    // as in HAWSER_MUTATE
  std::string_view likely;  // the operation most likely to notice: it is tried first
};

using scenario_list = std::vector<std::unique_ptr<killpoint::scenario>>;

/// One channel's part. A scenario is called CHANNEL.OPERATION.SITUATION, with "+SLEEPER" at its
/// end if somebody sleeps meanwhile; what it leaves in /dev/shm carries the name it is given.
struct suite {
  std::string_view channel;
  /// Appends this channel's scenarios; `unique` is the beginning of the names they use.
  void (*add_scenarios)(scenario_list& all, const std::string& unique);
  std::vector<mutant_entry> mutants;
};

suite queue_suite();
suite semaphore_suite();
suite lock_suite();
suite shared_lock_suite();
suite guarded_suite();
suite value_suite();
suite event_suite();
suite door_suite();
suite array_suite();
suite topic_suite();
suite pipe_suite();
suite payload_suite();
suite payload_pipe_suite();
suite waiting_suite();
suite outbox_suite();
/// Where there is CAF: its values are the messages'.
suite pipeline_suite();

/// All suites, in a fixed order.
std::vector<suite> all_suites();

/// The scenarios whose name contains `filter`. Their objects are named after this process.
scenario_list scenarios(std::string_view filter);

}  // namespace hawser::test
