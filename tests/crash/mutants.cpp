#include "mutants.hpp"

#include <cstdio>

#if defined(HAWSER_MUTANTS)

#include "suites.hpp"
#include <hawser/shm/detail/mutant.hpp>

#include <algorithm>
#include <string_view>

#include <killpoint/sweep.hpp>
#include <unistd.h>

namespace hawser::test {
namespace {

/// What of the channel noticed that its protocol is broken, in words; empty: nothing did.
std::string hunt(const suite& channel, std::string_view likely) {
  scenario_list all;
  channel.add_scenarios(
      all, "killpoint." + std::to_string(getpid()) + "." + std::string{channel.channel});
  std::stable_partition(all.begin(), all.end(), [&](const auto& one) {
    return one->name().find(likely) != std::string::npos;
  });
  for (const auto& one : all) {
    const auto report =
        killpoint::sweep(*one, {.every_instruction_max = 0, .samples = 0, .failures_max = 1}).run();
    if (!report.failures.empty()) return one->name() + ": " + report.failures.front();
  }
  return {};
}

}  // namespace

int run_mutants(const std::string& filter) {
  std::size_t count = 0, caught = 0;
  for (const suite& channel : all_suites()) {
    bool sound = false;
    for (const mutant_entry& one : channel.mutants) {
      const std::string name = std::string{channel.channel} + "." + std::string{one.name};
      if (name.find(filter) == std::string::npos) continue;
      // What notices a mutant must not notice anything without one.
      if (!sound) {
        if (const std::string noticed = hunt(channel, ""); !noticed.empty()) {
          std::printf("without a mutant, FAILED: %s\n", noticed.c_str());
          return 1;
        }
        sound = true;
      }
      ++count;
      // Every process of a sweep is a fork of this one.
      shm::detail::mutant = shm::detail::mutation(one.name);
      const std::string noticed = hunt(channel, one.likely);
      shm::detail::mutant = 0;
      if (!noticed.empty()) ++caught;
      std::printf("%-36s %s\n", name.c_str(),
                  noticed.empty() ? "NOT CAUGHT" : ("caught by " + noticed).c_str());
      std::fflush(stdout);
    }
  }
  if (count == 0) {
    std::fprintf(stderr, "killpoints: no mutant's name contains \"%s\"\n", filter.c_str());
    return 2;
  }
  std::printf("mutants: %zu, caught %zu\n", count, caught);
  return caught == count ? 0 : 1;
}

}  // namespace hawser::test

#else

namespace hawser::test {

int run_mutants(const std::string&) {
  std::fputs("killpoints: this build has no mutants; use tools/killpoints --mutants\n", stderr);
  return 2;
}

}  // namespace hawser::test

#endif
