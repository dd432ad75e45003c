/// Measures Hawser and what one would use instead of it, side by side. See README.md.

#include "awake.hpp"
#include "plan.hpp"
#include "plots.hpp"
#include "processes.hpp"
#include "report.hpp"
#include "subjects/subjects.hpp"
#include "targets.hpp"
#include <hawser/actors/process.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <vector>

namespace hawser::bench {
namespace {

struct wishes {
  std::string filter, csv, plots;
  effort how;
  bool awake = false;
};

/// The exit status.
int measure(const wishes& wish) {
  const std::vector<measurement> all = all_measurements();
  std::optional<csv_file> csv;
  if (!wish.csv.empty()) csv.emplace(wish.csv);
  if (!wish.plots.empty()) check_plots(wish.plots);
  std::optional<awake_cpus> awake;
  if (wish.awake) awake.emplace();
  print_machine(wish.awake);
  std::vector<group_run> runs;
  bool anything = false;
  for (const group g : all_groups()) {
    runs.push_back(run_group(g, all, wish.filter, wish.how));
    print_figures(runs.back());
    if (csv) csv->add(runs.back());
    anything |= !runs.back().blocks.empty();
  }
  if (!anything) {
    fmt::print(stderr, "nothing to measure: no figure has \"{}\" in it\n", wish.filter);
    return 2;
  }
  print_spread(runs);
  print_targets(runs, targets());
  if (!wish.plots.empty()) draw_plots(wish.plots, runs);
  std::fflush(stdout);
  int status = 0;
  for (const group_run& run : runs)
    for (const std::string& text : run.wrong) {
      fmt::print(stderr, "WRONG: {}\n", text);
      status = 1;
    }
  return status;
}

}  // namespace
}  // namespace hawser::bench

int main(int argc, char** argv) {
  using namespace hawser::bench;

  if (const auto status = hawser::actors::run_as_child(argc, argv)) return *status;
  CLI::App app{
      "Measures Hawser beside its alternatives: one line a figure, `subject metric bytes "
      "value unit`, then the spread, then the targets."};
  wishes wish;
  app.add_option("FILTER", wish.filter,
                 "Only what has this in its subject or group, such as hawser.queue, boost, "
                 "throughput.64, round_trip, blocking, recovery, actors, patterns");
  app.add_flag("--quick", wish.how.quick, "Fewer and shorter samples: a first impression");
  app.add_option("--csv", wish.csv, "Every sample, a line each, into this file");
  app.add_option("--plot", wish.plots, "Pictures (SVG, by gnuplot) into this directory");
  app.add_flag("--awake", wish.awake,
               "Keeps the CPUs from halting, which virtual ones are slow to come back from");
  CLI11_PARSE(app, argc, argv);

  end_samples_on_signals();
  try {
    return measure(wish);
  } catch (const interrupted&) {
    return 128 + signal_received();
  } catch (const std::exception& e) {
    std::fflush(stdout);
    fmt::print(stderr, "\ncannot measure: {}\n", e.what());
    return 1;
  }
}
