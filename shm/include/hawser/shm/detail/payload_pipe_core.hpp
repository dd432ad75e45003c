/// A pipe that carries payloads of a pool, without types. pool_layout.hpp says what each step means.
#pragma once

#include <hawser/shm/detail/payload_route.hpp>
#include <hawser/shm/detail/pipe_core.hpp>
#include <hawser/shm/status.hpp>

#include <cstddef>
#include <memory>
#include <vector>

namespace hawser::shm::detail {

/// Threads    As pipe_core.
class payload_pipe_core {
 public:
  /// Of the request's sizes, the ring's is `capacity` messages at least.
  payload_pipe_core(std::shared_ptr<pool_core> pool, pipe_request request, std::size_t capacity,
                    const meta_layout& meta);

  /// Sends what is held; it is held still unless the result is `ok`. Waits if `waits`.
  push_status send(const held_payload& held, const void* meta, bool waits, const deadline& until);
  /// Takes the next message, its user's data to `meta`.
  take_status receive(held_payload& received, void* meta, bool waits, const deadline& until);
  /// Closes this end; what was sent to it and not received is free.
  void close() noexcept;

  pipe_core& pipe() noexcept { return *pipe_; }
  const std::shared_ptr<pool_core>& pool() const noexcept { return route_.shared_pool(); }

 private:
  payload_route route_;  // closes after our end: what was not received is free then
  std::unique_ptr<pipe_core> pipe_;
  std::vector<std::byte> message_;  // of the sending thread
};

}  // namespace hawser::shm::detail
