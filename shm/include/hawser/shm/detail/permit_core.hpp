/// Permits: one process's view. permit_layout.hpp says what each step means; the hot paths stand
/// here, the rest in permit_core.cpp and permit_line.cpp.
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/mutant.hpp>
#include <hawser/shm/detail/permit_layout.hpp>
#include <hawser/shm/detail/spin.hpp>
#include <hawser/shm/status.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace hawser::shm::detail {

/// Readers take 1 of a shared_lock's permits, a writer all.
inline constexpr std::uint32_t shared_lock_permits = std::uint32_t{1} << 30;

/// What distinguishes one object from another, checked when it is opened.
struct permit_request {
  std::string name;
  opening how = opening::open_only;
  channel_kind kind = channel_kind::semaphore;
  std::size_t permits = 1;
  unsigned mode = 0600;
  bool keep = false;
  // Of a guarded value.
  std::size_t value_bytes = 0;
  std::uint64_t type_fingerprint = 0;
  std::string_view type_name;
  const std::byte* initial = nullptr;
};

class permit_line;

class permit_core {
 public:
  explicit permit_core(const permit_request& request);

  /// Takes `n` permits; waits for them until `until`. False: the deadline has passed.
  /// `n` is at least 1 and at most `permits()`.
  bool acquire(std::uint32_t n, const deadline& until) {
    if (try_acquire(n, until)) [[likely]]
      return true;
    return acquire_slowly(n, until);
  }
  /// Takes `n` permits if this can be done now; `until` is for the few instructions in which
  /// another process holds the inner lock.
  bool try_acquire(std::uint32_t n, const deadline& until = {});

  /// Waits at a place that was joined for `n` until they are taken, or gives the place up.
  bool wait_in_line(waiter_place& place, std::uint32_t n, std::uint32_t tag, const deadline& until);

  /// Gives back `n`. False: this process holds fewer than `n`, or more than `most`; then nothing
  /// has changed.
  bool release(std::uint32_t n, std::uint32_t most = UINT32_MAX) noexcept;

  /// What this process holds.
  std::uint32_t held() const noexcept;
  std::uint32_t permits() const noexcept { return total_; }
  std::uint32_t available() const noexcept;
  /// Whether the last exclusive holder before the acquisition by this view had died.
  bool owner_died() const noexcept { return owner_died_.load(std::memory_order_relaxed); }
  /// Whether this process is a fork of the one that acquired, and has not acquired since.
  bool inherited() const noexcept {
    const std::uint32_t acquirer = acquirer_.load(std::memory_order_relaxed);
    return acquirer != 0 && acquirer != channel_.tag_if_attached();
  }
  std::uint32_t tag_if_attached() const noexcept { return channel_.tag_if_attached(); }

  struct counts {
    std::uint64_t acquired, waits, reclaimed;
  };
  counts counters() const noexcept;
  const std::string& name() const noexcept { return channel_.name(); }
  attachment& channel() noexcept { return channel_; }
  guarded_layout& guarded() noexcept {
    return *reinterpret_cast<guarded_layout*>(channel_.body() + sizeof(permit_layout));
  }

  /// Calls back when `n` permits may be had by a newcomer.
  std::uint64_t async_wait(std::uint32_t n, std::function<void()> callback);

  /// For tests: how long a called waiter may take to come before it is passed over.
  static void set_patience(std::chrono::nanoseconds patience) noexcept;
  static constexpr std::uint32_t overtakes_max = 1000;

 private:
  friend class permit_line;
  friend void reclaim_permits(attachment&, std::uint32_t);
  friend void wake_permits(attachment&);
  static constexpr std::uint32_t bit_freed = 1;

  std::atomic<std::uint64_t>& row_of(std::uint32_t tag) noexcept { return body_->held[id_of(tag)]; }
  /// After the inner lock was taken: makes what is derived right (I2).
  void enter(std::uint32_t tag) noexcept {
    permit_layout& p = *body_;
    if (HAWSER_MUTATE(permit_not_repaired,
                      p.busy.load(std::memory_order_relaxed) != 0 || has_been_swept(), false))
        [[unlikely]]
      repair();
    // The tag, for whoever looks with a debugger.
    p.busy.store(tag, std::memory_order_relaxed);
  }
  void leave() noexcept {
    body_->busy.store(0, std::memory_order_release);  // after everything else
    body_->inner.unlock();                            // E1
  }
  bool has_been_swept() const noexcept {
    return body_->swept_seq.load(std::memory_order_seq_cst) !=  // E2
           body_->swept_done.load(std::memory_order_relaxed);
  }
  /// Under the lock, with enough available.
  void take(std::uint32_t n, std::uint32_t tag) noexcept;
  void notify_freed() noexcept {
    if (HAWSER_MUTATE(permit_release_rings_nobody, body_->freed.wanted(), false)) [[unlikely]]
      if (body_->freed.wake()) channel_.ring(bit_freed);
  }
  bool may_take(std::uint32_t n) const noexcept {
    const std::uint64_t available = body_->available.load(std::memory_order_relaxed);
    const std::uint64_t demand = body_->demand.load(std::memory_order_relaxed);
    return available >= n + demand || has_been_swept();
  }

  bool acquire_slowly(std::uint32_t n, const deadline& until);
  bool try_overtake(std::uint32_t n, std::uint32_t tag) noexcept;
  void release_to_waiters() noexcept;
  void repair() noexcept;
  std::uint64_t sum_held() const noexcept;

  attachment channel_;
  permit_layout* body_;
  std::uint32_t total_;  // checked when attached; what others may write later does not count
  // Of this process.
  std::atomic<std::uint32_t> acquirer_{0};  // the tag that acquired last; another after a fork
  std::atomic<bool> owner_died_{false};
  adaptive_spin spin_;
};

/// A guarded value's copies (E4, E5): writes the one that does not count, and commits it; under
/// the permit.
void commit_guarded(permit_core& core, const std::byte* from, std::size_t bytes) noexcept;
/// Reads the one that counts; under the permit.
void read_guarded(permit_core& core, std::byte* to, std::size_t bytes) noexcept;
/// The same without it. False: too many commits came in between.
[[nodiscard]] bool try_read_guarded(permit_core& core, std::byte* to, std::size_t bytes) noexcept;

/// Throws unless `n` permits can be had at all.
std::uint32_t checked_permits(const permit_core& core, std::size_t n, const char* verb);
/// For who releases what it does not hold.
[[noreturn]] void refuse_release(const permit_core& core, const char* operation,
                                 const std::string& reason);

inline void permit_core::take(std::uint32_t n, std::uint32_t tag) noexcept {
  permit_layout& p = *body_;
  const bool died = p.owner_died.load(std::memory_order_relaxed) != 0;
  if (owner_died_.load(std::memory_order_relaxed) != died) [[unlikely]]
    owner_died_.store(died, std::memory_order_relaxed);
  if (acquirer_.load(std::memory_order_relaxed) != tag) [[unlikely]]
    acquirer_.store(tag, std::memory_order_relaxed);
  HAWSER_MUTATE(permit_mark_cleared_first, void(), p.owner_died.store(0));
  p.available.store(p.available.load(std::memory_order_relaxed) - n, std::memory_order_release);
  auto& row = row_of(tag);
  const held_row was{row.load(std::memory_order_relaxed)};
  row.store(held_row::make(tag, was.count_of(tag) + n).bits, std::memory_order_release);  // commits
  if (died && n == total_) [[unlikely]]
    p.owner_died.store(0, std::memory_order_release);
  p.acquired.store(p.acquired.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

inline bool permit_core::try_acquire(std::uint32_t n, const deadline& until) {
  const std::uint32_t tag = channel_.tag();
  permit_layout& p = *body_;
  if (!p.inner.lock(channel_, tag, until)) return false;
  enter(tag);
  if (p.available.load(std::memory_order_relaxed) >= n + p.demand.load(std::memory_order_relaxed))
      [[likely]] {
    take(n, tag);
    leave();
    return true;
  }
  return try_overtake(n, tag);
}

inline bool permit_core::release(std::uint32_t n, std::uint32_t most) noexcept {
  const std::uint32_t tag = channel_.tag_if_attached();
  permit_layout& p = *body_;
  if (tag == 0 || !p.inner.lock(channel_, tag, {})) return false;
  enter(tag);
  auto& row = row_of(tag);
  const std::uint32_t count = held_row{row.load(std::memory_order_relaxed)}.count_of(tag);
  if (count < n || count > most) [[unlikely]] {
    leave();
    return false;
  }
  row.store(held_row::make(tag, count - n).bits, std::memory_order_release);  // commits
  p.available.store(p.available.load(std::memory_order_relaxed) + n, std::memory_order_release);
  if (p.demand.load(std::memory_order_relaxed) == 0) [[likely]]
    leave();
  else release_to_waiters();
  notify_freed();
  return true;
}

}  // namespace hawser::shm::detail
