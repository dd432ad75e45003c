#include "channel_reader.hpp"
#include <hawser/shm/detail/event_layout.hpp>

namespace hawser::shm::detail {

bool read_event(const body_reader& body, channel_info& into) {
  const auto e = body.layout<event_layout>();
  if (!e || body.bytes() != sizeof *e) return false;
  const std::uint64_t state = e->state.load(std::memory_order_relaxed);
  into.details = {{"set", event_is_set(state) ? 1U : 0U}};
  into.counters = {{"sets", event_sets(state)}, {"waits", e->waits.load(std::memory_order_relaxed)}};
  return true;
}

}  // namespace hawser::shm::detail
