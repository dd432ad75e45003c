/// A topic on untyped slots, seen from either side. topic_layout.hpp says what each step means;
/// the hot paths stand in topic_protocol.hpp, the rest in topic_core.cpp and subscription_core.cpp.
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/mutant.hpp>
#include <hawser/shm/detail/prefetch.hpp>
#include <hawser/shm/detail/spin.hpp>
#include <hawser/shm/detail/topic_layout.hpp>
#include <hawser/shm/status.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace hawser::shm::detail {

/// What distinguishes one topic from another, checked when it is opened.
struct topic_request {
  std::string name;
  opening how = opening::open_only;
  std::size_t capacity = 0;
  std::size_t message_bytes = 0;  // fixed size, or the most for variable ones
  std::size_t message_alignment = 8;
  bool variable = false;
  unsigned mode = 0600;
  bool keep = false;
  std::uint64_t type_fingerprint = 0;
  std::string_view type_name;
};

/// Where things are in a topic.
struct topic_geometry {
  std::size_t slots, slot_bytes, payload_offset, payload_bytes;
};

/// What both sides have: the place in the segment, and the ring in it.
class topic_ring {
 public:
  explicit topic_ring(const topic_request& request) : topic_ring(request, topic_geometry{}) {}

  std::size_t slots() const noexcept { return slots_; }
  std::size_t payload_bytes() const noexcept { return payload_bytes_; }
  const std::string& name() const noexcept { return channel_.name(); }
  attachment& channel() noexcept { return channel_; }
  const topic_layout& layout() const noexcept { return *body_; }
  bool closed() const noexcept { return body_->closed.load(std::memory_order_acquire) != 0; }  // E5
  /// Messages committed since the topic was created.
  std::uint64_t published() const noexcept {
    const std::uint64_t tail = body_->tail.load(std::memory_order_acquire);
    return tail > slots_ ? tail - slots_ : 0;
  }

  static constexpr std::uint32_t bit_items = 1, bit_space = 2;

 protected:
  static constexpr std::uint64_t never = UINT64_MAX;

  std::byte* slot(std::uint64_t position) const noexcept {
    return first_ + (mask_ != 0 ? position & mask_ : position % slots_) * slot_bytes_;
  }
  static std::atomic<std::uint64_t>& state_of(std::byte* slot) noexcept {
    return *reinterpret_cast<std::atomic<std::uint64_t>*>(slot);
  }
  topic_slot_state state_at(std::uint64_t position) const noexcept {
    return {state_of(slot(position)).load(std::memory_order_acquire)};  // E1
  }

  /// Under the lock: tail, moved behind a message whose publisher died before it did that.
  std::uint64_t settled_tail() noexcept {
    const std::uint64_t tail = body_->tail.load(std::memory_order_relaxed);  // ours by the lock
    if (HAWSER_MUTATE(
            topic_tail_not_repaired,
            state_at(tail).bits == topic_slot_state::make(topic_slot_kind::full, tail).bits, false))
        [[unlikely]] {
      body_->tail.store(tail + 1, std::memory_order_release);  // E2
      return tail + 1;
    }
    return tail;
  }

  topic_ring(const topic_request& request, topic_geometry agreed);
  bool sleep(event_count& event, std::uint32_t key, const deadline& until);
  void wake(event_count& event, std::uint32_t bit) noexcept {
    if (event.wake()) channel_.ring(bit);
  }

  attachment channel_;
  topic_layout* body_;
  // Copies of the geometry, checked when attached; what others may write later does not count.
  std::size_t slots_, slot_bytes_, payload_offset_, payload_bytes_;
  std::byte* first_;
  std::uint64_t mask_;         // slots_ - 1 where that is a mask, else 0
  std::size_t prefetch_last_;  // of a slot: the last byte worth fetching early
};

struct publish_result {
  std::size_t count;
  push_status status;
  std::int64_t cut_at_ns = INT64_MAX;  // full: when the one that is in the way may be cut off
};

/// The publishers' side.
class topic_core : public topic_ring {
 public:
  using topic_ring::topic_ring;

  /// Writes up to `n` messages by `write(i, payload)`, which must not throw. Commits all it
  /// reports at once.
  template <class Write>
  publish_result try_publish(std::size_t n, const deadline& until, Write&& write);

  /// The blocking form: try, spin a little, sleep, until done or `until`.
  template <class Write>
  publish_result publish(std::size_t n, const deadline& until, Write&& write);

  void close();
  std::size_t subscribers() noexcept;
  std::uint64_t await_writable(std::function<void()> callback);

 private:
  struct view_of_rows {
    std::uint64_t gate;
    std::int64_t cut_at_ns;
  };
  /// Under the lock: the gate as it is now. Cuts off who has held up `tail` for too long.
  view_of_rows look_at_rows(std::uint64_t tail);
  bool cuts(subscriber_row& row, std::uint64_t cursor, std::int64_t& cut_at_ns);
  /// Without the lock.
  bool may_have_space() noexcept;
  bool slowest_has_moved(std::uint64_t by) const noexcept;
  void let_space_gather() const noexcept;
  std::uint32_t highest_row() noexcept;

  template <class Write>
  publish_result publish_slowly(std::size_t n, const deadline& until, Write& write);
  static deadline earlier(const deadline& until, std::int64_t cut_at_ns);

  void notify_items() noexcept {
    if (HAWSER_MUTATE(publish_wakes_nobody, body_->items.wanted(), false)) [[unlikely]]
      wake(body_->items, bit_items);
  }

  static constexpr std::uint64_t prefetch_distance = 8;
  std::atomic<std::uint32_t> slowest_{0};  // the row that was in the way
  adaptive_spin spin_space_;
};

/// How one subscriber wants its messages.
struct subscription_request {
  row_kind mode = row_kind::lossless;
  std::uint64_t history = 0;
  std::uint64_t lag_max = 0;      // 0: the topic's capacity
  std::int64_t patience_ns = -1;  // negative: for ever
};

/// One subscriber: a row, and where it is. One thread at a time, but for what the monitor calls.
/// It can publish as well, as every participant can: the thread twin runs both sides on one
/// mapping, since ThreadSanitizer sees nothing between two mappings of the same memory.
class subscription_core : public topic_core {
 public:
  subscription_core(const topic_request& topic, const subscription_request& request);

  struct found {
    take_status status;
    const std::byte* payload = nullptr;
    std::atomic<std::uint64_t>* state = nullptr;
    std::uint64_t was = 0;
  };

  /// The next message, or why there is none. It is not taken by this. `until` is for the lock that
  /// one takes who was cut off, nullptr for those who wait for nobody; `timed_out` or `empty` if
  /// another process has it.
  found find(const deadline* until);
  /// The message that `find` found is done.
  void advance() noexcept;

  /// Takes the next message: `copy(payload)` may be called more than once; what the last call
  /// copied is whole if the result is `ok`.
  template <class Copy>
  take_status try_take(Copy&& copy);
  template <class Copy>
  take_status take(const deadline& until, Copy&& copy);

  /// Waits for what `find` finds.
  found wait(const deadline& until);

  bool reads_in_place() const noexcept {
    return want_.mode == row_kind::lossless && want_.patience_ns < 0;
  }
  std::uint64_t missed() const noexcept { return missed_; }
  std::uint64_t lag() const noexcept;
  /// Messages that were published before the next one.
  std::uint64_t position() const noexcept { return cursor_ - slots_; }
  std::uint32_t tag() const noexcept { return tag_; }
  std::uint64_t await_readable(std::function<void()> callback);

 private:
  enum class joining { first, after_cut, after_fork };

  /// False: the deadline passed, and nothing has changed.
  bool join(joining why, const deadline& until);
  /// `ok`, or what `find` says instead.
  take_status join_again(joining why, const deadline* until);
  std::uint64_t oldest_there(std::uint64_t tail) const noexcept;
  void miss_until(std::uint64_t position) noexcept;
  found cut_off(const deadline* until);
  found wait_slowly(const deadline& until);
  template <class Copy>
  bool copied_whole(const found& next, Copy& copy);
  /// Whether there may be something, or some end. Also from the monitor's thread.
  bool may_have_items() const noexcept;
  bool before_tail(std::uint64_t position) noexcept {
    if (position < tail_seen_) return true;
    tail_seen_ = body_->tail.load(std::memory_order_acquire);  // E2
    return position < tail_seen_;
  }
  void notify_space() noexcept {
    if (HAWSER_MUTATE(take_wakes_nobody, body_->space.wanted(), false)) [[unlikely]]
      wake(body_->space, bit_space);
  }

  subscription_request want_;
  bool windowed_ = false;  // what lies further back than lag_max is missed, though it is there
  subscriber_row* row_ = nullptr;
  std::uint32_t tag_ = 0;  // whose row it is: another one after a fork
  std::uint64_t cursor_ = 0, missed_ = 0;
  std::uint64_t tail_seen_ = 0;
  adaptive_spin spin_items_;
};

}  // namespace hawser::shm::detail
