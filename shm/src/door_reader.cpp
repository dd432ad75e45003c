#include "channel_reader.hpp"
#include <hawser/shm/detail/door_layout.hpp>

namespace hawser::shm::detail {

bool read_door(const body_reader& body, channel_info& into) {
  const auto d = body.layout<door_layout>();
  if (!d || body.bytes() != sizeof *d) return false;
  into.counters = {{"waits", d->waits.load(std::memory_order_relaxed)}};
  return true;
}

}  // namespace hawser::shm::detail
