#include "handshake.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

namespace hawser::actors::detail {
namespace {

constexpr std::uint64_t order_magic = 0x3172656472777368;  // "hswrder1"
constexpr std::size_t text_max = 32 * 1024;

struct order_header {
  std::uint64_t magic;
  std::uint64_t name_bytes;
  std::uint64_t entry_bytes;
  std::uint64_t arguments_bytes;
  std::int32_t parent;
  std::uint32_t flags;
};
constexpr std::uint32_t is_detached = 1, is_line_buffered = 2;

bool write_all(int fd, const void* bytes, std::size_t size) noexcept {
  const auto* from = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t count = ::write(fd, from, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    from += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

bool read_all(int fd, void* bytes, std::size_t size) noexcept {
  auto* to = static_cast<char*>(bytes);
  while (size > 0) {
    const ssize_t count = ::read(fd, to, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    to += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace

std::pair<descriptor, descriptor> make_channel() noexcept {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return {};
  std::pair<descriptor, descriptor> result{descriptor{ends[0]}, descriptor{ends[1]}};
  if (!result.first || !result.second) return {};
  return result;
}

descriptor write_order(const order& content) noexcept {
  descriptor file{memfd_create("hawser-arguments", MFD_CLOEXEC)};
  const order_header header{order_magic,
                            content.name.size(),
                            content.entry.size(),
                            content.arguments.size(),
                            content.parent,
                            (content.detached ? is_detached : 0U) |
                                (content.standard_output >= 0 ? is_line_buffered : 0U)};
  if (!file || !write_all(file.get(), &header, sizeof header) ||
      !write_all(file.get(), content.name.data(), content.name.size()) ||
      !write_all(file.get(), content.entry.data(), content.entry.size()) ||
      !write_all(file.get(), content.arguments.data(), content.arguments.size()) ||
      lseek(file.get(), 0, SEEK_SET) != 0)
    return {};
  return file;
}

std::optional<order> read_order(int memfd) noexcept try {
  order_header header;
  struct stat status {};
  if (fstat(memfd, &status) != 0 || !read_all(memfd, &header, sizeof header) ||
      header.magic != order_magic)
    return std::nullopt;
  const auto file_bytes = static_cast<std::uint64_t>(status.st_size);
  if (header.name_bytes > file_bytes || header.entry_bytes > file_bytes ||
      header.arguments_bytes > file_bytes)
    return std::nullopt;
  order result{header.parent, (header.flags & is_detached) != 0,
               std::string(header.name_bytes, '\0'), std::string(header.entry_bytes, '\0'),
               byte_buffer(header.arguments_bytes)};
  result.line_buffered = (header.flags & is_line_buffered) != 0;
  if (!read_all(memfd, result.name.data(), result.name.size()) ||
      !read_all(memfd, result.entry.data(), result.entry.size()) ||
      !read_all(memfd, result.arguments.data(), result.arguments.size()))
    return std::nullopt;
  return result;
} catch (const std::bad_alloc&) {
  return std::nullopt;
}

bool send_hello(int channel, int memfd) noexcept {
  char word = 'h';
  iovec content{&word, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &memfd, sizeof(int));
  ssize_t count;
  do count = sendmsg(channel, &message, MSG_NOSIGNAL);
  while (count < 0 && errno == EINTR);
  return count == 1;
}

descriptor receive_hello(int channel) noexcept {
  char word = 0;
  iovec content{&word, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t count;
  do count = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
  while (count < 0 && errno == EINTR);
  const cmsghdr* rights = count == 1 && word == 'h' ? CMSG_FIRSTHDR(&message) : nullptr;
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS ||
      rights->cmsg_len != CMSG_LEN(sizeof(int)))
    return {};
  int memfd = -1;
  std::memcpy(&memfd, CMSG_DATA(rights), sizeof(int));
  return descriptor{memfd};
}

void send_packet(int channel, packet_kind kind, std::string_view text) noexcept {
  auto word = static_cast<char>(kind);
  iovec content[2] = {{&word, 1},
                      {const_cast<char*>(text.data()), std::min(text.size(), text_max)}};
  msghdr message{};
  message.msg_iov = content;
  message.msg_iovlen = 2;
  ssize_t count;
  // A parent that is gone, or stopped with a full socket, is told nothing.
  do count = sendmsg(channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (count < 0 && errno == EINTR);
}

received receive_packet(int channel) {
  std::string bytes(text_max + 1, '\0');
  ssize_t count;
  do count = recv(channel, bytes.data(), bytes.size(), MSG_DONTWAIT);
  while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EAGAIN) return {received::nothing_yet, {}};
  if (count <= 0) return {received::end, {}};
  bytes.resize(static_cast<std::size_t>(count));
  return {received::got, {static_cast<packet_kind>(bytes.front()), bytes.substr(1)}};
}

}  // namespace hawser::actors::detail
