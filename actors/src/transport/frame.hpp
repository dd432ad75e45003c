/// What two processes tell each other about actors: frames, one behind the other, in a pipe.
///
/// ```
/// frame + 0    kind:8 | flags:8 | stages:16 | loans:32
///       + 8    mid       a message: its id, with request, response and priority bits
///       + 16   source    an actor of who sends the frame, or 0
///       + 24   target    an actor of who receives it
///       + 32   what follows, by kind
///
///   kind      what follows            what it says
///   hello     greeting                the first frame, once: who I am
///   message   [node] stages content   from source to target; `foreign`: the source's node stands in
///             [loans] sizes           front, each stage is an actor and its node. Of its loans the
///                                     sizes are at the end; `lent`: they come through the pipe of
///                                     loans, else here. `whole`: the last of them is the content
///   part      bytes                   of a frame too large for one record: mid is its size; the last
///                                     one makes it whole
///   watch                             tell me when target ends
///   down      reason (caf::error)     source has ended
///   link      [node]                  source, mine or of `node`, has linked itself to target
///   unlink    [node]                  ... and does so no more
///   moved     node                    target's request `mid` is answered by that node from now on
///   room                              ring my door: there is room again. One in a quarter of a ring
///   lend                              I have opened our pipe of loans: open it, too
///   lent                              mid: 1 if I have
///   ping                              mid: a number
///   pong                              mid: the same one, by way of an actor
///   goodbye                           nothing comes any more, and it is no accident
/// ```
/// Both processes run on one machine: numbers are in its byte order. Whoever may write to the pipe
/// may write anything: what is read here is checked, and a frame that makes no sense ends the
/// connection.
#pragma once

#include <cstddef>
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
  lend,
  lent,
  ping,
  pong,
  goodbye,
};

struct frame_header {
  static constexpr std::uint8_t foreign = 1, lent = 2, whole = 4;

  frame_kind kind;
  std::uint8_t flags = 0;
  std::uint16_t stages = 0;
  std::uint32_t loans = 0;
  std::uint64_t mid = 0;
  std::uint64_t source = 0;
  std::uint64_t target = 0;
};
static_assert(sizeof(frame_header) == 32 && std::is_trivially_copyable_v<frame_header>);

using loan_size = std::uint64_t;

/// A frame while it is written.
using frame_buffer = std::vector<char>;

template <class T>
void append(frame_buffer& out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  const std::size_t at = out.size();
  out.resize(at + sizeof(T));
  std::memcpy(out.data() + at, &value, sizeof(T));
}

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
  /// Leaves so many of those that are left.
  void cut(std::size_t bytes) { left_ = bytes; }
  const std::byte* rest() const { return at_; }
  std::size_t left() const { return left_; }

 private:
  const std::byte* at_;
  std::size_t left_;
};

}  // namespace hawser::actors::detail
