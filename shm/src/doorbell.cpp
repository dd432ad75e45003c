// How one process's monitor is woken by another: a datagram to an abstract Unix socket. The
// address is a random number in the participant's row, so nothing is left in any file system,
// and a dead process's doorbell is simply refused. Across network namespaces nobody hears it;
// the monitor's slices do the work there.

#include "monitor.hpp"
#include <hawser/shm/error.hpp>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace hawser::shm::detail {
namespace {

struct address {
  sockaddr_un data{};
  socklen_t bytes = 0;

  explicit address(std::uint64_t doorbell) {
    constexpr std::string_view prefix = "hawser.";
    data.sun_family = AF_UNIX;
    char* text = data.sun_path + 1;  // a leading zero: the abstract namespace
    std::memcpy(text, prefix.data(), prefix.size());
    const auto [end, status] =
        std::to_chars(text + prefix.size(), data.sun_path + sizeof data.sun_path, doorbell, 16);
    bytes = static_cast<socklen_t>(end - reinterpret_cast<char*>(&data));
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&data); }
};

}  // namespace

void monitor::open_doorbell() {
  descriptor opened{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!opened) throw make_system_error(errno, "open", "doorbell", "socket");
  for (;;) {
    std::uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number || number == 0) continue;
    const address here{number};
    if (bind(opened.get(), here.get(), here.bytes) == 0) {
      doorbell_ = number;
      break;
    }
    if (errno != EADDRINUSE) throw make_system_error(errno, "open", "doorbell", "bind");
  }
  epoll_event event{EPOLLIN, {.u64 = about_doorbell}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, opened.get(), &event) != 0)
    throw make_system_error(errno, "open", "doorbell", "epoll_ctl");
  socket_ = std::move(opened);
}

void drain_doorbell(int socket) noexcept {
  std::array<char, 8> bytes;
  while (recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT) >= 0) {
  }
}

void ring_doorbell(std::uint64_t doorbell) noexcept {
  if (doorbell == 0) return;
  if (on_monitor_thread && doorbell == monitor::instance().own_doorbell()) {
    rung_by_itself = true;  // it is awake, and looks at the waits before it sleeps again
    return;
  }
  const descriptor sender{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const address there{doorbell};
  // Refused: the process is gone. Full: it has not read the earlier ones, and is awake. No
  // descriptor left here: its slices find what we published.
  sendto(sender.get(), "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, there.get(), there.bytes);
}

}  // namespace hawser::shm::detail
