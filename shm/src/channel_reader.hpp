/// What the registry knows of each kind of channel.
///
/// A new kind adds its `word` and, in a file of its own (queue_reader.cpp is the model), a reader:
/// it copies what it needs of the body with `body_reader`, believes none of it, and appends to
/// `details` and `counters`; the participants are there already. Both go into the table in channel_reader.cpp.
#pragma once

#include <hawser/shm/detail/segment_layout.hpp>
#include <hawser/shm/registry.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace hawser::shm::detail {

/// The body of a segment that may change, shrink or lie: copied out with pread, never mapped, so
/// that a file that is cut meanwhile is a short read and not a SIGBUS.
class body_reader {
 public:
  body_reader(int fd, std::size_t bytes) noexcept : fd_(fd), bytes_(bytes) {}

  std::size_t bytes() const noexcept { return bytes_; }
  /// Copies `size` bytes at `offset` of the body. False: they are not there.
  [[nodiscard]] bool read(std::size_t offset, void* to, std::size_t size) const noexcept;
  /// A copy of the layout that the body begins with; none: it is shorter.
  template <class Layout>
  [[nodiscard]] std::unique_ptr<Layout> layout() const {
    auto copy = std::make_unique<Layout>();
    if (!read(0, copy.get(), sizeof(Layout))) copy.reset();
    return copy;
  }

 private:
  int fd_;
  std::size_t bytes_;
};

/// How one kind of channel is shown.
struct kind_entry {
  channel_kind kind;
  std::string_view word;  // "queue"
  /// Fills in what is special of this kind. False: the body is damaged. None: nothing is.
  bool (*read)(const body_reader& body, channel_info& into);
};

/// The kind's entry, or none: it is of a newer version, or damaged.
const kind_entry* find_kind(channel_kind kind) noexcept;

/// "a queue", "an array", "of an unknown kind (17)".
std::string with_article(channel_kind kind);

bool read_queue(const body_reader& body, channel_info& into);
bool read_permits(const body_reader& body, channel_info& into);
bool read_pipe(const body_reader& body, channel_info& into);
bool read_value(const body_reader& body, channel_info& into);
bool read_array(const body_reader& body, channel_info& into);
bool read_pool(const body_reader& body, channel_info& into);
bool read_topic(const body_reader& body, channel_info& into);
bool read_event(const body_reader& body, channel_info& into);
bool read_door(const body_reader& body, channel_info& into);

/// A type's name as people write it; what cannot be read or printed is made harmless.
std::string readable_type(std::string_view mangled);

}  // namespace hawser::shm::detail
