#include "plan.hpp"

#include "subjects/subjects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include <unistd.h>

namespace hawser::bench {
namespace {

constexpr unsigned attempts_max = 8;  // of a sample that is disturbed

std::size_t blocks_wanted(group g, const effort& how) {
  switch (g) {
    case group::throughput: return how.quick ? 5 : 21;
    case group::round_trip: return how.quick ? 5 : 21;
    case group::op: return how.quick ? 5 : 21;
    case group::recovery: return how.quick ? 1 : 5;
    case group::wall: return how.quick ? 2 : 7;
    case group::actors: return how.quick ? 2 : 7;
  }
  return 1;
}

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

block run_block(group g, std::vector<measurement>& members, std::size_t first, const effort& how,
                std::vector<std::string>& skipped) {
  double raw_us = raw_round_trip_us();
  block result{g, raw_us, raw_us, {}, {}};
  std::vector<std::size_t> absent;
  for (std::size_t i = 0; i < members.size(); ++i) {
    // Each block starts with another member, so that none is always the one after the same.
    const std::size_t at = (first + i) % members.size();
    try {
      const sample s = undisturbed_if_possible(members[at], how);
      for (const value& v : s.values) {
        result.values.push_back(v);
        if (s.disturbed) result.disturbed.push_back(v.of);
      }
    } catch (const not_available& e) {
      skipped.push_back(members[at].subject + " " + name_of(g) + ": " + e.what());
      absent.push_back(at);
    } catch (const wrong_figure& e) {
      throw wrong_figure{members[at].subject + " " + name_of(g) + ": " + e.what()};
    }
    raw_us = raw_round_trip_us();
    result.raw_us_min = std::min(result.raw_us_min, raw_us);
    result.raw_us_max = std::max(result.raw_us_max, raw_us);
  }
  std::sort(absent.rbegin(), absent.rend());
  for (const std::size_t at : absent)
    members.erase(members.begin() + static_cast<std::ptrdiff_t>(at));
  return result;
}

}  // namespace

bool placement_matters(group g) { return g == group::throughput || g == group::round_trip; }

const char* name_of(group g) {
  switch (g) {
    case group::throughput: return "throughput";
    case group::round_trip: return "round_trip";
    case group::op: return "op";
    case group::recovery: return "recovery";
    case group::wall: return "wall";
    case group::actors: return "actors";
  }
  return "?";
}

group_run run_group(group g, const std::vector<measurement>& all, const std::string& filter,
                    const effort& how) {
  std::vector<measurement> members;
  std::copy_if(all.begin(), all.end(), std::back_inserter(members), [&](const measurement& m) {
    return m.in == g && (m.subject + " " + name_of(g)).find(filter) != std::string::npos;
  });
  group_run result{g, {}, 0, {}};
  const std::size_t wanted = blocks_wanted(g, how);
  std::vector<block> unsteady;
  // Each block may be repeated twice; a machine that never stays put ends up in the report.
  for (std::size_t i = 0; i < 3 * wanted && result.blocks.size() < wanted && !members.empty();
       ++i) {
    show_progress(fmt::format("{} block {} of {}", name_of(g), result.blocks.size() + 1, wanted));
    block b = run_block(g, members, i, how, result.skipped);
    if (b.steady() || !placement_matters(g)) result.blocks.push_back(std::move(b));
    else unsteady.push_back(std::move(b));
  }
  show_progress("");
  result.repeated = unsteady.size();
  if (result.blocks.empty()) result.blocks = std::move(unsteady);
  return result;
}

}  // namespace hawser::bench
