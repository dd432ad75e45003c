// Kills a process at every instruction of every operation of every channel, and has the survivors
// check what is left. tools/killpoints builds and starts it.
//
//   killpoints [FILTER]            every instruction of the operations whose name contains FILTER
//   killpoints --quick [FILTER]    around every effect that a survivor can see
//   killpoints --list [FILTER]
//   killpoints --matrix FILE       also writes the crash matrix into FILE
//   killpoints --mutants [FILTER]  breaks the protocol on purpose, and reports what noticed
//
// Closes with "killpoints: O operations, P points, F failures", or with
// "mutants: N, caught M". The exit status is 0 only if F is 0, or M is N.

#include "matrix.hpp"
#include "mutants.hpp"
#include "suites.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <string>

#include <killpoint/sweep.hpp>

namespace {

using hawser::test::killpoint::scenario;
using hawser::test::killpoint::sweep;
using hawser::test::killpoint::sweep_options;
using hawser::test::killpoint::sweep_report;

void print(const sweep_report& r) {
  std::string outcomes;
  for (const std::uint64_t n : r.outcomes)
    outcomes += (outcomes.empty() ? "" : "+") + std::to_string(n);
  std::printf(
      "%-36s %6llu instructions %4llu effects %6llu points (%s) outcomes %s, "
      "slowest wait %.1f ms%s\n",
      r.name.c_str(), static_cast<unsigned long long>(r.instructions),
      static_cast<unsigned long long>(r.effects), static_cast<unsigned long long>(r.points),
      r.every_instruction ? "every instruction" : "effects and samples", outcomes.c_str(),
      static_cast<double>(r.slowest.count()) / 1000.0, r.failures.empty() ? "" : "  FAILED");
  for (const std::string& failure : r.failures)
    std::printf("  FAILURE %s: %s\n", r.name.c_str(), failure.c_str());
  std::fflush(stdout);
}

/// The exit status when a filter leaves nothing to do.
int nothing_matches(const std::string& filter) {
  std::fprintf(stderr, "killpoints: no operation's name contains \"%s\"; see --list\n",
               filter.c_str());
  return 2;
}

int run_sweep(const std::string& filter, const sweep_options& options,
              const std::string& matrix_file) {
  std::size_t operations = 0, failures = 0;
  std::uint64_t points = 0;
  hawser::test::crash_matrix matrix;
  for (const auto& one : hawser::test::scenarios(filter)) {
    const sweep_report report = sweep(*one, options).run();
    print(report);
    matrix.add(*one, report);
    ++operations;
    points += report.points;
    failures += report.failures.size();
  }
  if (operations == 0) return nothing_matches(filter);
  if (!matrix_file.empty()) matrix.write_into(matrix_file);
  std::printf("killpoints: %zu operations, %llu points, %zu failures\n", operations,
              static_cast<unsigned long long>(points), failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Kills a process at every point of every operation, and checks what is left."};
  std::string filter, matrix_file;
  bool quick = false, list = false, mutants = false;
  sweep_options options;
  app.add_option("FILTER", filter, "Only operations (mutants) whose name contains this");
  app.add_flag("--quick", quick,
               "Kill around every system call and every change of shared memory, instead of "
               "at every instruction");
  app.add_flag("--list", list, "Print the names and do nothing");
  app.add_flag("--mutants", mutants, "Break the protocol on purpose; each way must be noticed");
  app.add_option("--matrix", matrix_file, "Write the crash matrix into this file's table")
      ->check(CLI::ExistingFile);
  app.add_option("--samples", options.samples,
                 "Where not every instruction is tried: how many more, at random")
      ->capture_default_str();
  app.add_option("--longest", options.every_instruction_max,
                 "Operations of up to so many instructions are killed at every one")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  if (quick) options.every_instruction_max = 0;
  if (list) {
    const auto all = hawser::test::scenarios(filter);
    for (const auto& one : all) std::puts(one->name().c_str());
    return all.empty() ? nothing_matches(filter) : 0;
  }
  hawser::test::killpoint::become_tracer();
  try {
    return mutants ? hawser::test::run_mutants(filter) : run_sweep(filter, options, matrix_file);
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "killpoints: %s\n", failed.what());
    return 2;
  }
}
