/// A shared value as bytes: one process's view. value_layout.hpp says what each step means.
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/mutant.hpp>
#include <hawser/shm/detail/shared_words.hpp>
#include <hawser/shm/detail/spin.hpp>
#include <hawser/shm/detail/value_layout.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace hawser::shm::detail {

/// What distinguishes one value from another, checked when it is opened.
struct value_request {
  std::string name;
  opening how = opening::open_only;
  std::size_t value_bytes = 0;
  const std::byte* initial = nullptr;  // for the one who creates it
  unsigned mode = 0600;
  bool keep = false;
  std::uint64_t type_fingerprint = 0;
  std::string_view type_name;
  std::function<void()> swept{};  // see attach_request
};

class value_core {
 public:
  explicit value_core(const value_request& request);

  /// Copies the value out. `bytes` is its size: a constant where this is inlined.
  /// Returns    Its version.
  std::uint64_t load(std::byte* to, std::size_t bytes) {
    constexpr int turns = 100;
    for (int turn = 0; turn < turns; ++turn) {
      const std::uint64_t now = version();
      read_words(copy(now), to, bytes);
      words_acquire_fence();                                                 // E2
      if (body_->version.load(std::memory_order_relaxed) == now) [[likely]]  // I2
        return note(now);
    }
    return note(load_among_writers(to, bytes));
  }

  /// Under the lock, calls `make(now)` with the words of the value; the bytes it returns become
  /// the new value, unless it returns nullptr. What it throws is thrown on, and nothing happened.
  /// Returns    False: the deadline passed while another one wrote.
  template <class Make>
  bool modify(std::size_t bytes, const deadline& until, Make&& make) {
    const std::uint32_t tag = channel_.tag();
    if (!body_->writers.lock(channel_, tag, until)) return false;
    if (!commit(bytes, tag, make)) return true;
    if (HAWSER_MUTATE(value_wakes_nobody, body_->changed.wanted(), false)) [[unlikely]]
      wake();  // E3
    return true;
  }

  std::uint64_t version() const noexcept {
    return body_->version.load(std::memory_order_acquire);  // E1
  }
  /// Waits until the version is not `seen`. False: the deadline passed.
  bool wait_change(std::uint64_t seen, const deadline& until);
  std::uint64_t async_wait(std::uint64_t seen, std::function<void()> callback);
  /// Readable: the version is another one than this view has looked at last.
  std::uint64_t async_wait(ready what, std::function<void()> callback);

  /// The same as load, with the lock: for readers that writers leave no gap.
  std::uint64_t load_among_writers(std::byte* to, std::size_t bytes);

  const std::string& name() const noexcept { return channel_.name(); }
  std::uint64_t waits() const noexcept { return body_->waits.load(std::memory_order_relaxed); }
  attachment& channel() noexcept { return channel_; }

 private:
  /// Unlocks, also when `make` throws; not in a fork that `make` made.
  struct lock_holder {
    value_core& self;
    std::uint32_t tag;
    ~lock_holder() {
      if (self.channel_.tag_if_attached() == tag) self.body_->writers.unlock();
    }
  };

  template <class Make>
  bool commit(std::size_t bytes, std::uint32_t tag, Make& make) {
    const lock_holder unlock_at_end{*this, tag};
    const std::uint64_t now = version();
    const std::byte* const made = make(copy(now));
    if (made == nullptr) return false;
    if (channel_.tag_if_attached() != tag) refuse_in_fork();
    HAWSER_MUTATE(value_commits_before_bytes, void(), body_->version.store(now + 1));
    words_release_fence();  // E2
    write_words(copy(HAWSER_MUTATE(value_written_in_place, now + 1, now)), made, bytes);
    body_->version.store(now + 1, HAWSER_MUTATE(value_not_released, std::memory_order_release,
                                                std::memory_order_relaxed));  // E1. Commits.
    note(now + 1);
    return true;
  }

  [[noreturn]] void refuse_in_fork() const;
  /// Remembers what was looked at.
  std::uint64_t note(std::uint64_t version) noexcept {
    if (seen_.load(std::memory_order_relaxed) != version) [[unlikely]]
      seen_.store(version, std::memory_order_relaxed);
    return version;
  }
  shared_word* copy(std::uint64_t version) const noexcept {
    return reinterpret_cast<shared_word*>(first_ + (version & 1) * copy_bytes_);
  }
  void wake() noexcept {
    if (body_->changed.wake()) channel_.ring(bit_changed);
  }
  static constexpr std::uint32_t bit_changed = 1;
  friend void wake_value(attachment&);

  attachment channel_;
  value_layout* body_;
  std::byte* first_;
  std::size_t copy_bytes_;           // of our own type: what others may write later does not count
  std::atomic<std::uint64_t> seen_;  // the version this view has looked at last
  adaptive_spin spin_;
};

}  // namespace hawser::shm::detail
