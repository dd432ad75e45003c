#include "open_file.hpp"

#include <cerrno>
#include <climits>

#include <fcntl.h>

namespace producer_consumer {

namespace {

constexpr int step_flags = O_PATH | O_DIRECTORY | O_CLOEXEC;

}  // namespace

descriptor open_path(const std::string& path, int flags) {
  descriptor directory;
  std::size_t from = 0;
  int at = AT_FDCWD;
  while (path.size() - from >= PATH_MAX) {
    const std::size_t slash = path.rfind('/', from + PATH_MAX - 1);
    if (slash == std::string::npos || slash <= from) {
      errno = ENAMETOOLONG;
      return descriptor{};
    }
    const std::string step = path.substr(from, slash - from);
    directory = descriptor{::openat(at, step.c_str(), step_flags)};
    if (!directory) return directory;
    at = directory.get();
    // More slashes would make the rest an absolute path.
    from = path.find_first_not_of('/', slash);
    if (from == std::string::npos) return descriptor{::openat(at, ".", flags | O_CLOEXEC)};
  }
  return descriptor{::openat(at, path.c_str() + from, flags | O_CLOEXEC)};
}

}  // namespace producer_consumer
