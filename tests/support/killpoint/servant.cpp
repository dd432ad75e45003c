#include "servant.hpp"

#include "traced_child.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hawser::test::killpoint {
namespace {

[[noreturn]] void fail(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

}  // namespace

connection::connection() {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_) != 0) fail("socketpair");
}

connection::~connection() {
  for (const int end : ends_)
    if (end >= 0) close(end);
}

void connection::give_far_away() noexcept { close(std::exchange(ends_[1], -1)); }

void send_text(int end, const std::string& text) {
  if (send(end, text.data(), text.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE) fail("send");
}

std::optional<std::string> receive_text(int end, std::chrono::milliseconds limit) {
  pollfd readable{end, POLLIN, 0};
  const auto until = std::chrono::steady_clock::now() + limit;
  for (;;) {
    int left = -1;
    if (limit.count() >= 0)
      left = static_cast<int>(std::max<std::int64_t>(
          0, std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now())
                 .count()));
    const int ready = poll(&readable, 1, left);
    if (ready == 0) return std::nullopt;
    if (ready > 0) break;
    if (errno != EINTR) fail("poll");
  }
  std::array<char, 65536> buffer;
  const ssize_t bytes = recv(end, buffer.data(), buffer.size(), 0);
  if (bytes <= 0) return std::nullopt;
  return std::string{buffer.data(), static_cast<std::size_t>(bytes)};
}

servant::servant(const handler& handle) {
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) fail("fork");
  if (pid_ > 0) {
    link_.give_far_away();
    return;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  stop_being_tracer();
  for (;;) {
    const auto request = receive_text(link_.far(), std::chrono::milliseconds{-1});
    if (!request) _exit(0);
    std::string answer;
    try {
      answer = handle(*request);
    } catch (const std::exception& e) {
      answer = std::string{"exception: "} + e.what();
    }
    send_text(link_.far(), answer);
  }
}

servant::~servant() {
  ::kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace hawser::test::killpoint
