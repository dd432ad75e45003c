#include "mutants.hpp"

#include <cstdio>

#if defined(HAWSER_MUTANTS)

#include "all_scenarios.hpp"
#include <hawser/shm/detail/mutant.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include <killpoint/sweep.hpp>

namespace hawser::test {
namespace {

using killpoint::scenario;
using shm::detail::mutation;

struct mutant_entry {
  mutation what;
  std::string_view name;
  std::string_view likely;  // the operation most likely to notice: it is tried first
};

constexpr std::array mutants{
    mutant_entry{mutation::push_commits_before_bytes, "push_commits_before_bytes", "push.empty"},
    mutant_entry{mutation::batch_commits_before_bytes, "batch_commits_before_bytes", "push_batch"},
    mutant_entry{mutation::push_wakes_nobody, "push_wakes_nobody", "push.empty+popper"},
    mutant_entry{mutation::ack_wakes_nobody, "ack_wakes_nobody", "ack.full+pusher"},
    mutant_entry{mutation::last_ack_wakes_nobody, "last_ack_wakes_nobody", "ack.last_of_closed"},
    mutant_entry{mutation::nack_not_announced, "nack_not_announced", "nack"},
    mutant_entry{mutation::close_wakes_nobody, "close_wakes_nobody", "close.empty+popper"},
    mutant_entry{mutation::closed_while_leased, "closed_while_leased", "ack.last_of_closed"},
    mutant_entry{mutation::sweep_wakes_nobody, "sweep_wakes_nobody", "push.empty+popper"},
    mutant_entry{mutation::sweep_keeps_leases, "sweep_keeps_leases", "lease.one"},
    mutant_entry{mutation::sweep_not_announced, "sweep_not_announced", "lease.one"},
    mutant_entry{mutation::sweep_frees_place_first, "sweep_frees_place_first", "sweep.lease"},
    mutant_entry{mutation::dead_locks_stay, "dead_locks_stay", "push.one"},
    mutant_entry{mutation::tail_not_repaired, "tail_not_repaired", "push.empty"},
    mutant_entry{mutation::head_not_repaired, "head_not_repaired", "pop.after_popped"},
    mutant_entry{mutation::head_moves_before_lease, "head_moves_before_lease", "lease.one"},
    mutant_entry{mutation::staged_junk_delivered, "staged_junk_delivered", "push_batch"},
    mutant_entry{mutation::skip_not_told, "skip_not_told", "skips_lease"},
    mutant_entry{mutation::holder_not_marked, "holder_not_marked", "lease.one"},
    mutant_entry{mutation::leased_slot_overwritten, "leased_slot_overwritten", "skips_lease"},
    mutant_entry{mutation::attempts_unlimited, "attempts_unlimited", "sweep.last_attempt"},
    mutant_entry{mutation::attach_wakes_nobody, "attach_wakes_nobody", "attach.empty+popper"},
    mutant_entry{mutation::last_one_leaves_file, "last_one_leaves_file", "detach.last"},
};

/// What noticed that the protocol is broken, in words; empty: nothing did.
std::string hunt(std::string_view likely) {
  auto all = scenarios("");
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
  // What notices a mutant must not notice anything without one.
  if (const std::string noticed = hunt(""); !noticed.empty()) {
    std::printf("without a mutant, FAILED: %s\n", noticed.c_str());
    return 1;
  }
  std::size_t count = 0, caught = 0;
  for (const mutant_entry& one : mutants) {
    if (one.name.find(filter) == std::string_view::npos) continue;
    ++count;
    shm::detail::mutant = one.what;  // every process of a sweep is a fork of this one
    const std::string noticed = hunt(one.likely);
    shm::detail::mutant = mutation::none;
    if (!noticed.empty()) ++caught;
    std::printf("%-28s %s\n", std::string{one.name}.c_str(),
                noticed.empty() ? "NOT CAUGHT" : ("caught by " + noticed).c_str());
    std::fflush(stdout);
  }
  std::printf("mutants: %zu, caught %zu\n", count, caught);
  return count != 0 && caught == count ? 0 : 1;
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
