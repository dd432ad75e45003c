/// Other programs as subjects: started, waited for, their output read.
#pragma once

#include <string>
#include <vector>

namespace hawser::bench {

struct command_result {
  int status = 0;  // as from waitpid
  double seconds = 0;
  double peak_megabytes = 0;  // of the largest of its processes that it waited for
  std::string output;  // standard output, empty unless it was kept
};

/// Runs a program (argv[0] by PATH) in the C locale. Its standard output goes to a file in memory
/// if `keep_output`, else nowhere; its standard error nowhere.
command_result run_command(const std::vector<std::string>& argv, bool keep_output);

}  // namespace hawser::bench
