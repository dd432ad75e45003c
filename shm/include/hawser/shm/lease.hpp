/// A message being worked on.
#pragma once

#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/message_io.hpp>
#include <hawser/shm/detail/queue_core.hpp>
#include <hawser/shm/status.hpp>

#include <cstdint>
#include <utility>
#include <vector>

namespace hawser::shm {

template <message T>
class queue;

/// A message taken from a queue and not yet acknowledged, or the reason why there is none.
///
/// It ends by `ack()` (the message is gone for good), by `nack()` or the destructor (it goes to
/// the next consumer), or by the death of this process (likewise). The message is read in
/// place: what `*lease` gives is valid until the lease ends.
///
/// Threads    One at a time; it may move to another thread.
/// Crash      Killed inside `ack`: acknowledged, or given to the next consumer.
template <message T>
class [[nodiscard]] lease {
 public:
  /// None, for this reason.
  explicit lease(take_status status) noexcept : status_(status) {}
  lease(lease&& other) noexcept
      : core_(std::exchange(other.core_, nullptr)),
        slot_(other.slot_),
        held_(std::move(other.held_)),
        status_(std::exchange(other.status_, take_status::empty)) {}
  lease& operator=(lease&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(slot_, other.slot_);
    std::swap(held_, other.held_);
    std::swap(status_, other.status_);
    return *this;
  }
  ~lease() { nack(); }

  /// Whether there is a message.
  explicit operator bool() const noexcept { return core_ != nullptr; }
  /// `ok`, or why there is none: `empty`, `closed`, `timed_out`.
  take_status status() const noexcept { return status_; }

  /// The message: a const T&, or for a range a view of its elements, in the queue's memory.
  message_view<T> operator*() const noexcept { return held_.view(slot_); }
  message_view<T> message() const noexcept { return held_.view(slot_); }
  /// The lease itself, so that `lease->ack()` reads like a handle's.
  lease* operator->() noexcept { return this; }
  const lease* operator->() const noexcept { return this; }

  /// The message is done and gone for good. Does nothing on an ended lease.
  /// Blocks     Never.
  void ack() noexcept {
    if (core_ != nullptr) std::exchange(core_, nullptr)->ack(slot_);
  }
  /// The message goes to the next consumer, before newer ones, or to the dead letters.
  void nack() noexcept {
    if (core_ != nullptr) std::exchange(core_, nullptr)->nack(slot_);
  }

  /// Deliveries of this message so far, this one included: 1 for a fresh one; stops at 127.
  std::uint32_t attempts() const noexcept { return slot_.was.attempts(); }
  /// Where the message stands in the order of pushes: unique, growing, not without gaps.
  std::uint64_t position() const noexcept { return slot_.was.position(); }

 private:
  friend class queue<T>;
  /// Of the message that `take(visit)` takes, noted where it stays: copying what was just written
  /// would wait for the processor's stores.
  template <class Take>
  lease(detail::queue_core& core, Take&& take) {
    status_ = take([this](const detail::taken_slot& taken) noexcept { slot_ = taken; }).status;
    if (status_ != take_status::ok) return;
    core_ = &core;
    try {
      held_.take(slot_, core);
    } catch (...) {
      core.nack(slot_);  // it could not be decoded
      throw;
    }
  }
  static std::vector<lease> adopt(detail::queue_core& core,
                                  const std::vector<detail::taken_slot>& slots) {
    std::vector<lease> leases;
    std::size_t done = 0;
    try {
      leases.reserve(slots.size());
      for (; done < slots.size(); ++done)
        leases.push_back(lease{core, [&](auto visit) {
                                 visit(slots[done]);
                                 return detail::take_result{1, take_status::ok};
                               }});
    } catch (...) {
      // The lease that failed gave its own message back; the later ones have no lease yet.
      for (std::size_t i = done + (leases.capacity() != 0 ? 1 : 0); i < slots.size(); ++i)
        core.nack(slots[i]);
      throw;
    }
    return leases;
  }

  detail::queue_core* core_ = nullptr;
  detail::taken_slot slot_;
  [[no_unique_address]] typename detail::message_io<T>::held held_;
  take_status status_ = take_status::empty;
};

}  // namespace hawser::shm
