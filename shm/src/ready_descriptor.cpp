#include <hawser/shm/error.hpp>
#include <hawser/shm/ready_descriptor.hpp>

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace hawser::shm {
namespace {

int make_event() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw make_system_error(errno, "make", "ready_descriptor", "eventfd");
  return fd;
}

}  // namespace

ready_descriptor::ready_descriptor(condition what)
    : fd_(make_event()), forks_(detail::forks()), what_(std::move(what)) {
  try {
    rearm();
  } catch (...) {
    close();
    throw;
  }
}

ready_descriptor::ready_descriptor(ready_descriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), forks_(other.forks_), what_(std::move(other.what_)) {}

ready_descriptor& ready_descriptor::operator=(ready_descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(forks_, other.forks_);
  std::swap(what_, other.what_);
  return *this;
}

ready_descriptor::~ready_descriptor() { close(); }

void ready_descriptor::close() noexcept {
  if (fd_ < 0) return;
  // First the callback: the number may be somebody else's as soon as it is closed.
  what_.disarm();
  ::close(std::exchange(fd_, -1));
}

void ready_descriptor::follow_fork() {
  if (forks_ == detail::forks()) return;
  // What we inherited is the parent's: reading it would take the parent's turn.
  const int own = make_event();
  const bool replaced = ::dup3(own, fd_, O_CLOEXEC) >= 0;
  const int failure = errno;
  ::close(own);
  if (!replaced) throw make_system_error(failure, "make", "ready_descriptor", "dup3");
  forks_ = detail::forks();
}

bool ready_descriptor::rearm() {
  follow_fork();
  // Emptied before it is armed: a call that comes afterwards stays.
  eventfd_t turns = 0;
  ::eventfd_read(fd_, &turns);
  bool ready = true;
  try {
    ready = what_.arm([fd = fd_] { ::eventfd_write(fd, 1); });
  } catch (...) {
    ::eventfd_write(fd_, 1);
    throw;
  }
  if (ready) ::eventfd_write(fd_, 1);
  return ready;
}

}  // namespace hawser::shm
