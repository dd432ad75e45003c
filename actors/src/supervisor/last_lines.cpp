#include "last_lines.hpp"

#include <algorithm>
#include <utility>

namespace hawser::actors::detail {

void last_lines::add(std::size_t stream, std::string_view bytes) {
  std::string& line = begun_[stream];
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::size_t wanted = std::min(end, bytes.size());
    const std::size_t taken = std::min(wanted, line_bytes_max - line.size());
    line.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (taken < wanted) {
      end_line(line);
    } else if (end != std::string_view::npos) {
      bytes.remove_prefix(1);
      end_line(line);
    }
  }
}

void last_lines::end_line(std::string& line) {
  bytes_ += line.size();
  whole_.push_back(std::exchange(line, {}));
  while (whole_.size() > lines_max_ || bytes_ > bytes_max) {
    bytes_ -= whole_.front().size();
    whole_.pop_front();
  }
}

std::vector<std::string> last_lines::lines() const {
  std::vector<std::string> all(whole_.begin(), whole_.end());
  for (const std::string& line : begun_)
    if (!line.empty()) all.push_back(line);
  const std::size_t too_many = all.size() - std::min(all.size(), lines_max_);
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(too_many));
  return all;
}

}  // namespace hawser::actors::detail
