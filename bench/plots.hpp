/// Pictures of the figures, drawn by gnuplot.
#pragma once

#include "plan.hpp"

#include <string>
#include <vector>

namespace hawser::bench {

/// Throws `std::runtime_error` unless `directory` can be written to, and gnuplot is there.
void check_plots(const std::string& directory);

/// SVG files of what was measured: throughput by size, latencies, scaling with processes. What has no figures
/// is left out. Throws `std::runtime_error`.
void draw_plots(const std::string& directory, const std::vector<group_run>& runs);

}  // namespace hawser::bench
