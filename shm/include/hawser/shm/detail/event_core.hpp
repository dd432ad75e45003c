/// A shared event: one process's view. event_layout.hpp says what each step means.
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/event_layout.hpp>
#include <hawser/shm/detail/mutant.hpp>
#include <hawser/shm/detail/spin.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

namespace hawser::shm::detail {

/// What is asked for when an event is opened.
struct event_request {
  std::string name;
  opening how = opening::open_only;
  bool set = false;  // for the one who creates it
  unsigned mode = 0600;
  bool keep = false;
};

class event_core {
 public:
  explicit event_core(const event_request& request);

  /// Returns    Whether it was not set before.
  bool set();
  /// Returns    Whether it was set.
  bool clear();
  bool is_set() noexcept { return event_is_set(note(state())); }
  std::uint64_t sets() const noexcept { return event_sets(state()); }

  /// Waits until it is set, or has been since the call. False: the deadline passed.
  bool wait(const deadline& until);
  /// The same without a thread.
  std::uint64_t async_wait(std::function<void()> callback);
  /// Readable: it is set, or was set since this view has looked last.
  std::uint64_t async_wait(ready what, std::function<void()> callback);

  const std::string& name() const noexcept { return channel_.name(); }
  attachment& channel() noexcept { return channel_; }

 private:
  std::uint64_t state() const noexcept {
    return body_->state.load(std::memory_order_acquire);  // E1
  }
  /// Whether a wait that began with this count is over (I2).
  bool is_over(std::uint64_t began_sets) const noexcept {
    const std::uint64_t now = state();
    return event_is_set(now) ||
           HAWSER_MUTATE(event_pulse_is_lost, event_sets(now) != began_sets, false);
  }
  /// Remembers what was looked at.
  std::uint64_t note(std::uint64_t state) noexcept {
    if (seen_sets_.load(std::memory_order_relaxed) != event_sets(state)) [[unlikely]]
      seen_sets_.store(event_sets(state), std::memory_order_relaxed);
    return state;
  }
  void wake() noexcept {
    if (body_->changed.wake()) channel_.ring(bit_changed);
  }
  static constexpr std::uint32_t bit_changed = 1;
  friend void wake_event(attachment&);

  attachment channel_;
  event_layout* body_;
  std::atomic<std::uint64_t> seen_sets_;  // the count this view has looked at last
  adaptive_spin spin_;
};

}  // namespace hawser::shm::detail
