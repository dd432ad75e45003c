/// The tasks of one call of a pool, and where their results go.
#pragma once

#include <hawser/actors/detail/task.hpp>
#include <hawser/actors/task_error.hpp>
#include <hawser/shm/detail/spin.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace hawser::actors {

/// How the tasks of one call are run.
struct task_options {
  /// How many go to a worker at a time; 0: as many as keep it busy for a moment, fewer towards the end.
  std::size_t chunk = 0;
  /// How often a task is tried again whose worker has died of it. 0: it runs once at most.
  std::optional<unsigned> retries{};
  /// A task that takes longer fails, and its worker is killed. 0: none. Not with threads.
  std::chrono::nanoseconds timeout{0};
  /// Called as tasks end, from a thread of the pool: how many of how many. See progress_bar.hpp.
  std::function<void(std::size_t, std::size_t)> progress{};
};

namespace detail {

class job {
 public:
  job(const task_entry& entry, std::size_t count, task_options how)
      : function(entry), tasks(count), options(std::move(how)) {}
  job(const job&) = delete;
  job& operator=(const job&) = delete;
  virtual ~job() = default;

  /// Appends the arguments of a task. Any thread, one at a time; may be asked for again.
  virtual void encode(std::size_t index, byte_buffer& out) = 0;
  /// Takes a result, ...
  virtual void decode(std::size_t index, byte_source from) = 0;
  /// ... or why there is none. Of both one for each task, each by one thread at a time.
  virtual void fail(std::size_t index, std::exception_ptr why) = 0;

  /// The end of so many tasks, behind `decode` or `fail` of each.
  void ended(std::size_t count) {
    const std::size_t before = ended_.fetch_add(count, std::memory_order_acq_rel);
    const std::size_t now = before + count;
    try {
      if (options.progress)
        for (std::size_t n = before + 1; n <= now; ++n) options.progress(n, tasks);
    } catch (...) {
      // It is its user's: the tasks have ended all the same.
    }
    if (now != tasks) return;
    std::vector<std::function<void()>> callbacks;
    {
      const std::scoped_lock hold{mutex_};
      callbacks = take_callbacks();
      all_ended_.store(true, std::memory_order_release);
      changed_.notify_all();
    }
    for (const auto& one : callbacks) {
      try {
        one();  // it may ask for the results
      } catch (...) {
        // Its user's, as well.
      }
    }
  }
  bool has_ended() const noexcept { return ended_.load(std::memory_order_acquire) == tasks; }
  void wait() {
    // A short task's result is there before this thread would be asleep.
    const auto began = std::chrono::steady_clock::now();
    if (spin_.until([&] { return is_over(); })) return;
    std::unique_lock hold{mutex_};
    changed_.wait(hold, [&] { return is_over(); });
    spin_.slept(std::chrono::steady_clock::now() - began);
  }
  bool wait_until(std::chrono::steady_clock::time_point end) {
    std::unique_lock hold{mutex_};
    return changed_.wait_until(hold, end, [&] { return is_over(); });
  }

  const task_entry& function;
  const std::size_t tasks;
  const task_options options;

  // The scheduler's, under its mutex.
  std::size_t next = 0;           // the first that was never given out
  std::deque<std::size_t> again;  // given out to workers that died before they began
  /// Of one of each group a worker has died: a worker gets nothing else beside it. If that one dies,
  /// too, there will be two groups of half the size.
  std::deque<std::vector<std::size_t>> suspects;
  std::map<std::size_t, unsigned> deaths;
  std::size_t chunk_now = 1;
  double task_ns = 0;  // on average, lately
  bool cancelled = false;

  bool has_more() const noexcept { return next < tasks || !again.empty() || !suspects.empty(); }

 protected:
  /// Those that wait for the end. Under the mutex, once.
  virtual std::vector<std::function<void()>> take_callbacks() { return {}; }
  std::mutex mutex_;
  std::condition_variable changed_;

 private:
  bool is_over() const noexcept { return all_ended_.load(std::memory_order_acquire) || tasks == 0; }

  std::atomic<std::size_t> ended_{0};
  std::atomic<bool> all_ended_{false};
  inline static shm::detail::adaptive_spin spin_;  // all calls of this process learn together
};

}  // namespace detail
}  // namespace hawser::actors
