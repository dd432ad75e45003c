/// What two processes tell each other about actors: frames, one behind the other, in a pipe.
///
/// ```
/// frame + 0    kind:8 | flags:8 | stages:16 | reserved:32
///       + 8    mid       a message: its id, with request, response and priority bits
///       + 16   source    an actor of who sends the frame, or 0
///       + 24   target    an actor of who receives it
///       + 32   what follows, by kind
///
///   kind      what follows            what it says
///   hello     greeting                the first frame, once: who I am
///   message   [node] stages content   from source to target; `foreign`: the source's node stands in
///                                     front, each stage is an actor and its node
///   part      bytes                   of a frame too large for one record: mid is its size; the last
///                                     one makes it whole
///   watch                             tell me when target ends
///   down      reason (caf::error)     source has ended
///   link      [node]                  source, mine or of `node`, has linked itself to target
///   unlink    [node]                  ... and does so no more
///   moved     node                    target's request `mid` is answered by that node from now on
///   room                              ring my door: there is room again. One in a quarter of a ring
///   ping                              mid: a number
///   pong                              mid: the same one, by way of an actor
///   goodbye                           nothing comes any more, and it is no accident
/// ```
/// Both processes run on one machine: numbers are in its byte order. Whoever may write to the pipe
/// may write anything: what is read here is checked, and a frame that makes no sense ends the
/// connection.
#pragma once

#include <caf/node_id.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace hawser::actors::detail {

enum class frame_kind : std::uint8_t {
  hello = 1,
  message,
  part,
  watch,
  down,
  link,
  unlink,
  moved,
  room,
  ping,
  pong,
  goodbye,
};

struct frame_header {
  static constexpr std::uint8_t foreign = 1;

  frame_kind kind;
  std::uint8_t flags = 0;
  std::uint16_t stages = 0;
  std::uint32_t reserved = 0;
  std::uint64_t mid = 0;
  std::uint64_t source = 0;
  std::uint64_t target = 0;
};
static_assert(sizeof(frame_header) == 32 && std::is_trivially_copyable_v<frame_header>);

/// A node id of CAF's default kind. Others cannot be sent.
struct wire_node {
  std::uint32_t pid = 0;
  std::array<std::uint8_t, 20> host{};

  static wire_node of(const caf::node_id& node) {
    using data = caf::node_id::default_data;
    if (!node || node->implementation_id() != data::class_id) return {};
    const auto& known = static_cast<const data&>(*node);
    return {known.process_id(), known.host_id()};
  }
  explicit operator bool() const { return pid != 0; }
  caf::node_id id() const { return caf::make_node_id(pid, host); }
  friend bool operator==(const wire_node&, const wire_node&) = default;
};
static_assert(sizeof(wire_node) == 24 && std::is_trivially_copyable_v<wire_node>);

struct wire_actor {
  std::uint64_t id;
  wire_node node;
};
static_assert(sizeof(wire_actor) == 32);

struct greeting {
  static constexpr std::uint32_t version_now = 1;

  std::uint32_t version = version_now;
  std::uint32_t caf_version = 0;
  std::uint32_t tag = 0;  // of the directory
  wire_node node;
};
static_assert(sizeof(greeting) == 36);

/// Reads what stands one behind the other, within its bounds.
class frame_reader {
 public:
  frame_reader(const std::byte* data, std::size_t bytes) : at_(data), left_(bytes) {}

  template <class T>
  bool read(T& out) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (left_ < sizeof(T)) return false;
    std::memcpy(&out, at_, sizeof(T));
    at_ += sizeof(T);
    left_ -= sizeof(T);
    return true;
  }
  void skip(std::size_t bytes) {
    at_ += bytes;
    left_ -= bytes;
  }
  const std::byte* rest() const { return at_; }
  std::size_t left() const { return left_; }

 private:
  const std::byte* at_;
  std::size_t left_;
};

/// A frame while it is written.
using frame_buffer = std::vector<char>;

template <class T>
void append(frame_buffer& out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  const std::size_t at = out.size();
  out.resize(at + sizeof(T));
  std::memcpy(out.data() + at, &value, sizeof(T));
}

}  // namespace hawser::actors::detail
