#pragma once

#include <optional>
#include <string>
#include <vector>

namespace producer_consumer {

struct options {
  unsigned consumers = 1;
  bool kill_one = false;
  bool quiet = false;
  std::vector<std::string> paths;
};

/// Reads the command line, and checks that every PATH exists.
///
/// Returns    The options; or nothing if the program is to end with `exit_status` (0 after
///            --help, 2 after a mistake), everything being said.
std::optional<options> read_options(int argc, char** argv, int& exit_status);

}  // namespace producer_consumer
