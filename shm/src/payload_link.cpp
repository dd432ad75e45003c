#include <hawser/shm/detail/payload_link.hpp>
#include <hawser/shm/detail/queue_protocol.hpp>

#include <algorithm>
#include <utility>

namespace hawser::shm::detail {

payload_link::payload_link(std::shared_ptr<pool_core> pool, queue_request request,
                           const meta_layout& meta)
    : route_(std::move(pool), meta) {
  request.message_bytes = meta.message_bytes();
  request.message_alignment = std::max<std::size_t>(8, meta.alignment);
  request.type_fingerprint = route_.type_fingerprint();
  request.type_name = route_.type_name();
  queue_ = std::make_unique<queue_core>(request);
  route_.open(queue_->channel());
}

push_status payload_link::push(const held_payload& held, const void* meta, bool waits,
                               const deadline& until) {
  const auto write = [&](std::size_t, std::byte* slot) noexcept { route_.write(slot, held, meta); };
  return route_.send(held, "push to payload queue", queue_->name(), [&] {
    return (waits ? queue_->push(1, until, write) : queue_->try_push(1, until, write)).status;
  });
}

take_status payload_link::lease(taken_payload& taken, bool waits, const deadline& until) {
  pool_core& pool = route_.pool();
  pool.own_tag();
  for (;;) {
    const auto visit = [&](const taken_slot& slot) noexcept { taken.slot = slot; };
    const auto result =
        waits ? queue_->take<false>(1, until, visit) : queue_->try_take<false>(1, until, visit);
    if (result.count == 0) return result.status;
    const auto found = route_.find(taken.slot.payload);
    if (found) [[likely]] {
      taken.payload = *found;
      bool whole;
      try {
        whole = pool.locate(taken.payload);
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
    pool.count_stale();
    if (until && clock::now() >= *until) return take_status::timed_out;
  }
}

void payload_link::ack(const taken_payload& leased) noexcept {
  if (leased.slot.tag != queue_->channel().tag_if_attached()) return;  // the parent's of a fork
  pool_core& pool = route_.pool();
  held_payload payload = leased.payload;
  HAWSER_MUTATE(ack_frees_first, void(), (route_.claim(payload), pool.release(payload)));
  const bool ours = HAWSER_MUTATE(take_not_claimed, route_.claim(payload), false);
  queue_->ack(leased.slot);
  if (ours) pool.end_by_releasing(payload);
  HAWSER_MUTATE(take_not_claimed, void(), route_.claim(payload) ? pool.release(payload) : void());
}

take_status payload_link::pop(held_payload& popped, void* meta, bool waits, const deadline& until) {
  pool_core& pool = route_.pool();
  pool.own_tag();
  for (;;) {
    std::optional<held_payload> found;
    bool ours = false;
    const auto visit = [&](const taken_slot& slot) noexcept {
      found = route_.find(slot.payload);
      // Before the queue lets go of it: from then on no sweep finds it there.
      ours = HAWSER_MUTATE(pop_not_claimed, found && route_.claim(*found), false);
      route_.read_meta(slot.payload, meta);
    };
    const auto result =
        waits ? queue_->take<true>(1, until, visit) : queue_->try_take<true>(1, until, visit);
    if (result.count == 0) return result.status;
    HAWSER_MUTATE(pop_not_claimed, void(), static_cast<void>(ours = found && route_.claim(*found)));
    if (ours) {
      pool.end_by_owning(*found);
      popped = *found;
      if (route_.locate(popped)) return take_status::ok;
    }
    pool.count_stale();
    if (until && clock::now() >= *until) return take_status::timed_out;
  }
}

}  // namespace hawser::shm::detail
