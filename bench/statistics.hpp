/// Order statistics.
#pragma once

#include <vector>

namespace hawser::bench {

/// The value below which `fraction` of `values` lie (nearest rank). `values` is not empty.
double percentile(std::vector<double> values, double fraction);

inline double median(std::vector<double> values) { return percentile(std::move(values), 0.5); }

}  // namespace hawser::bench
