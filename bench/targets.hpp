/// The ratios Hawser is to reach.
#pragma once

#include "measurement.hpp"

#include <vector>

namespace hawser::bench {

std::vector<target> targets();

}  // namespace hawser::bench
