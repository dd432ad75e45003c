#include "oom_kills.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>

namespace hawser::actors::detail {
namespace {

std::string contents(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream{file}.rdbuf();
  return text.str();
}

/// Where the group of this process is, in version 2 of control groups.
std::string events_file() {
  const std::string groups = contents("/proc/self/cgroup");
  const std::size_t begin = groups.find("0::/");
  if (begin == std::string::npos) return {};
  const std::size_t path = begin + 3;
  return "/sys/fs/cgroup" + groups.substr(path, groups.find('\n', path) - path) + "/memory.events";
}

}  // namespace

std::optional<std::uint64_t> counter_in(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') continue;
    std::uint64_t number = 0;
    const char* const end = line.data() + line.size();
    const auto read = std::from_chars(line.data() + key.size() + 1, end, number);
    if (read.ec == std::errc{} && read.ptr == end) return number;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> oom_kills() {
  if (const auto in_group = counter_in(contents(events_file()), "oom_kill")) return in_group;
  return counter_in(contents("/proc/vmstat"), "oom_kill");
}

}  // namespace hawser::actors::detail
