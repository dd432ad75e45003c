/// One end of a pipe on bytes: one process's view. pipe_layout.hpp says what each step means; the
/// rings are in pipe_ring.hpp, what is not hot in pipe_core.cpp.
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/fence.hpp>
#include <hawser/shm/detail/pipe_ring.hpp>
#include <hawser/shm/detail/spin.hpp>
#include <hawser/shm/status.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::shm::detail {

/// What distinguishes one pipe from another, checked when it is opened.
struct pipe_request {
  std::string name;
  opening how = opening::open_only;
  std::size_t ring_bytes = 0;
  std::size_t message_bytes_max = 0;
  bool nameless = false;
  unsigned mode = 0600;
  std::uint64_t type_fingerprint = 0;
  std::string_view type_name;
  std::function<void()> swept;  // see attach_request
};

/// A name that nobody guesses.
std::string unguessable_name();

/// A message that waits to be taken: a record, or put together from several, of which the last one
/// is still in the ring.
using pipe_message = ring_record;

/// Calls `visit` with the first 8 bytes of every message that waits before end `end`, for a pipe
/// without messages in parts. Its sender or its receiver takes no part any more; else what is
/// visited may be none. False: the ring is damaged.
bool visit_pipe_messages(const std::byte* body, std::size_t bytes, unsigned end,
                         const std::function<void(std::uint64_t)>& visit);

/// What sweeping and waking mean for a pipe.
void reclaim_pipe(attachment& self, std::uint32_t dead);
void wake_pipe(attachment& self);

/// Threads    One sends and one receives at a time; close from any.
class pipe_core {
 public:
  explicit pipe_core(const pipe_request& request);

  // The sender's functions. `data` is `bytes` long and not null.

  push_status try_send(const std::byte* data, std::size_t bytes) {
    if (const push_status status = sendable(); status != push_status::ok) [[unlikely]]
      return status;
    if (bytes > part_bytes_) [[unlikely]]
      return try_send_parts(data, bytes);
    if (!sender_.stage(data, bytes, record_header::first)) [[unlikely]]
      return no_room();
    commit();
    return push_status::ok;
  }
  /// Waits for room, until `until` at most.
  push_status send(const std::byte* data, std::size_t bytes, const deadline& until) {
    const push_status status = bytes > part_bytes_ ? push_status::full : try_send(data, bytes);
    return status != push_status::full ? status : send_slowly(data, bytes, until);
  }

  /// For batches: nothing is sent before `commit`.
  bool stage(const std::byte* data, std::size_t bytes) {
    return bytes <= part_bytes_ && sender_.stage(data, bytes, record_header::first);
  }
  void commit() noexcept {
    sender_.commit();
    if (HAWSER_MUTATE(send_wakes_nobody, out_->data.wanted(), false)) [[unlikely]]
      wake(out_->data, data_bit(other_));
  }
  bool has_staged() const noexcept { return sender_.has_staged(); }
  void abandon() noexcept { sender_.abandon(); }

  /// `ok`, or `closed`: by the other end, or by us. Notices who has come to the other end.
  /// Errors     `not_supported` in a fork.
  push_status sendable() {
    const pipe_layout& p = *body_;
    // E3 is for the receiver; a sender that reads an old value sends to nobody, once.
    if (p.ends[other_].load(std::memory_order_relaxed) == peer_ &&
        p.ends[me_].load(std::memory_order_relaxed) == channel_.tag_if_attached() &&
        out_->finished.load(std::memory_order_relaxed) == 0) [[likely]]
      return push_status::ok;
    return look_at_ends();
  }

  /// Sends as many bytes as there is room for, at least one unless it says why not.
  push_status try_send_some(const std::byte* data, std::size_t bytes, std::size_t& sent);
  push_status send_some(const std::byte* data, std::size_t bytes, const deadline& until,
                        std::size_t& sent);

  // The receiver's.

  /// Finds the next message and leaves it there.
  take_status try_peek(pipe_message& out) {
    if (body_->ends[me_].load(std::memory_order_relaxed) != channel_.tag_if_attached()) [[unlikely]]
      return not_ours();
    if (!receiver_.peek(out)) [[unlikely]]
      return nothing_there(out);
    return out.header.is_whole_message() && !assembling_ ? take_status::ok : assemble(out);
  }
  take_status peek(pipe_message& out, const deadline& until) {
    const take_status status = try_peek(out);
    return status != take_status::empty ? status : peek_slowly(out, until);
  }
  /// Whether it lies in shared memory, where it may be written over; else it is put together.
  bool in_ring(const pipe_message& message) const noexcept { return message.data != parts_.data(); }
  /// Takes the message last peeked at; does nothing for another.
  void take(const pipe_message& message) noexcept {
    if (pass(message)) publish(1);
  }
  /// For batches: the sender hears of what was passed when it is published.
  bool pass(const pipe_message& message) noexcept {
    if (!receiver_.pass(message.begin, message.end)) return false;
    if (assembling_) [[unlikely]]
      drop_parts();
    return true;
  }
  void publish(std::uint64_t messages) noexcept {
    receiver_.publish(messages);
    if (HAWSER_MUTATE(take_wakes_nobody, in_->space.wanted(), false)) [[unlikely]]
      wake(in_->space, space_bit(me_));
  }

  // Anybody's.

  void close() noexcept;
  void finish() noexcept;
  bool closed() const noexcept {
    return body_->ends[me_].load(std::memory_order_relaxed) != channel_.tag_if_attached();
  }
  /// Whether somebody is at the other end. One system call.
  bool peer_alive() noexcept;
  /// Whether whoever was at the other end has left it, as far as that is known here: looked at
  /// after everything that was sent before.
  bool peer_gone() noexcept { return load_after_light_fence(body_->ends[other_]) == end_gone; }
  /// Waits until somebody has come to the other end. False: not in time, or we have closed.
  bool wait_for_peer(const deadline& until);
  /// Whether nothing comes any more beyond what waits in the ring.
  bool over() const noexcept {
    return body_->ends[other_].load(std::memory_order_acquire) == end_gone ||  // E3
           in_->finished.load(std::memory_order_acquire) != 0;
  }
  /// Whether half of the ring away from us is free: then every record has room.
  bool has_room() const noexcept;
  /// How many records the other end has taken.
  std::uint64_t read_by_peer() const noexcept {
    return body_->to[other_].received.load(std::memory_order_acquire);
  }
  /// Bytes that wait in the ring towards us, headers included.
  std::size_t waiting() const noexcept;

  std::size_t ring_bytes() const noexcept { return ring_bytes_; }
  std::size_t message_bytes_max() const noexcept { return message_bytes_max_; }
  const std::string& name() const noexcept { return name_; }
  attachment& channel() noexcept { return channel_; }
  const pipe_layout& layout() const noexcept { return *body_; }
  unsigned end() const noexcept { return me_; }

  struct counts {
    std::uint64_t sent, received, waits;
  };
  counts counters() const noexcept;

  std::uint64_t async_wait(ready what, std::function<void()> callback);

 private:
  friend void wake_pipe(attachment&);

  static constexpr std::uint32_t data_bit(unsigned end) noexcept { return 1U << end; }
  static constexpr std::uint32_t space_bit(unsigned end) noexcept { return 4U << end; }

  std::byte* ring(unsigned end) const noexcept;
  void take_an_end();
  void remove_name() noexcept;
  void wake(event_count& event, std::uint32_t bit) noexcept {
    if (event.wake()) channel_.ring(bit);
  }
  [[noreturn]] void refuse_fork() const;

  push_status look_at_ends();
  void let_room_gather() noexcept;
  push_status no_room();
  push_status try_send_parts(const std::byte* data, std::size_t bytes);
  push_status send_slowly(const std::byte* data, std::size_t bytes, const deadline& until);
  template <class Attempt>
  push_status wait_for_room(const deadline& until, Attempt attempt);

  take_status not_ours() const;
  take_status nothing_there(pipe_message& out);
  take_status assemble(pipe_message& out);
  take_status peek_slowly(pipe_message& out, const deadline& until);
  void drop_parts() noexcept;

  std::string name_;
  bool created_ = false;  // by us: we are end 0
  attachment channel_;
  pipe_layout* body_;
  // Copies of the geometry, checked when attached; what others may write later does not count.
  std::size_t ring_bytes_, part_bytes_, message_bytes_max_;
  unsigned me_, other_;
  pipe_gate *in_, *out_;

  // The sending thread's.
  alignas(64) ring_sender sender_;
  std::uint32_t peer_ = end_free;  // the other end as seen last; never end_gone
  adaptive_spin spin_for_room_;

  // The receiving thread's.
  alignas(64) ring_receiver receiver_;
  bool assembling_ = false;  // parts_ holds the beginning of a message, or all of it
  bool assembled_ = false;   // all of it; its last record is still in the ring
  std::uint32_t vain_looks_ = 0;
  std::vector<std::byte> parts_;
  adaptive_spin spin_for_data_;
};

}  // namespace hawser::shm::detail
