#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace hawser::bench {

double percentile(std::vector<double> values, double fraction) {
  const double rank = std::ceil(fraction * static_cast<double>(values.size()));
  const auto nth = static_cast<std::ptrdiff_t>(std::max(rank, 1.0)) - 1;
  std::nth_element(values.begin(), values.begin() + nth, values.end());
  return values[static_cast<std::size_t>(nth)];
}

}  // namespace hawser::bench
