/// A queue's segment as bytes: to look at what no program sees, and to build by hand what only a
/// kill at one certain instruction leaves behind.
#pragma once

#include <hawser/shm/detail/queue_layout.hpp>
#include <hawser/shm/detail/segment_layout.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hawser::test {

/// Where the queue of this name lives.
std::string segment_path(const std::string& queue);

/// The files of /dev/shm whose names contain `part`.
std::vector<std::string> segments_with(const std::string& part);

/// A mapping of a queue's segment that is no participant.
class raw_segment {
 public:
  /// Errors     std::system_error.
  explicit raw_segment(const std::string& queue);
  raw_segment(const raw_segment&) = delete;
  raw_segment& operator=(const raw_segment&) = delete;
  ~raw_segment();

  /// Rows that are taken: by the living, and by the dead that were not swept yet.
  [[nodiscard]] std::size_t participants() const;
  /// Whether this process has asked for a callback.
  [[nodiscard]] bool is_armed(pid_t process) const;
  /// Slots that are not free.
  [[nodiscard]] std::size_t occupied() const;
  /// The tag of this process, 0 if it is none.
  [[nodiscard]] std::uint32_t own_tag() const;
  /// Says that this participant holds something, as every lease does before it is one.
  void mark_holder(std::uint32_t tag) const {
    layout().rows[shm::detail::id_of(tag)].held.store(1);
  }

  /// The channel's body.
  template <class Layout>
  Layout& body() const {
    return *reinterpret_cast<Layout*>(base_ + shm::detail::body_offset);
  }
  shm::detail::queue_layout& queue() const {
    return *reinterpret_cast<shm::detail::queue_layout*>(base_ + shm::detail::body_offset);
  }
  std::atomic<std::uint64_t>& slot_state(std::uint64_t position) const;
  std::byte* payload(std::uint64_t position) const;

 private:
  shm::detail::segment_layout& layout() const {
    return *reinterpret_cast<shm::detail::segment_layout*>(base_);
  }
  std::byte* slot(std::uint64_t position) const;

  std::byte* base_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace hawser::test
