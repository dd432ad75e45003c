#include "channel_reader.hpp"
#include <hawser/shm/detail/value_layout.hpp>

namespace hawser::shm::detail {

bool read_value(const body_reader& body, channel_info& into) {
  const auto v = body.layout<value_layout>();
  if (!v || v->value_bytes == 0 || v->value_bytes > v->copy_bytes ||
      v->copy_bytes != value_copy_bytes(v->value_bytes) || v->copy_bytes > body.bytes() ||
      body.bytes() != sizeof *v + 2 * v->copy_bytes)
    return false;
  into.details = {{"value_bytes", v->value_bytes},
                  {"locked", v->writers.owner.load(std::memory_order_relaxed) != 0 ? 1U : 0U}};
  into.counters = {{"updates", v->version.load(std::memory_order_relaxed)},
                   {"waits", v->waits.load(std::memory_order_relaxed)}};
  return true;
}

}  // namespace hawser::shm::detail
