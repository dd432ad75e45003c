#include "channel_reader.hpp"
#include <hawser/shm/detail/permit_layout.hpp>

#include <algorithm>

namespace hawser::shm::detail {

bool read_permits(const body_reader& body, channel_info& into) {
  const auto copy = body.layout<permit_layout>();
  if (!copy || copy->total == 0) return false;
  const permit_layout& p = *copy;
  const auto of = [](const auto& word) { return word.load(std::memory_order_relaxed); };

  std::uint64_t held = 0, holders = 0, waiting = 0;
  for (const auto& row : p.held) {
    held += held_row{of(row)}.count();
    holders += of(row) != 0;
  }
  for (const auto& place : p.waiters) waiting += of(place.tag) != 0;
  into.details = {{"permits", p.total},
                  {"available", p.total - std::min(p.total, held)},
                  {"holders", holders},
                  {"waiting", waiting}};
  into.counters = {
      {"acquired", of(p.acquired)}, {"waits", of(p.waits)}, {"reclaimed", of(p.reclaimed)}};
  return true;
}

}  // namespace hawser::shm::detail
