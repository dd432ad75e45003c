/// Runs measurements side by side, in blocks, and keeps what the placement of the two CPUs and
/// the rest of the machine left undisturbed.
#pragma once

#include "measurement.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace hawser::bench {

/// All of them, in the order in which they run.
std::vector<group> all_groups();

const char* name_of(group g);

/// Whether the figures of a group depend on how near the two CPUs are.
bool placement_matters(group g);

/// One sample of each measurement of a group, in turn, with the raw cache-line round trip
/// measured before, between and after them, and memcpy before and after.
struct block {
  group in = group::round_trip;
  double raw_us_min = 0, raw_us_max = 0;
  double copy_min = 0, copy_max = 0;  // GB/s of memcpy, before and after
  std::vector<value> values;
  std::vector<figure> disturbed;  // figures of samples that stayed disturbed

  /// Whether the CPUs stayed as near to each other as they were, and as fast: the round trip varies by
  /// a quarter in one placement, and triples from one to the other.
  bool steady() const { return raw_us_max < 1.8 * raw_us_min && copy_max < 1.8 * copy_min; }
  /// The virtual machines this was made for run on CPUs that are near each other (raw round trip
  /// 0.10 to 0.16 us) or far (0.40 to 0.55 us); the targets know these two.
  bool near() const { return raw_us_min + raw_us_max < 2 * 0.33; }
};

struct group_run {
  group in = group::round_trip;
  std::vector<block> blocks;  // kept
  std::size_t repeated = 0;   // dropped because the machine changed
  double took_s = 0;
  std::vector<std::string> skipped;  // "subject: reason"
  std::vector<std::string> wrong;    // the same, of what arrived wrongly or not at all
};

/// Measures everything of `all` that is in group `g` and that `filter` (part of "subject group",
/// empty for all) selects. What goes wrong is left out from then on.
group_run run_group(group g, const std::vector<measurement>& all, const std::string& filter,
                    const effort& how);

}  // namespace hawser::bench
