#include "channel_reader.hpp"
#include <hawser/shm/detail/pool_core.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <vector>

namespace hawser::shm::detail {
namespace {

/// What the references say together.
struct pool_usage {
  std::vector<bool> in_use;  // of each chunk
  std::uint64_t held = 0;    // references that are not free
  std::uint64_t sent = 0;    // of these, in messages or on the way into one
  std::uint64_t extras = 0;  // of these, made by share
  std::uint64_t large_bytes = 0;
};

/// False: they say what nobody writes, or are not all there.
bool look_at_references(const body_reader& body, const pool_geometry& all, pool_usage& usage) {
  usage.in_use.resize(all.homes());
  constexpr std::uint32_t at_once = 1024;
  const auto copy = std::make_unique<std::array<pool_reference, at_once>>();
  for (std::uint32_t first = 0; first < all.references(); first += at_once) {
    const std::uint32_t count = std::min(at_once, all.references() - first);
    if (!body.read(sizeof(pool_layout) + std::size_t{first} * sizeof(pool_reference), copy->data(),
                   count * sizeof(pool_reference)))
      return false;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t reference = first + i;
      const bool home = reference < all.homes();
      const pool_reference& here = (*copy)[i];
      if (home && all.is_large(reference))
        usage.large_bytes += std::min(here.pages.load(std::memory_order_relaxed), large_stride);
      const reference_word word{here.word.load(std::memory_order_relaxed)};
      if (word.kind() > reference_kind::moving) return false;
      if (word.kind() == reference_kind::free) continue;
      ++usage.held;
      usage.sent += word.kind() == reference_kind::moving;
      usage.extras += !home;
      const std::uint32_t chunk = home ? reference : word.chunk();
      if (chunk < all.homes()) usage.in_use[chunk] = true;
    }
  }
  return true;
}

}  // namespace

bool read_pool(const body_reader& body, channel_info& into) {
  const auto copy = body.layout<pool_layout>();
  if (!copy) return false;
  const pool_layout& p = *copy;
  pool_geometry all;
  pool_usage usage;
  if (!all.read(reinterpret_cast<const std::byte*>(copy.get()), body.bytes()) ||
      !look_at_references(body, all, usage))
    return false;
  const auto of = [](const auto& word) { return word.load(std::memory_order_relaxed); };

  const auto lent = [&](std::uint32_t first, std::uint64_t count) {
    const auto begin = usage.in_use.begin() + first;
    return static_cast<std::uint64_t>(std::count(begin, begin + static_cast<long>(count), true));
  };
  for (std::uint32_t c = 0; c < all.classes; ++c) {
    const pool_class& a_class = all.of_class[c];
    const std::uint64_t used = lent(all.first[c], a_class.chunks);
    const std::string name = "class_" + std::to_string(a_class.bytes);
    into.details.push_back({name + "_free_bytes", (a_class.chunks - used) * a_class.bytes});
    into.details.push_back({name + "_lent_bytes", used * a_class.bytes});
  }
  std::uint64_t routes = 0;
  for (const auto& user : p.users) routes |= of(user);
  const std::vector<channel_figure> others = {
      {"large_max", all.large},
      {"large_lent", lent(all.chunks, all.large)},
      {"large_bytes", usage.large_bytes},
      {"references", all.extras},
      {"references_in_use", usage.extras},
      {"in_messages", usage.sent},
      {"channels", static_cast<std::uint64_t>(std::popcount(routes))}};
  into.details.insert(into.details.end(), others.begin(), others.end());

  // As payload_pool::counters: what was made and is neither held nor reclaimed, was released.
  const std::uint64_t made = of(p.loans) + of(p.shares), kept = usage.held + of(p.reclaimed);
  into.counters = {{"loans", of(p.loans)},
                   {"shares", of(p.shares)},
                   {"releases", made > kept ? made - kept : 0},
                   {"reclaimed", of(p.reclaimed)},
                   {"stale", of(p.stale)},
                   {"waits", of(p.waits)}};
  return true;
}

}  // namespace hawser::shm::detail
