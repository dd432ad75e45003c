/// What is printed: the figures, then how they spread, then how they stand to their targets.
#pragma once

#include "measurement.hpp"
#include "plan.hpp"

#include <vector>

namespace hawser::bench {

/// Comment lines that say what machine and which build this is.
void print_machine();

/// One line a figure: `subject metric bytes value unit`; and what was skipped.
void print_figures(const group_run& run);

/// One comment line a figure and placement: minimum, median, maximum, samples, raw round trip.
void print_spread(const std::vector<group_run>& runs);

/// One comment line a target whose figures were measured. Returns whether all were reached.
bool print_targets(const std::vector<group_run>& runs, const std::vector<target>& targets);

}  // namespace hawser::bench
