#include "plan.hpp"

#include "clock.hpp"
#include "subjects/subjects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include <unistd.h>

namespace hawser::bench {
namespace {

constexpr unsigned attempts_max = 3;  // of a sample that is disturbed

struct traits {
  group of;
  const char* name;
  std::size_t blocks, blocks_quick;
  bool placement_matters = false;
};

constexpr traits groups[] = {
    {group::round_trip, "round_trip", 9, 2, true},
    {group::throughput_8, "throughput.8", 7, 2, true},
    {group::throughput_64, "throughput.64", 9, 3, true},
    {group::throughput_1k, "throughput.1024", 7, 2, true},
    {group::throughput_64k, "throughput.65536", 7, 2, true},
    {group::throughput_1m, "throughput.1048576", 7, 2, true},
    {group::many, "many", 5, 1, true},
    {group::blocking, "blocking", 5, 1},
    {group::one_cpu, "one_cpu", 5, 1},
    {group::op, "op", 7, 1},
    {group::contended, "contended", 7, 1, true},
    {group::channels, "channels", 3, 1},
    {group::recovery, "recovery", 3, 1},
    {group::wall, "wall", 3, 1},
    {group::actors, "actors", 5, 1},
    {group::savina, "savina", 3, 1},
    {group::patterns, "patterns", 3, 1},
};

const traits& traits_of(group g) { return groups[static_cast<std::size_t>(g)]; }

consteval bool are_in_order() {
  for (std::size_t i = 0; i < std::size(groups); ++i)
    if (groups[i].of != static_cast<group>(i)) return false;
  return true;
}
static_assert(are_in_order());

sample undisturbed_if_possible(const measurement& m, const effort& how) {
  sample last = m.run(how);
  for (unsigned i = 1; i < attempts_max && last.disturbed; ++i) last = m.run(how);
  return last;
}

double raw_round_trip_us() {
  static const measurement raw{"raw.cacheline", group::round_trip, measure_raw_cacheline};
  return undisturbed_if_possible(raw, {.quick = true}).values.front().amount;
}

/// One line on a terminal, rewritten.
void show_progress(const std::string& text) {
  static const bool terminal = isatty(STDERR_FILENO) != 0;
  if (terminal) fmt::print(stderr, "\r\x1b[K{}", text);
}

/// A sample of one member, into the block. False: it is to be left out from now on.
bool add_sample(block& to, const measurement& of, const effort& how, group_run& run) {
  const std::string name = of.subject + " " + name_of(to.in) + ": ";
  try {
    const sample s = undisturbed_if_possible(of, how);
    for (const value& v : s.values) {
      to.values.push_back(v);
      if (s.disturbed) to.disturbed.push_back(v.of);
    }
    return true;
  } catch (const not_available& e) {
    run.skipped.push_back(name + e.what());
  } catch (const wrong_figure& e) {
    run.wrong.push_back(name + e.what());
  }
  return false;
}

block run_block(std::vector<measurement>& members, std::size_t first, const effort& how,
                group_run& run) {
  block result;
  result.in = run.in;
  result.raw_us_min = result.raw_us_max = raw_round_trip_us();
  result.copy_min = result.copy_max = raw_copy_gb_per_s();
  std::vector<std::size_t> absent;
  for (std::size_t i = 0; i < members.size(); ++i) {
    // Each block starts with another member, so that none is always the one after the same.
    const std::size_t at = (first + i) % members.size();
    if (!add_sample(result, members[at], how, run)) absent.push_back(at);
    const double raw_us = raw_round_trip_us();
    result.raw_us_min = std::min(result.raw_us_min, raw_us);
    result.raw_us_max = std::max(result.raw_us_max, raw_us);
  }
  const double copy = raw_copy_gb_per_s();
  result.copy_min = std::min(result.copy_min, copy);
  result.copy_max = std::max(result.copy_max, copy);
  std::sort(absent.rbegin(), absent.rend());
  for (const std::size_t at : absent)
    members.erase(members.begin() + static_cast<std::ptrdiff_t>(at));
  return result;
}

}  // namespace

std::vector<group> all_groups() {
  std::vector<group> all;
  for (const traits& one : groups) all.push_back(one.of);
  return all;
}

bool placement_matters(group g) { return traits_of(g).placement_matters; }

const char* name_of(group g) { return traits_of(g).name; }

group_run run_group(group g, const std::vector<measurement>& all, const std::string& filter,
                    const effort& how) {
  std::vector<measurement> members;
  std::copy_if(all.begin(), all.end(), std::back_inserter(members), [&](const measurement& m) {
    return m.in == g && (m.subject + " " + name_of(g)).find(filter) != std::string::npos;
  });
  group_run result;
  result.in = g;
  const std::int64_t from_ns = now_ns();
  const std::size_t wanted = how.quick ? traits_of(g).blocks_quick : traits_of(g).blocks;
  std::vector<block> unsteady;
  // Each block may be repeated once; a machine that never stays put ends up in the report.
  for (std::size_t i = 0; i < 2 * wanted && result.blocks.size() < wanted && !members.empty();
       ++i) {
    show_progress(fmt::format("{} block {} of {}", name_of(g), result.blocks.size() + 1, wanted));
    block b = run_block(members, i, how, result);
    if (b.steady() || !placement_matters(g)) result.blocks.push_back(std::move(b));
    else unsteady.push_back(std::move(b));
  }
  show_progress("");
  result.repeated = unsteady.size();
  if (result.blocks.empty()) result.blocks = std::move(unsteady);
  result.took_s = static_cast<double>(now_ns() - from_ns) / 1e9;
  return result;
}

}  // namespace hawser::bench
