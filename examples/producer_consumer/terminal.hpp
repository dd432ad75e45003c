#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace producer_consumer {

/// A few lines at the bottom of a terminal that are written over again and again. The cursor is
/// never hidden and nothing else is switched, so there is nothing to restore, however we end.
class terminal {
 public:
  /// A line, and which part of it is highlighted.
  struct line {
    std::string text;
    std::size_t bright_from = 0;
    std::size_t bright_to = 0;
  };

  /// `fd` is to be a terminal.
  explicit terminal(int fd);

  /// Whether the lines can be written over: a terminal of a kind that can.
  static bool is_live(int fd);

  /// The text that draws `lines` over those of the last call, cut to the terminal's size now.
  std::string draw(const std::vector<line>& lines);

  /// The text that removes the lines, to print something else in their place.
  std::string erase();

 private:
  struct size {
    std::size_t rows = 24;
    std::size_t columns = 80;
  };
  size size_now() const;

  int fd_;
  bool coloured_;
  std::vector<std::size_t> drawn_;  ///< the widths of the lines that stand there
};

}  // namespace producer_consumer
