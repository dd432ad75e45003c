#include "terminal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

namespace producer_consumer {

namespace {

constexpr std::string_view bright = "\x1b[1;32m";
constexpr std::string_view plain = "\x1b[0m";
constexpr std::string_view erase_to_end_of_line = "\x1b[K";
constexpr std::string_view erase_below = "\x1b[J";

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

}  // namespace

terminal::terminal(int fd) : fd_(fd), coloured_(environment("NO_COLOR").empty()) {}

bool terminal::is_live(int fd) {
  const std::string_view kind = environment("TERM");
  return ::isatty(fd) == 1 && !kind.empty() && kind != "dumb";
}

terminal::size terminal::size_now() const {
  winsize window{};
  if (::ioctl(fd_, TIOCGWINSZ, &window) != 0 || window.ws_row == 0 || window.ws_col == 0) return {};
  return {window.ws_row, window.ws_col};
}

std::string terminal::erase() {
  // A terminal made narrower since has broken the wider lines into several rows.
  const std::size_t columns = size_now().columns;
  std::size_t rows = 0;
  for (const std::size_t width : drawn_)
    rows += std::max<std::size_t>(1, (width + columns - 1) / columns);
  drawn_.clear();
  std::string text = "\r";
  if (rows > 0) text += fmt::format("\x1b[{}A", rows);
  return text += erase_below;
}

std::string terminal::draw(const std::vector<line>& lines) {
  const size now = size_now();
  const std::size_t rows = std::min(lines.size(), now.rows - 1);
  // Only what changed its size is erased first: the rest is written over, without flicker.
  const bool same =
      drawn_.size() == rows &&
      std::all_of(drawn_.begin(), drawn_.end(), [&](auto width) { return width < now.columns; });
  std::string text = same ? fmt::format("\r\x1b[{}A", rows) : erase();
  if (rows == 0) return {};
  drawn_.clear();
  for (std::size_t row = 0; row < rows; ++row) {
    const line& one = lines[row];
    const std::string_view shown = std::string_view{one.text}.substr(0, now.columns - 1);
    const std::size_t from = std::min(one.bright_from, shown.size());
    const std::size_t to = std::clamp(one.bright_to, from, shown.size());
    text += shown.substr(0, from);
    if (coloured_ && from < to) text += bright;
    text += shown.substr(from, to - from);
    if (coloured_ && from < to) text += plain;
    text += shown.substr(to);
    text += erase_to_end_of_line;
    text += '\n';
    drawn_.push_back(shown.size());
  }
  return text;
}

}  // namespace producer_consumer
