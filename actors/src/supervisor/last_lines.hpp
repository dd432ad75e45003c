/// The last lines of what somebody writes, in bounded memory.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::actors::detail {

class last_lines {
 public:
  static constexpr std::size_t bytes_max = 16 * 1024;
  static constexpr std::size_t line_bytes_max = 4 * 1024;  // a longer line counts as several

  explicit last_lines(std::size_t lines) : lines_max_(lines) {}

  /// `stream` 0 or 1: lines of both are one list, but never mixed within a line.
  void add(std::size_t stream, std::string_view bytes);
  /// Oldest first; then those that have no end yet.
  std::vector<std::string> lines() const;

 private:
  void end_line(std::string& line);

  std::size_t lines_max_;
  std::size_t bytes_ = 0;
  std::deque<std::string> whole_;
  std::array<std::string, 2> begun_;
};

}  // namespace hawser::actors::detail
