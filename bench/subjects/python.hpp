/// Python's peers: scripts in bench/peers that print `metric value` lines.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace hawser::bench {

/// Throws `not_available` without python3, `wrong_figure` if the script fails.
std::vector<std::pair<std::string, double>> run_python(const std::string& script,
                                                       const std::vector<std::string>& arguments);

}  // namespace hawser::bench
