#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/payload_link.hpp>
#include <hawser/shm/detail/queue_protocol.hpp>
#include <hawser/shm/detail/read_once.hpp>
#include <hawser/shm/error.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace hawser::shm::detail {
namespace {

payload_message message_in(const taken_slot& slot) noexcept {
  const auto& message = *reinterpret_cast<const payload_message*>(slot.payload);
  return {read_once(message.handle), read_once(message.size)};
}

}  // namespace

payload_link::payload_link(std::shared_ptr<pool_core> pool, queue_request request,
                           const meta_layout& meta)
    : pool_(std::move(pool)), meta_(meta) {
  const std::string of_pool = std::to_string(pool_->stamp());
  // Of this very pool: the handles in it mean nothing in another one.
  const std::string type =
      "payloads of pool \"" + pool_->name() + "\" (" + of_pool + ") with " + meta_.type_name;
  request.message_bytes = meta_.bytes == 0 ? sizeof(payload_message) : meta_.offset() + meta_.bytes;
  request.message_alignment = std::max<std::size_t>(8, meta_.alignment);
  request.type_fingerprint = fnv1a("payload." + of_pool, meta_.fingerprint);
  request.type_name = type;
  pool_->own_tag();  // errors now, not inside an operation
  queue_ = std::make_unique<queue_core>(request);
  route_ = pool_->open_route(queue_->channel());
}

payload_link::~payload_link() {
  queue_.reset();
  if (route_ != 0) pool_->close_route(route_);
}

push_status payload_link::push(const held_payload& held, const void* meta, bool waits,
                               const deadline& until) {
  if (held.tag != pool_->own_tag())
    throw make_error(errc::bad_argument, "push to payload queue", queue_->name(),
                     "the payload was lent to the process that forked this one; loan it here");
  const payload_message message{payload_handle::make(held.reference, held.generation).bits,
                                held.bytes | (held.shared ? payload_message::shared_bit : 0)};
  const auto write = [&](std::size_t, std::byte* slot) noexcept {
    std::memcpy(slot, &message, sizeof message);
    if (meta_.bytes != 0) std::memcpy(slot + meta_.offset(), meta, meta_.bytes);
  };
  const auto abort = [&] { pool_->abort_send(held); };
  HAWSER_MUTATE(send_not_marked, pool_->begin_send(held, route_), void());
  push_status status;
  try {
    status = (waits ? queue_->push(1, until, write) : queue_->try_push(1, until, write)).status;
  } catch (...) {
    abort();
    throw;
  }
  if (status != push_status::ok) abort();
  HAWSER_MUTATE(send_not_marked, void(), pool_->begin_send(held, route_));
  return status;
}

take_status payload_link::lease(taken_payload& taken, bool waits, const deadline& until) {
  pool_->own_tag();
  for (;;) {
    const auto visit = [&](const taken_slot& slot) noexcept { taken.slot = slot; };
    const auto result =
        waits ? queue_->take<false>(1, until, visit) : queue_->try_take<false>(1, until, visit);
    if (result.count == 0) return result.status;
    const auto found = pool_->find(message_in(taken.slot), route_);
    if (found) [[likely]] {
      taken.payload = *found;
      bool whole;
      try {
        whole = pool_->locate(taken.payload);
      } catch (...) {
        queue_->nack(taken.slot);
        throw;
      }
      if (whole) [[likely]]
        return take_status::ok;
      ack(taken);  // damaged: the payload goes with its message
    } else {
      queue_->ack(taken.slot);
    }
    pool_->count_stale();
    if (until && clock::now() >= *until) return take_status::timed_out;
  }
}

void payload_link::ack(const taken_payload& leased) noexcept {
  if (leased.slot.tag != queue_->channel().tag_if_attached()) return;  // the parent's of a fork
  held_payload payload = leased.payload;
  HAWSER_MUTATE(ack_frees_first, void(), (pool_->claim(payload, route_), pool_->release(payload)));
  const bool ours = HAWSER_MUTATE(take_not_claimed, pool_->claim(payload, route_), false);
  queue_->ack(leased.slot);
  if (ours) pool_->end_by_releasing(payload);
  HAWSER_MUTATE(take_not_claimed, void(),
                pool_->claim(payload, route_) ? pool_->release(payload) : void());
}

take_status payload_link::pop(held_payload& popped, void* meta, bool waits, const deadline& until) {
  pool_->own_tag();
  for (;;) {
    std::optional<held_payload> found;
    bool ours = false;
    const auto visit = [&](const taken_slot& slot) noexcept {
      found = pool_->find(message_in(slot), route_);
      // Before the queue lets go of it: from then on no sweep finds it there.
      ours = HAWSER_MUTATE(pop_not_claimed, found && pool_->claim(*found, route_), false);
      if (meta_.bytes != 0) std::memcpy(meta, slot.payload + meta_.offset(), meta_.bytes);
    };
    const auto result =
        waits ? queue_->take<true>(1, until, visit) : queue_->try_take<true>(1, until, visit);
    if (result.count == 0) return result.status;
    HAWSER_MUTATE(pop_not_claimed, void(),
                  static_cast<void>(ours = found && pool_->claim(*found, route_)));
    if (!ours) {
      pool_->count_stale();
      if (until && clock::now() >= *until) return take_status::timed_out;
      continue;
    }
    pool_->end_by_owning(*found);
    popped = *found;
    try {
      if (pool_->locate(popped)) return take_status::ok;
    } catch (...) {
      pool_->release(popped);
      throw;
    }
    pool_->release(popped);  // damaged
    pool_->count_stale();
  }
}

}  // namespace hawser::shm::detail
