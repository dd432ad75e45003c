// What the kernel carries between two descriptors: pipes, Unix sockets, TCP over loopback.

#include "subjects/channel_measurements.hpp"
#include "subjects/subjects.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

class descriptor {
 public:
  explicit descriptor(int fd = -1) : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

int demand(int result, const char* call) {
  if (result < 0) throw std::system_error{errno, std::generic_category(), call};
  return result;
}

/// Room for some messages, and for the largest one; what an unprivileged process may not have it does
/// without.
constexpr int socket_bytes(std::size_t message) {
  return static_cast<int>(std::max<std::size_t>(std::size_t{1} << 20, 3 * message));
}
void give_room(int fd, std::size_t message) {
  const int bytes = socket_bytes(message);
  for (const int option : {SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_SNDBUF, SO_RCVBUF})
    setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof bytes);
}

/// Made before the fork: both processes have both ends.
struct ends {
  descriptor from, to;
};

struct by_pipe {
  static constexpr bool keeps_boundaries = false;
  static ends make(std::size_t) {
    std::array<int, 2> both{};
    demand(pipe2(both.data(), O_CLOEXEC), "pipe2");
    constexpr int bytes = 1 << 20;
    fcntl(both[1], F_SETPIPE_SZ, bytes);
    return {descriptor{both[0]}, descriptor{both[1]}};
  }
};

template <int Type>
struct by_unix_socket {
  static constexpr bool keeps_boundaries = Type == SOCK_SEQPACKET;
  static ends make(std::size_t message) {
    std::array<int, 2> both{};
    demand(socketpair(AF_UNIX, Type | SOCK_CLOEXEC, 0, both.data()), "socketpair");
    give_room(both[0], message);
    give_room(both[1], message);
    return {descriptor{both[0]}, descriptor{both[1]}};
  }
};

struct by_tcp {
  static constexpr bool keeps_boundaries = false;
  static ends make(std::size_t) {
    const descriptor listening{demand(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    demand(bind(listening.get(), any, length), "bind");
    demand(listen(listening.get(), 1), "listen");
    demand(getsockname(listening.get(), any, &length), "getsockname");
    descriptor to{demand(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")};
    demand(connect(to.get(), any, length), "connect");
    descriptor from{demand(accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept")};
    constexpr int yes = 1;
    setsockopt(to.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return {std::move(from), std::move(to)};
  }
};

/// One write a message. One read takes what is there, up to 64 KiB; of a socket that keeps boundaries, and
/// where several read, one message.
template <class Kind, class Message, bool Alone = true>
class descriptors {
 public:
  class sender {
   public:
    explicit sender(int fd) : fd_(fd) {}
    void send(const Message& message) {
      const auto* at = reinterpret_cast<const char*>(&message);
      for (std::size_t left = sizeof message; left != 0;) {
        const ssize_t n = write(fd_, at, left);
        if (n < 0 && errno == EMSGSIZE)
          throw not_available{"the kernel does not let it carry messages of " +
                              std::to_string(sizeof message) + " bytes"};
        at += demand(static_cast<int>(n), "write");
        left -= static_cast<std::size_t>(n);
      }
    }
    void flush() {}

   private:
    int fd_;
  };

  class receiver {
   public:
    explicit receiver(int fd) : fd_(fd) {}
    template <class Use>
    std::size_t receive(Use&& use) {
      while (held_ < sizeof(Message)) {
        const ssize_t n = read(fd_, bytes_.get() + held_, room - held_);
        if (n == 0) throw wrong_figure{"the sender is gone"};
        held_ += static_cast<std::size_t>(demand(static_cast<int>(n), "read"));
      }
      std::size_t at = 0, count = 0;
      for (; held_ - at >= sizeof(Message); at += sizeof(Message), ++count)
        use(*reinterpret_cast<const Message*>(bytes_.get() + at));
      held_ -= at;
      if (held_ != 0) std::memmove(bytes_.get(), bytes_.get() + at, std::min(held_, room - at));
      return count;
    }

   private:
    static constexpr std::size_t room =
        Kind::keeps_boundaries || !Alone
            ? sizeof(Message)
            : std::max<std::size_t>(65'536 / sizeof(Message), 1) * sizeof(Message);
    int fd_;
    std::size_t held_ = 0;
    std::unique_ptr<char[]> bytes_ = std::make_unique<char[]>(room);
  };

  receiver create_receiver() { return receiver{ends_.from.get()}; }
  receiver open_receiver() { return receiver{ends_.from.get()}; }
  sender open_sender() { return sender{ends_.to.get()}; }

 private:
  ends ends_ = Kind::make(sizeof(Message));
};

template <class Kind>
struct of_kind {
  template <class Message>
  using type = descriptors<Kind, Message>;
  template <class Message>
  using crowded = descriptors<Kind, Message, false>;
};

template <class Kind>
void add_kind(std::vector<measurement>& all, const std::string& subject) {
  add_throughput_of_all_sizes<of_kind<Kind>::template type>(all, subject);
  add_blocking<of_kind<Kind>::template type>(all, subject);
  add_one_cpu<of_kind<Kind>::template type>(all, subject);
}

}  // namespace

void add_descriptors(std::vector<measurement>& all) {
  add_kind<by_pipe>(all, "pipe");
  add_many<of_kind<by_pipe>::crowded>(all, "pipe");
  add_kind<by_unix_socket<SOCK_STREAM>>(all, "unix.stream");
  add_kind<by_unix_socket<SOCK_SEQPACKET>>(all, "unix.seqpacket");
  add_many<of_kind<by_unix_socket<SOCK_SEQPACKET>>::crowded>(all, "unix.seqpacket");
  add_kind<by_tcp>(all, "tcp");
}

}  // namespace hawser::bench
