#include "topic_segment.hpp"

#include <hawser/shm/detail/segment_layout.hpp>

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace hawser::test {

namespace d = shm::detail;

topic_segment::topic_segment(const std::string& topic)
    : raw_(topic), fd_(open(segment_path(topic).c_str(), O_RDWR | O_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "open " + topic);
}

topic_segment::~topic_segment() { close(fd_); }

bool topic_segment::has_unswept() const {
  const auto& all = *reinterpret_cast<const d::segment_layout*>(
      reinterpret_cast<const std::byte*>(&topic()) - d::body_offset);
  for (std::uint32_t id = 1; id <= d::participants_max; ++id) {
    if (all.rows[id].tag.load() == 0) continue;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = d::gate_byte + id;
    lock.l_len = 1;
    if (fcntl(fd_, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK) return true;
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
