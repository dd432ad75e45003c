/// Measures Hawser and what one would use instead of it, side by side. See README.md.

#include "plan.hpp"
#include "processes.hpp"
#include "report.hpp"
#include "subjects/subjects.hpp"
#include "targets.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  using namespace hawser::bench;

  CLI::App app{
      "Measures Hawser beside its alternatives: one line a figure, `subject metric bytes "
      "value unit`, then the spread, then the targets."};
  std::string filter;
  effort how;
  app.add_option("FILTER", filter,
                 "Only what has this in its subject or group, such as hawser.queue, boost, "
                 "throughput, round_trip, op, recovery, wall, actors");
  app.add_flag("--quick", how.quick, "Fewer and shorter samples: a first impression");
  CLI11_PARSE(app, argc, argv);

  const std::vector<measurement> all = all_measurements();
  end_samples_on_signals();
  try {
    print_machine();
    std::vector<group_run> runs;
    for (const group g : {group::round_trip, group::throughput, group::op, group::recovery,
                          group::wall, group::actors}) {
      runs.push_back(run_group(g, all, filter, how));
      print_figures(runs.back());
    }
    bool anything = false;
    for (const group_run& run : runs) anything |= !run.blocks.empty();
    if (!anything) {
      fmt::print(stderr, "nothing to measure: no figure has \"{}\" in it\n", filter);
      return 2;
    }
    print_spread(runs);
    print_targets(runs, targets());
  } catch (const interrupted&) {
    return 128 + signal_received();
  } catch (const wrong_figure& e) {
    std::fflush(stdout);
    fmt::print(stderr, "\nWRONG: {}\n", e.what());
    return 1;
  } catch (const std::exception& e) {
    std::fflush(stdout);
    fmt::print(stderr, "\ncannot measure: {}\n", e.what());
    return 1;
  }
}
