#pragma once

#include <string>
#include <string_view>

namespace producer_consumer {

/// `path` on one line: as it is, or in the shell's $'...' form if it has control characters, so
/// that no name can fake a line of output or steer a terminal.
std::string one_line(std::string_view path);

}  // namespace producer_consumer
