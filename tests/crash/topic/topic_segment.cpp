#include "topic_segment.hpp"

#include <hawser/shm/detail/segment_layout.hpp>

#include <cerrno>
#include <csignal>

namespace hawser::test {

namespace d = shm::detail;

bool topic_segment::has_unswept() const {
  const auto& all = *reinterpret_cast<const d::segment_layout*>(
      reinterpret_cast<const std::byte*>(&topic()) - d::body_offset);
  for (std::uint32_t id = 1; id <= d::participants_max; ++id) {
    // Not by its lock: who is sweeping it holds that.
    if (all.rows[id].tag.load() != 0 && kill(static_cast<pid_t>(all.rows[id].pid), 0) != 0 &&
        errno == ESRCH)
      return true;
  }
  return false;
}

std::uint64_t topic_segment::settled_tail() const {
  const std::uint64_t tail = topic().tail.load();
  return tail + (slot_state(tail).load() ==
                 d::topic_slot_state::make(d::topic_slot_kind::full, tail).bits);
}

bool topic_segment::somebody_in_the_way() const {
  for (const d::subscriber_row& row : topic().rows)
    if (row.kind.load() == d::row_kind::lossless &&
        row.cursor.load() + row.limit.load() <= settled_tail())
      return true;
  return false;
}

std::byte* topic_segment::slot(std::uint64_t position) const {
  return reinterpret_cast<std::byte*>(&topic()) + sizeof(d::topic_layout) +
         position % topic().slots * topic().slot_bytes;
}

std::atomic<std::uint64_t>& topic_segment::slot_state(std::uint64_t position) const {
  return *reinterpret_cast<std::atomic<std::uint64_t>*>(slot(position));
}

std::byte* topic_segment::payload(std::uint64_t position) const {
  return slot(position) + topic().payload_offset;
}

}  // namespace hawser::test
