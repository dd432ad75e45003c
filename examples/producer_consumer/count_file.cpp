#include "count_file.hpp"

#include "open_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

namespace producer_consumer {

namespace {

// Stays in the second-level cache between the kernel's copy and the count.
constexpr std::size_t buffer_bytes = std::size_t{128} * 1024;

}  // namespace

file_counter::file_counter(word_rule rule) : counter_(rule), buffer_(buffer_bytes) {}

file_counter::outcome file_counter::count(const std::string& path) {
  const descriptor file = open_path(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return {{}, errno};
  if (!S_ISREG(status.st_mode)) return {{}, EINVAL};
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer_.data(), buffer_.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      counter_.finish();
      return {{}, error};
    }
    if (got == 0) return {counter_.finish(), 0};
    counter_.add({buffer_.data(), static_cast<std::size_t>(got)});
  }
}

}  // namespace producer_consumer
