#include <hawser/shm/detail/payload_pipe_core.hpp>
#include <hawser/shm/error.hpp>

#include <algorithm>
#include <utility>

namespace hawser::shm::detail {
namespace {

/// A ring that takes so many messages, wherever its position is: a pad and the 0 behind the last one
/// take no more than a message does.
std::size_t ring_bytes_for(std::size_t capacity, std::size_t message_bytes) {
  const std::size_t record = record_size(message_bytes);
  if (capacity >= pipe_ring_max / record) return pipe_ring_max + 1;  // which is refused
  // In one record each: so that each is sent by one store, and a sweep can read the ring.
  return std::max((capacity + 1) * record, 4 * (message_bytes + sizeof(std::uint64_t)));
}

}  // namespace

payload_pipe_core::payload_pipe_core(std::shared_ptr<pool_core> pool, pipe_request request,
                                     std::size_t capacity, const meta_layout& meta)
    : route_(std::move(pool), meta), message_(meta.message_bytes()) {
  if (capacity == 0 && request.how != opening::open_only)
    throw make_error(errc::bad_argument, "create payload pipe", request.name,
                     "its capacity is 0; use at least 1");
  request.ring_bytes = ring_bytes_for(capacity, message_.size());
  request.message_bytes_max = message_.size();
  request.type_fingerprint = route_.type_fingerprint();
  request.type_name = route_.type_name();
  // What lies before a dead process's end is free once that is known to be gone: others may have
  // looked too early.
  request.swept = [&pool = route_.pool()] { pool.collect(); };
  pipe_ = std::make_unique<pipe_core>(request);
  if (pipe_->message_bytes_max() != message_.size() ||
      part_bytes(pipe_->ring_bytes()) < message_.size())
    throw make_error(errc::damaged, "open payload pipe", request.name,
                     "its sizes do not fit; remove it and start its creator again");
  route_.open(pipe_->channel());
}

push_status payload_pipe_core::send(const held_payload& held, const void* meta, bool waits,
                                    const deadline& until) {
  route_.write(message_.data(), held, meta);
  const push_status status = route_.send(held, "send to payload pipe", pipe_->name(), [&] {
    return waits ? pipe_->send(message_.data(), message_.size(), until)
                 : pipe_->try_send(message_.data(), message_.size());
  });
  // E6. Who closed the other end meanwhile may have looked too early for what was sent to it.
  if (status == push_status::ok && pipe_->peer_gone()) [[unlikely]]
    route_.pool().collect();
  return status;
}

take_status payload_pipe_core::receive(held_payload& received, void* meta, bool waits,
                                       const deadline& until) {
  route_.pool().own_tag();
  for (;;) {
    pipe_message message;
    const take_status status = waits ? pipe_->peek(message, until) : pipe_->try_peek(message);
    if (status != take_status::ok) return status;
    std::optional<held_payload> found;
    bool ours = false;
    if (message.bytes == message_.size()) [[likely]] {
      found = route_.find(message.data);
      route_.read_meta(message.data, meta);
    }
    // Before the pipe lets go of it: who is killed in between owns it.
    ours = HAWSER_MUTATE(pipe_lets_go_first, found && route_.take_over(*found), false);
    pipe_->take(message);
    HAWSER_MUTATE(pipe_lets_go_first, void(),
                  static_cast<void>(ours = found && route_.take_over(*found)));
    if (ours) {
      received = *found;
      if (route_.locate(received)) return take_status::ok;
    }
    route_.pool().count_stale();
    if (until && clock::now() >= *until) return take_status::timed_out;
  }
}

void payload_pipe_core::close() noexcept {
  pipe_->close();
  HAWSER_MUTATE(close_keeps_payloads, route_.pool().collect(), void());  // E6
}

}  // namespace hawser::shm::detail
