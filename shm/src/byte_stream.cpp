#include <hawser/shm/byte_stream.hpp>
#include <hawser/shm/codec.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

namespace hawser::shm {
namespace {

constexpr std::string_view type_name = "a stream of bytes";

}  // namespace

byte_stream::byte_stream(detail::opening how, std::string_view name, const pipe_options& options,
                         bool nameless) {
  detail::pipe_request request;
  request.name = name;
  request.how = how;
  request.ring_bytes = options.bytes;
  request.message_bytes_max = std::numeric_limits<std::uint32_t>::max();
  request.nameless = nameless;
  request.mode = options.mode;
  request.type_fingerprint = detail::fnv1a(type_name);
  request.type_name = type_name;
  core_ = std::make_unique<detail::pipe_core>(request);
}

transfer byte_stream::try_write(std::span<const std::byte> bytes) {
  transfer done;
  while (done.bytes < bytes.size() && done.status == push_status::ok) {
    std::size_t sent = 0;
    done.status = core_->try_send_some(bytes.data() + done.bytes, bytes.size() - done.bytes, sent);
    done.bytes += sent;
  }
  if (done.status == push_status::full && done.bytes != 0) done.status = push_status::ok;
  return done;
}

transfer byte_stream::write_before(std::span<const std::byte> bytes,
                                   const detail::deadline& until) {
  transfer done;
  while (done.bytes < bytes.size() && done.status == push_status::ok) {
    std::size_t sent = 0;
    done.status =
        core_->send_some(bytes.data() + done.bytes, bytes.size() - done.bytes, until, sent);
    done.bytes += sent;
  }
  return done;
}

std::size_t byte_stream::copy_out(const detail::pipe_message& from, std::span<std::byte> into) {
  // No record is empty, or gets shorter while it is read: without that there would be no end.
  if (from.bytes <= used_) [[unlikely]]
    detail::refuse_ring(name());
  const std::size_t count = std::min(from.bytes - used_, into.size());
  std::memcpy(into.data(), from.data + used_, count);
  used_ += count;
  if (used_ == from.bytes) {
    used_ = 0;
    core_->take(from);
  }
  return count;
}

std::pair<std::size_t, take_status> byte_stream::read_before(std::span<std::byte> into,
                                                             const detail::deadline& until) {
  if (into.empty()) return {0, take_status::ok};
  detail::pipe_message message;
  take_status status = core_->peek(message, until);
  if (status != take_status::ok) return {0, status};
  std::size_t count = copy_out(message, into);
  // What else is there; but nobody waits for it.
  while (count < into.size() && core_->try_peek(message) == take_status::ok)
    count += copy_out(message, into.subspan(count));
  return {count, take_status::ok};
}

std::pair<std::size_t, take_status> byte_stream::try_read_some(std::span<std::byte> into) {
  if (into.empty()) return {0, take_status::ok};
  detail::pipe_message message;
  std::size_t count = 0;
  take_status status = take_status::ok;
  while (count < into.size()) {
    status = core_->try_peek(message);
    if (status != take_status::ok) break;
    count += copy_out(message, into.subspan(count));
  }
  return {count, count != 0 ? take_status::ok : status};
}

std::size_t byte_stream::read(std::span<std::byte> into) {
  std::size_t count = 0;
  while (count < into.size()) {
    const std::size_t more = read_some(into.subspan(count));
    if (more == 0) break;
    count += more;
  }
  return count;
}

}  // namespace hawser::shm
