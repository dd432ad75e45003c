// How one process's monitor is woken by another: a datagram to an abstract Unix socket, which says in which
// segment. The address is a random number in the participant's row, so nothing is left in any file system,
// and a dead process's doorbell is simply refused. Across network namespaces nobody hears it;
// the monitor's slices do the work there.

#include "monitor.hpp"
#include <hawser/shm/error.hpp>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <new>
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

/// How many datagrams a socket keeps; 0 if nobody says.
int kept_datagrams() {
  int kept = 0;
  std::ifstream{"/proc/sys/net/unix/max_dgram_qlen"} >> kept;
  return kept;
}

}  // namespace

void monitor::open_doorbell() {
  const int kept = kept_datagrams();
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
  socket_keeps_ = kept;
}

void rung_segments::add(std::uint64_t inode) noexcept {
  // Many: it takes less to look everywhere.
  constexpr std::size_t inodes_max = 256;
  if (all) return;
  try {
    if (inodes.size() < inodes_max) return inodes.push_back(inode);
  } catch (const std::bad_alloc&) {
  }
  all = true;
}

// One that finds the socket full is dropped, and has its sender's word lost. Then there were more than the
// socket keeps, and all of them are taken here.
void drain_doorbell(int socket, int kept, rung_segments& into) noexcept {
  std::uint64_t inode = 0;
  ssize_t bytes = 0;
  for (int taken = 0; (bytes = recv(socket, &inode, sizeof inode, MSG_DONTWAIT)) >= 0;) {
    if (++taken > kept || bytes != sizeof inode) into.all = true;
    else into.add(inode);
  }
}

void ring_doorbell(std::uint64_t doorbell, std::uint64_t inode) noexcept {
  if (doorbell == 0) return;
  if (on_monitor_thread && doorbell == monitor::instance().own_doorbell())
    return rung_by_itself.add(inode);  // it is awake, and looks at the waits before it sleeps again
  const descriptor sender{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const address there{doorbell};
  // Refused: the process is gone. Full: it looks everywhere. No descriptor left here: its slices
  // find what we published.
  sendto(sender.get(), &inode, sizeof inode, MSG_DONTWAIT | MSG_NOSIGNAL, there.get(), there.bytes);
}

}  // namespace hawser::shm::detail
