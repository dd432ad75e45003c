/// The queue on untyped slots: one process's view. queue_layout.hpp says what each step means;
/// the hot paths stand in queue_protocol.hpp, the rest in queue_core.cpp.
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/ending.hpp>
#include <hawser/shm/detail/mutant.hpp>
#include <hawser/shm/detail/prefetch.hpp>
#include <hawser/shm/detail/queue_layout.hpp>
#include <hawser/shm/detail/spin.hpp>
#include <hawser/shm/status.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::shm::detail {

/// The end of a dead-letter queue's name.
inline constexpr std::string_view dead_suffix = ".dead";

/// What distinguishes one queue from another, checked when it is opened.
struct queue_request {
  std::string name;
  opening how = opening::open_only;
  std::size_t capacity = 0;
  std::size_t message_bytes = 0;  // fixed size, or the most for variable ones
  std::size_t message_alignment = 8;
  bool variable = false;
  unsigned attempts_max = 0;
  unsigned mode = 0600;
  bool keep = false;
  std::uint64_t type_fingerprint = 0;
  std::string_view type_name;
};

/// Where the slots and the messages in them lie.
struct queue_geometry {
  std::size_t slots, slot_bytes, payload_offset, payload_bytes;
  unsigned attempts_max;
};

/// A slot taken from the queue and what it said.
struct taken_slot {
  std::atomic<std::uint64_t>* state = nullptr;
  std::byte* payload = nullptr;
  slot_state was;                              // with the new count of attempts
  std::uint32_t tag = 0;                       // whose lease it is
  std::atomic<std::uint32_t>* held = nullptr;  // a leased one: counts it in this process
};

struct push_result {
  std::size_t count;
  push_status status;
};
struct take_result {
  std::size_t count;
  take_status status;
};

class queue_core {
 public:
  explicit queue_core(const queue_request& request) : queue_core(request, queue_geometry{}) {}
  ~queue_core() { delete came_back_.load(std::memory_order_relaxed); }

  /// Writes up to `n` messages by `write(i, payload)`, which must not throw. Commits all it
  /// reports at once.
  template <class Write>
  push_result try_push(std::size_t n, const deadline& until, Write&& write);

  /// Takes up to `n` messages. `visit(taken_slot)` sees each: a popped one only inside the
  /// call, a leased one until `end_lease`.
  template <bool Pop, class Visit>
  take_result try_take(std::size_t n, const deadline& until, Visit&& visit);

  /// The blocking forms: try, spin a little, sleep, until done or `until`.
  template <class Write>
  push_result push(std::size_t n, const deadline& until, Write&& write);
  template <bool Pop, class Visit>
  take_result take(std::size_t n, const deadline& until, Visit&& visit);

  /// Ends a lease for good. Does nothing for a lease inherited by a fork.
  void ack(const taken_slot& lease) noexcept;
  /// Gives a leased message back.
  void nack(const taken_slot& lease) noexcept;

  void close();
  bool closed() const noexcept { return body_->closed.load(std::memory_order_acquire) != 0; }  // E5
  bool drained() const noexcept;
  std::size_t size() const noexcept;

  std::size_t slots() const noexcept { return slots_; }
  std::size_t payload_bytes() const noexcept { return payload_bytes_; }
  const std::string& name() const noexcept { return name_; }
  attachment& channel() noexcept { return channel_; }
  const queue_layout& layout() const noexcept { return *body_; }
  std::size_t count_kind(slot_kind kind) const noexcept;

  struct counts {
    std::uint64_t pushed, delivered, acked, redelivered, reclaimed, waits;
  };
  counts counters() const noexcept;
  /// Whether this process holds leases, by its own account: what the memory says of that, anybody
  /// may have written, and a lease that exists needs its queue.
  bool holds_leases() const noexcept;

  std::uint64_t async_wait(ready what, std::function<void()> callback);

 private:
  queue_core(const queue_request& request, queue_geometry agreed);

  /// What a search for messages that came back has found.
  struct came_back {
    struct slot {
      std::uint64_t position;
      std::uint64_t index;
    };
    std::uint32_t seq = 0;
    std::uint32_t searcher = 0;  // the tag that searched; another one after a fork
    std::vector<slot> slots;     // newest first
  };
  /// Unlocks also when a visitor throws.
  struct lock_holder {
    robust_lock& lock;
    ~lock_holder() { lock.unlock(); }
  };

  std::size_t index_of(std::uint64_t position) const noexcept {
    return mask_ != 0 ? position & mask_ : position % slots_;
  }
  std::byte* slot(std::size_t index) const noexcept { return first_ + index * slot_bytes_; }

  /// What one side knows of how far the other one is.
  struct outlook {
    std::uint64_t looked_at = 0;  // a position
    bool clear = false;           // the slots up to looked_at + outlook_ are ready for this side
  };
  /// Gets the lines of a slot that this side will need soon. They come from the other side's
  /// cache, and each locked instruction on the way waits for the stores to them: this takes
  /// that wait (a cross-core miss for every message) off the path. Only where the other side
  /// is far away; elsewhere it would take away lines that are in use there.
  template <class Ready>
  void prefetch(outlook& ahead, std::uint64_t at, Ready ready) noexcept {
    if (at - ahead.looked_at >= look_every_) [[unlikely]] {
      const std::uint64_t there = at + outlook_;
      ahead = {at, outlook_ != 0 && ready(there, slot_state{state_of(slot(index_of(there)))
                                                                .load(std::memory_order_relaxed)})};
    }
    if (!ahead.clear) return;
    const std::byte* const next = slot(index_of(at + prefetch_distance));
    prefetch_to_write(next);
    prefetch_to_write(next + prefetch_last_);
  }
  static std::atomic<std::uint64_t>& state_of(std::byte* slot) noexcept {
    return *reinterpret_cast<std::atomic<std::uint64_t>*>(slot);
  }
  bool before_tail(std::uint64_t position) noexcept {
    // I5, else damaged: at most two laps; a head that was thrown back is no loop without end.
    const auto follows = [&](std::uint64_t tail) { return tail - position - 1 < 2 * slots_; };
    if (follows(tail_seen_)) return true;
    tail_seen_ = body_->tail.load(std::memory_order_acquire);  // E2
    return follows(tail_seen_);
  }
  template <class Write>
  push_result push_slowly(std::size_t n, const deadline& until, Write& write);
  template <bool Pop, class Visit>
  take_result take_slowly(std::size_t n, const deadline& until, Visit& visit);
  template <bool Pop, class Visit>
  void give(std::size_t index, slot_state was, std::uint32_t tag, Visit& visit);
  template <bool Pop, class Visit>
  std::size_t take_set_aside(std::size_t n, std::uint32_t tag, Visit& visit);
  void find_set_aside(came_back& found, std::uint32_t seq, std::uint32_t tag) const;

  void notify_items() noexcept {
    if (HAWSER_MUTATE(push_wakes_nobody, body_->items.wanted(), false)) [[unlikely]]
      wake(body_->items, bit_items);
  }
  void notify_space() noexcept {
    if (HAWSER_MUTATE(ack_wakes_nobody, body_->space.wanted(), false)) [[unlikely]]
      wake(body_->space, bit_space);
  }
  void wake(event_count& event, std::uint32_t bit) noexcept {
    if (event.wake()) channel_.ring(bit);
  }
  void after_close(bool freed_dead_letter) noexcept;
  static void count_lease(const taken_slot& lease, std::uint32_t change) noexcept {
    // Release: whoever sees it sees, of an end, that it is under way (ending.hpp).
    lease.held->store(lease.held->load(std::memory_order_relaxed) + change,
                      std::memory_order_release);
  }

  /// Whether there may be something to take, without the lock. False: there was nothing.
  bool may_have_items() const noexcept;
  bool may_have_space() const noexcept;
  void let_space_gather() const noexcept;
  bool sleep(event_count& event, std::uint32_t key, const deadline& until);

  static constexpr std::uint64_t prefetch_distance = 8;
  static constexpr std::uint32_t bit_items = 1, bit_space = 2, bit_dead = 4;
  friend void reclaim_queue(attachment&, std::uint32_t);
  friend void wake_queue(attachment&);

  std::string name_;  // as the user said it: a dead-letter view has its own
  bool dead_view_;
  attachment channel_;
  queue_layout* body_;
  // Copies of the geometry, checked when attached; what others may write later does not count.
  std::size_t slots_, slot_bytes_, payload_offset_, payload_bytes_;
  unsigned attempts_max_;
  std::byte* first_;
  std::uint64_t outlook_;  // messages to look ahead; 0: too small a queue
  std::uint64_t look_every_;
  std::uint64_t mask_;         // slots_ - 1 where that is a mask, else 0
  std::size_t prefetch_last_;  // of a slot: the last byte worth fetching early
  // Of this process, under the producers' lock.
  alignas(64) outlook space_ahead_;
  // Of this process, under the consumers' lock.
  alignas(64) outlook items_ahead_;
  std::uint32_t holder_ = 0;  // the tag that has said it holds leases
  // Of this process: leases of each slot. At most one, changed by its owner alone, unless the
  // memory is damaged; so no locked instruction is spent on it.
  std::unique_ptr<std::atomic<std::uint32_t>[]> held_;
  std::uint64_t tail_seen_ = 0;
  // Owned; taken out while in use, so that two threads do not share it even if somebody wrote
  // over the lock that keeps them apart, and a fork meanwhile finds none.
  std::atomic<came_back*> came_back_{nullptr};
  std::atomic<bool> starving_{false};  // the last look found nothing
  adaptive_spin spin_items_, spin_space_;
};

/// Calls `visit` with the first eight bytes of every message in a queue's body, whatever state it is
/// in, while others use it. For who has no place there.
///
/// Returns    False: the body is no queue's, or a slot changed faster than it could be read.
bool visit_messages(const std::byte* body, std::size_t bytes,
                    const std::function<void(std::uint64_t)>& visit);

/// Leaves the queue, or, while this process still holds leases of it, when the last of them has
/// ended and another queue is left, or the process ends: a lease outlives its queue object.
void leave_queue(std::unique_ptr<queue_core> core) noexcept;

}  // namespace hawser::shm::detail
