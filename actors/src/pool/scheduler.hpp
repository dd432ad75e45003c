/// Which task goes to which worker, and what becomes of it when the worker dies.
#pragma once

#include <hawser/actors/detail/job.hpp>
#include <hawser/actors/exit_status.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hawser::actors::detail {

/// A worker, as the scheduler sees it. Its functions return at once.
class worker_link {
 public:
  worker_link() = default;
  worker_link(const worker_link&) = delete;
  virtual ~worker_link() = default;

  /// Chunks of tasks, encoded (chunk_code.hpp). Their results come in order, to `scheduler::results`.
  virtual void give(byte_buffer&& chunks, references&& with) = 0;
  /// Let it end; it has nothing to do.
  virtual void stop() = 0;
  virtual void kill() = 0;
};

/// Results that a worker has sent: some of what it was given, in order.
struct worker_report {
  byte_buffer results;
  references with;
  std::uint64_t busy_ns = 0;  // what they took
};

struct scheduler_counts {
  std::uint64_t done = 0, failed = 0, retried = 0, lost = 0;
  std::uint64_t workers_died = 0, chunks = 0;
  std::size_t waiting = 0, running = 0, workers = 0, idle_workers = 0;
};

/// Workers are given as much as keeps them busy for about a millisecond, so that short tasks are
/// not one by one, and a long one delays none behind it. What a dead worker may have begun
/// is run apart from then on, in ever smaller groups: so the task that kills is found, and no other pays
/// for it.
///
/// Threads    Any. Jobs are called without its mutex.
class scheduler {
 public:
  using clock = std::chrono::steady_clock;

  struct settings {
    std::size_t workers = 1;
    unsigned retries = 2;
    std::size_t tasks_of_worker_max = 0;
  };
  explicit scheduler(settings of) : settings_(of) {}

  /// Errors     hawser::error `not_supported`: the pool is closed.
  void submit(const std::shared_ptr<job>& work);
  /// Whether it had not been given to a worker: it fails then.
  bool cancel(const std::shared_ptr<job>& work);

  void worker_is_up(std::uint64_t worker, pid_t pid, std::shared_ptr<worker_link> link);
  void results(std::uint64_t worker, const worker_report& report);
  /// What it was given is given to others.
  void worker_is_down(std::uint64_t worker, const exit_status& how);

  /// Kills the workers of tasks that have had their time. Returns whether any task has a limit.
  bool look_at_clock();

  /// From now on nothing more is taken.
  void close();
  /// Waits until all that was submitted has ended.
  void wait_idle();
  /// Nothing is given out any more; all that has no result fails.
  void abandon(const std::string& why);
  bool is_closed() const;
  scheduler_counts counts() const;

 private:
  struct chunk {
    std::shared_ptr<job> work;
    std::vector<std::size_t> tasks;
    std::vector<std::shared_ptr<const void>> kept;
    std::uint64_t message = 0;  // that it went with
    std::size_t ended = 0, bytes = 0;
    bool alone = false, timed_out = false;
    clock::time_point begun{};
  };
  struct worker {
    pid_t pid = 0;
    std::shared_ptr<worker_link> link;
    std::deque<chunk> given;
    std::size_t tasks = 0;  // that it was given in its life
    std::uint64_t messages = 0;
    bool retiring = false;
  };
  /// What is to be told to jobs, without the mutex.
  struct outcome {
    job* work;
    std::size_t index;
    std::exception_ptr failed;
    byte_source result{nullptr, 0};
  };
  struct outcomes {
    void add(const std::shared_ptr<job>& work, std::size_t index, std::exception_ptr failed,
             byte_source result = {nullptr, 0}) {
      if (jobs.empty() || jobs.back() != work) jobs.push_back(work);
      all.push_back({work.get(), index, std::move(failed), result});
    }
    std::vector<outcome> all;
    std::vector<std::shared_ptr<job>> jobs;  // of theirs: kept until they are told
  };

  void feed(worker& one, outcomes& failures);
  void feed_idle(outcomes& failures);
  bool has_enough(const worker& one, double of) const;
  bool may_have_more(const worker& one) const {
    return !abandoned_ && !one.retiring && one.link != nullptr;
  }
  bool take_chunk(const worker& one, chunk& out);
  std::size_t chunk_size(const job& work) const;
  bool encode(chunk& tasks, byte_buffer& out, references& with, outcomes& failures) const;
  static void fail_rest(const std::shared_ptr<job>& work, const std::string& why,
                        outcomes& failures);
  void put_back(const std::shared_ptr<job>& work);
  void lose(worker& of, const exit_status& how, outcomes& failures);
  void tell(const outcomes& all, const references& with);
  unsigned retries_of(const job& work) const {
    return work.options.retries.value_or(settings_.retries);
  }
  /// Whether a worker has one of these at a time.
  bool goes_alone(const job& work) const {
    return work.options.timeout.count() > 0 || retries_of(work) == 0;
  }

  const settings settings_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<std::shared_ptr<job>> jobs_;  // with tasks to give out
  std::map<std::uint64_t, worker> workers_;
  std::size_t unended_ = 0;  // tasks
  bool closed_ = false, abandoned_ = false;
  std::string why_abandoned_;
  scheduler_counts counts_;
};

}  // namespace hawser::actors::detail
