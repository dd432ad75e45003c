#include "traces.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>

namespace hawser::test {

namespace {

bool has_number(std::string_view text, std::string_view number) {
  const auto is_digit = [](char character) {
    return std::isdigit(static_cast<unsigned char>(character)) != 0;
  };
  for (auto at = text.find(number); at != text.npos; at = text.find(number, at + 1)) {
    const auto after = at + number.size();
    if ((at == 0 || !is_digit(text[at - 1])) && (after == text.size() || !is_digit(text[after])))
      return true;
  }
  return false;
}

}  // namespace

std::string example(std::string_view name) {
  const auto tests = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  return tests.parent_path() / "examples" / name;
}

std::vector<std::string> shared_memory_of(pid_t program) {
  std::vector<std::string> entries;
  for (const auto& entry : std::filesystem::directory_iterator{"/dev/shm"}) {
    const std::string name = entry.path().filename();
    if (has_number(name, std::to_string(program))) entries.push_back(name);
  }
  return entries;
}

std::string command_name(pid_t process) {
  std::ifstream file{"/proc/" + std::to_string(process) + "/comm"};
  std::string name;
  std::getline(file, name);
  return name;
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace hawser::test
