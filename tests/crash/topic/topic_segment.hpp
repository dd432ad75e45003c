/// A topic's segment as bytes: to look at what no program sees, and to build by hand what only a
/// kill at one certain instruction leaves behind.
#pragma once

#include "../raw_segment.hpp"
#include <hawser/shm/detail/topic_layout.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

#include <sys/types.h>

namespace hawser::test {

class topic_segment {
 public:
  /// Errors     std::system_error.
  explicit topic_segment(const std::string& topic) : raw_(topic) {}

  shm::detail::topic_layout& topic() const { return raw_.body<shm::detail::topic_layout>(); }
  [[nodiscard]] std::uint32_t own_tag() const { return raw_.own_tag(); }
  [[nodiscard]] bool is_armed(pid_t process) const { return raw_.is_armed(process); }

  /// Whether a participant is dead and its place not free yet.
  [[nodiscard]] bool has_unswept() const;
  /// Tail, behind a message that is committed and not counted yet.
  [[nodiscard]] std::uint64_t settled_tail() const;
  /// Whether a publisher has to wait for somebody.
  [[nodiscard]] bool somebody_in_the_way() const;

  std::atomic<std::uint64_t>& slot_state(std::uint64_t position) const;
  std::byte* payload(std::uint64_t position) const;

 private:
  std::byte* slot(std::uint64_t position) const;

  raw_segment raw_;
};

}  // namespace hawser::test
