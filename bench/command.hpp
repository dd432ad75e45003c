/// Other programs as subjects: started, waited for, their output read.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace hawser::bench {

struct command_result {
  int status = 0;  // as from waitpid
  double seconds = 0;
  double seconds_to_stop = 0;  // from its interruption to its end
  double peak_megabytes = 0;   // of the largest of its processes that it waited for
  std::string output;          // standard output, empty unless it was kept
};

/// Runs a program (argv[0] by PATH) in the C locale. Its standard output goes to a file in memory
/// if `keep_output`, else nowhere; its standard error nowhere. With `interrupt_after` it gets a
/// SIGINT when it has run so long.
command_result run_command(const std::vector<std::string>& argv, bool keep_output,
                           std::optional<std::chrono::milliseconds> interrupt_after = {});

}  // namespace hawser::bench
