/// An owned file descriptor that is never 0, 1 or 2.
#pragma once

#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace hawser::actors::detail {

class descriptor {
 public:
  descriptor() = default;
  /// Moves `fd` out of the range of the standard streams: a program that was started without
  /// them would print into whatever took their numbers.
  explicit descriptor(int fd) noexcept : fd_(fd) {
    if (fd < 0 || fd > 2) return;
    fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    ::close(fd);
  }
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void reset() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

}  // namespace hawser::actors::detail
