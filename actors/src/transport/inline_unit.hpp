/// Runs the actors that the transport's thread wakes.
#pragma once

#include "caf_parts.hpp"

#include <caf/resumable.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>

namespace hawser::actors::detail {

/// In the thread itself, behind the message that woke them: a change of threads costs more than most
/// handlers do. Whoever is woken gets a few messages at a time, in turn. An actor that takes longer than
/// `max` for them three times in a row (once may have been somebody else, who had our CPU) goes
/// to the scheduler's threads for the next `penance`, so that it does not hold up the messages of
/// others again; and so does one that has always something left to do.
///
/// One that does not come back at all, because it waits for something, may wait for what only this
/// transport can bring. So somebody else looks at it from time to time, and retires a unit that is
/// stuck: then another thread with another unit goes on, and this one ends with its job.
///
/// Threads    `retire_if_stuck` is the guard's, all others the thread's that runs the unit.
class inline_unit final : public execution_unit {
 public:
  static constexpr std::chrono::seconds penance{1};
  static constexpr int times_max = 3, turns_max = 64;
  static constexpr std::size_t messages_at_a_time = 16;

  inline_unit(caf::actor_system& system, std::chrono::microseconds max);
  /// Has that one go to the scheduler for a minute.
  void mistrust(caf::resumable* job);
  ~inline_unit() override;

  void exec_later(caf::resumable* job) override;
  /// Runs whoever was woken, also by those who run, for a while. False: the unit was retired
  /// meanwhile.
  bool run();
  /// Whether somebody has something left to do.
  bool has_work() const noexcept { return !woken_.empty(); }

  /// What it runs, or ran last.
  caf::resumable* job() const noexcept { return job_.load(std::memory_order_relaxed); }
  bool is_running() const noexcept { return running_.load() != 0; }
  /// Nobody runs it any more: who is woken goes to the scheduler.
  void retire();
  /// Its thread, retired, is about to end.
  void end() noexcept { ended_.store(true, std::memory_order_release); }
  bool has_ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  /// True, once: it has been in one and the same job since the call before.
  bool retire_if_stuck();

 private:
  using clock = std::chrono::steady_clock;
  static constexpr std::uint64_t retired = ~std::uint64_t{0};

  struct woken {
    caf::resumable* job;
    int turns;  // it has had, one behind the other
  };

  bool next(woken& out);
  bool run(woken one);
  bool is_slow(caf::resumable* job);
  void note_time(caf::resumable* job, clock::duration taken, clock::time_point now);
  bool retire_from(std::uint64_t job);
  void to_scheduler(caf::resumable* job);

  const std::chrono::microseconds max_;
  std::uint64_t jobs_ = 0;
  std::atomic<std::uint64_t> running_{0};  // the number of the job; 0: none
  std::atomic<caf::resumable*> job_{nullptr};
  std::atomic<bool> ended_{false};
  std::uint64_t seen_ = 0;  // by the guard
  std::mutex mutex_;        // woken_: the guard takes what a stuck job has left
  std::deque<woken> woken_;

  struct slowness {
    int times = 0;
    clock::time_point until{};
  };
  std::unordered_map<caf::resumable*, slowness> slow_;  // of those who were; never dereferenced
};

}  // namespace hawser::actors::detail
