/// A queue that carries payloads of a pool, without types. pool_layout.hpp says what each step
/// means.
#pragma once

#include <hawser/shm/detail/payload_route.hpp>
#include <hawser/shm/detail/queue_core.hpp>
#include <hawser/shm/status.hpp>

#include <cstddef>
#include <memory>

namespace hawser::shm::detail {

/// A message with a payload, leased or popped.
struct taken_payload {
  taken_slot slot;
  held_payload payload;
};

class payload_link {
 public:
  payload_link(std::shared_ptr<pool_core> pool, queue_request request, const meta_layout& meta);

  /// Sends what is held; it is held still unless the result is `ok`. Waits if `waits`.
  push_status push(const held_payload& held, const void* meta, bool waits, const deadline& until);
  /// Takes the next message until `ack` or `nack`.
  take_status lease(taken_payload& taken, bool waits, const deadline& until);
  void ack(const taken_payload& leased) noexcept;
  void nack(const taken_payload& leased) noexcept { queue_->nack(leased.slot); }
  /// Takes the next message for good, its user's data to `meta`.
  take_status pop(held_payload& popped, void* meta, bool waits, const deadline& until);

  queue_core& queue() noexcept { return *queue_; }
  const std::shared_ptr<pool_core>& pool() const noexcept { return route_.shared_pool(); }
  /// A message's user's data, in the queue's memory.
  const std::byte* meta_of(const taken_payload& leased) const noexcept {
    return leased.slot.payload + route_.meta().offset();
  }

 private:
  payload_route route_;
  std::unique_ptr<queue_core> queue_;
};

}  // namespace hawser::shm::detail
