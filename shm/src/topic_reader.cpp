#include "channel_reader.hpp"
#include <hawser/shm/detail/topic_layout.hpp>

#include <algorithm>
#include <string>

namespace hawser::shm::detail {

bool read_topic(const body_reader& body, channel_info& into) {
  const auto copy = body.layout<topic_layout>();
  if (!copy) return false;
  const topic_layout& t = *copy;
  const auto of = [](const auto& word) { return word.load(std::memory_order_relaxed); };
  const std::uint64_t tail = of(t.tail);
  if (t.slots == 0 || t.slot_bytes < 16 || t.slot_bytes % 8 != 0 ||
      t.slots > (body.bytes() - sizeof t) / t.slot_bytes || tail < t.slots)
    return false;

  std::vector<channel_figure> lags;
  std::uint64_t missed = 0, lag_max = 0, publishers = 0;
  for (std::uint32_t id = 1; id <= participants_max; ++id) {
    const subscriber_row& row = t.rows[id];
    if (of(row.kind) == row_kind::none) continue;
    if (of(row.kind) > row_kind::cut) return false;
    // It may have gone on since tail was read.
    const std::uint64_t lag = tail - std::min(tail, of(row.cursor));
    lag_max = std::max(lag_max, lag);
    missed += of(row.missed);
    lags.push_back({"lag_" + std::to_string(id), lag});
  }
  for (const participant_info& one : into.participants)
    publishers += of(t.rows[one.id].kind) == row_kind::none;

  const std::uint64_t published = tail - t.slots;
  into.details = {{"capacity", t.slots},
                  {"message_bytes_max", t.payload_bytes},
                  {"closed", of(t.closed) != 0 ? 1U : 0U},
                  {"size", std::min(t.slots, published)},
                  {"publishers", publishers},
                  {"subscribers", lags.size()},
                  {"lag_max", lag_max}};
  into.details.insert(into.details.end(), lags.begin(), lags.end());
  into.counters = {{"published", published},
                   {"missed", missed},
                   {"cut_off", of(t.cut_off)},
                   {"waits", of(t.waits)}};
  return true;
}

}  // namespace hawser::shm::detail
