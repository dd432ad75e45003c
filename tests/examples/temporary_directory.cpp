#include "temporary_directory.hpp"

#include "run_program.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hawser::test {

namespace {

void check(bool good, const char* what) {
  if (!good) throw std::system_error{errno, std::generic_category(), what};
}

void write_at(int directory, const char* name, std::string_view content) {
  const int file = ::openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  check(file >= 0, name);
  const ssize_t written = ::write(file, content.data(), content.size());
  ::close(file);
  check(written == static_cast<ssize_t>(content.size()), name);
}

}  // namespace

temporary_directory::temporary_directory() {
  std::string pattern = std::filesystem::temp_directory_path() / "hawser-test-XXXXXX";
  check(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
  path_ = pattern;
}

// By rm, because std::filesystem::remove_all takes a descriptor for each level.
temporary_directory::~temporary_directory() { run({"rm", "-rf", "--", path_}); }

std::string temporary_directory::operator/(std::string_view name) const {
  return path_ + '/' + std::string{name};
}

std::string temporary_directory::write(std::string_view name, std::string_view content) const {
  const std::string path = *this / name;
  std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
  std::ofstream file{path, std::ios::binary};
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  check(static_cast<bool>(file), path.c_str());
  return path;
}

void temporary_directory::write_chain(std::string_view parent, std::string_view name, int depth,
                                      int every, std::string_view content) const {
  const std::string link{name};
  std::filesystem::create_directories(*this / parent);
  int at = ::open((*this / parent).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  check(at >= 0, "open");
  for (int level = 1; level <= depth; ++level) {
    check(::mkdirat(at, link.c_str(), 0755) == 0, "mkdirat");
    const int next = ::openat(at, link.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ::close(at);
    check(next >= 0, "openat");
    at = next;
    if (level % every == 0) write_at(at, "file", content);
  }
  ::close(at);
}

}  // namespace hawser::test
