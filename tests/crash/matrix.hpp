/// The crash matrix: what survivors saw of each operation, as a table for the documentation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <killpoint/sweep.hpp>

namespace hawser::test {

class crash_matrix {
 public:
  /// Adds what the sweep of `subject` found.
  void add(const killpoint::scenario& subject, const killpoint::sweep_report& found);

  /// A Markdown table with a row for each operation of each channel.
  [[nodiscard]] std::string to_markdown() const;

  /// Puts the table between the two lines of `file` that say so.
  ///
  /// Errors     std::runtime_error: no such file, or no such lines in it.
  void write_into(const std::string& file) const;

 private:
  struct outcome {
    std::string words;
    std::uint64_t times;
  };
  struct row {
    std::string channel, operation;
    std::size_t situations = 0;
    std::uint64_t points = 0, failures = 0;
    std::vector<outcome> outcomes;
  };
  std::vector<row> rows_;  // in the order of the sweep
};

}  // namespace hawser::test
