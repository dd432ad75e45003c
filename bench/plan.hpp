/// Runs measurements side by side, in blocks, and keeps what the placement of the two CPUs and
/// the rest of the machine left undisturbed.
#pragma once

#include "measurement.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace hawser::bench {

const char* name_of(group g);

/// Whether the figures of a group depend on how near the two CPUs are.
bool placement_matters(group g);

/// One sample of each measurement of a group, in turn, with the raw cache-line round trip
/// measured before, between and after them.
struct block {
  group in = group::throughput;
  double raw_us_min = 0, raw_us_max = 0;
  std::vector<value> values;
  std::vector<figure> disturbed;  // figures of samples that stayed disturbed

  /// Whether the CPUs stayed as near to each other as they were: the round trip varies by a
  /// quarter in one placement, and triples from one to the other.
  bool steady() const { return raw_us_max < 1.8 * raw_us_min; }
  /// The virtual machines this was made for run on CPUs that are near each other (raw round trip
  /// 0.10 to 0.16 us) or far (0.40 to 0.55 us); the targets know these two.
  bool near() const { return raw_us_min + raw_us_max < 2 * 0.33; }
};

struct group_run {
  group in = group::throughput;
  std::vector<block> blocks;         // kept
  std::size_t repeated = 0;          // dropped because the raw round trip changed
  std::vector<std::string> skipped;  // "subject: reason"
};

/// Measures everything of `all` that is in group `g` and that `filter` (part of "subject group",
/// empty for all) selects.
/// Throws `wrong_figure`.
group_run run_group(group g, const std::vector<measurement>& all, const std::string& filter,
                    const effort& how);

}  // namespace hawser::bench
