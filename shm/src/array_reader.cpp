#include "channel_reader.hpp"
#include <hawser/shm/detail/array_layout.hpp>

namespace hawser::shm::detail {

bool read_array(const body_reader& body, channel_info& into) {
  const auto a = body.layout<array_layout>();
  if (!a) return false;
  const auto its = array_geometry::of(*a, body.bytes());
  if (!its) return false;
  std::uint64_t locked = 0, died = 0;
  for (std::size_t i = 0; i < its->parts; ++i) {
    array_part part{};
    if (!body.read(sizeof(array_layout) + i * its->part_bytes, &part, sizeof part)) return false;
    locked += part.lock.owner.load(std::memory_order_relaxed) != 0;
    died += part.owner_died.load(std::memory_order_relaxed) != 0;
  }
  into.details = {{"elements", its->elements}, {"element_bytes", its->element_bytes},
                  {"ranges", its->parts},      {"update_elements_max", its->journal_elements()},
                  {"locked", locked},          {"owner_died", died}};  // and nobody was told yet
  return true;
}

}  // namespace hawser::shm::detail
