#include "channel_reader.hpp"
#include <hawser/shm/detail/queue_layout.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace hawser::shm::detail {
namespace {

// Beyond this a look would take too long; a file of another user may also claim any number.
constexpr std::uint64_t slots_max = std::uint64_t{1} << 20;

/// How many slots are in each state; false: the body is shorter than it says.
bool count_states(const body_reader& body, const queue_layout& q, std::uint64_t tail,
                  std::array<std::uint64_t, 8>& counts) {
  // Small slots many at a time, of large ones only the state.
  const std::uint64_t at_once = q.slot_bytes <= 512 ? 65536 / q.slot_bytes : 1;
  const std::uint64_t piece = at_once > 1 ? q.slot_bytes : sizeof(std::uint64_t);
  std::vector<std::byte> copy(at_once * piece);
  for (std::uint64_t first = 0; first < q.slots; first += at_once) {
    const std::uint64_t count = std::min(at_once, q.slots - first);
    if (!body.read(sizeof(queue_layout) + first * q.slot_bytes, copy.data(), count * piece))
      return false;
    for (std::uint64_t i = 0; i < count; ++i) {
      slot_state state;
      std::memcpy(&state.bits, &copy[i * piece], sizeof state.bits);
      // Junk of a producer that died inside a batch is no message.
      if (state.kind() == slot_kind::staged && !state.is_before(tail)) continue;
      ++counts[static_cast<std::size_t>(state.kind())];
    }
  }
  return true;
}

}  // namespace

bool read_queue(const body_reader& body, channel_info& into) {
  const auto copy = body.layout<queue_layout>();
  if (!copy) return false;
  const queue_layout& q = *copy;
  if (q.slots == 0 || q.slot_bytes < 16 || q.slot_bytes % 8 != 0 ||
      q.slots > (body.bytes() - sizeof q) / q.slot_bytes)
    return false;
  const auto of = [](const auto& word) { return word.load(std::memory_order_relaxed); };

  std::array<std::uint64_t, 8> counts{};
  const auto count = [&](slot_kind kind) { return counts[static_cast<std::size_t>(kind)]; };
  into.details = {{"capacity", q.slots},
                  {"message_bytes_max", q.payload_bytes},
                  {"attempts_max", q.attempts_max},
                  {"closed", of(q.closed) != 0 ? 1U : 0U}};
  const bool counted = q.slots <= slots_max;
  if (counted) {
    if (!count_states(body, q, of(q.tail), counts)) return false;
    into.details.push_back(
        {"size", count(slot_kind::full) + count(slot_kind::staged) + count(slot_kind::returned)});
    into.details.push_back({"leased", count(slot_kind::leased) + count(slot_kind::dead_leased)});
    into.details.push_back({"dead_letters", count(slot_kind::dead)});
  }

  const std::uint64_t delivered = of(q.delivered), reclaimed = of(q.reclaimed);
  into.counters = {{"pushed", of(q.pushed)},
                   {"delivered", delivered},
                   {"redelivered", of(q.redelivered)},
                   {"reclaimed", reclaimed},
                   {"waits", of(q.waits)}};
  if (counted) {
    // As queue_core::counters: what was handed out and is neither held nor came back, is gone.
    const std::uint64_t others =
        of(q.nacked) + reclaimed + count(slot_kind::leased) + count(slot_kind::dead_leased);
    into.counters.push_back({"acked", delivered > others ? delivered - others : 0});
  }
  return true;
}

}  // namespace hawser::shm::detail
