/// What is printed: the figures, then how they spread, then how they stand to their targets.
#pragma once

#include "measurement.hpp"
#include "plan.hpp"

#include <fstream>
#include <string>
#include <vector>

namespace hawser::bench {

/// Comment lines that say what machine and which build this is.
void print_machine(bool awake);

/// One line a figure: `subject metric bytes value unit`; and what was skipped.
void print_figures(const group_run& run);

/// One comment line a figure and placement: minimum, median, maximum, samples, raw round trip.
void print_spread(const std::vector<group_run>& runs);

/// One comment line a target whose figures were measured. Returns whether all were reached.
bool print_targets(const std::vector<group_run>& runs, const std::vector<target>& targets);

/// The medians of all figures, each of the placement that most of its blocks had.
std::vector<value> medians_of(const std::vector<group_run>& runs);

/// Every sample, a line each, behind a line of names.
class csv_file {
 public:
  /// Throws `std::runtime_error` if it cannot be written.
  explicit csv_file(std::string path);
  void add(const group_run& run);

 private:
  std::string path_;
  std::ofstream out_;
};

}  // namespace hawser::bench
