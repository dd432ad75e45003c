/// A pipeline's queues, workers and bookkeeping.
#pragma once

#include "envelope.hpp"
#include "reorder_window.hpp"
#include "stage_slot.hpp"
#include <hawser/actors/detail/pipeline_run.hpp>
#include <hawser/actors/supervisor.hpp>
#include <hawser/shm/array.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace hawser::actors::detail {

/// Locks are taken in this order: push_turn_ or pop_turn_, then mutex_.
class pipeline_run::engine {
 public:
  explicit engine(pipeline_plan plan);
  engine(const engine&) = delete;
  ~engine() { terminate(); }

  std::optional<std::uint64_t> push(byte_buffer& message, const pipeline_deadline& until);
  std::optional<std::uint64_t> try_push(byte_buffer& message);
  std::optional<raw_outcome> pop(const pipeline_deadline& until, bool or_progress);
  bool is_over() const;
  void close();
  void terminate();
  pipeline_metrics metrics() const;
  pipeline_metrics recent_metrics();
  std::vector<pid_t> worker_pids(const std::string& stage) const;

 private:
  using clock = std::chrono::steady_clock;

  struct stage_state {
    std::size_t slot = 0;  // its first worker's
    std::uint64_t deaths = 0;
    std::uint64_t done_at_death = 0;
    unsigned fruitless = 0;  // deaths in a row between which it got nothing done
  };
  struct worker_place {
    std::uint32_t stage, worker;
  };
  struct death {
    unsigned count = 0;
    pid_t pid = 0;
    exit_status status;
  };
  struct totals {
    clock::time_point began, ended;  // to be read
    std::vector<stage_slot::reading> stages;
  };

  // engine_start.cpp
  void check() const;
  void make_queues();
  void start_threads();
  void start_processes();
  std::size_t workers_of(std::size_t stage) const;
  std::string next_limit(std::size_t stage) const;
  void run_thread(std::uint32_t stage, std::uint32_t worker);
  // engine_deaths.cpp
  void hear(const supervisor_event& event);
  void record_death(const worker_place& place, const child_end& end);
  death death_of(std::uint64_t number, unsigned count);
  std::uint64_t first_kept_death() const;  // under mutex_

  void make_sure_it_runs() const;  // under mutex_
  bool has_all() const;            // under mutex_
  std::optional<raw_outcome> take_next(bool& over);
  bool receive(const pipeline_deadline& until);
  raw_outcome decoded(const byte_buffer& bytes);
  void break_off(const std::string& why);
  void close_queues();
  std::span<std::uint64_t> slot(std::size_t stage, std::size_t worker) const;
  totals totals_now() const;
  pipeline_metrics metrics_between(const totals& begin, const totals& end) const;  // under mutex_

  const pipeline_plan plan_;
  const std::string name_;  // of its channels
  std::vector<std::unique_ptr<message_queue>>
      queues_;  // before each stage; the results are the last
  std::optional<shm::array<std::uint64_t>> slots_;

  std::timed_mutex push_turn_, pop_turn_;
  mutable std::mutex mutex_;
  std::condition_variable room_, died_;
  std::optional<reorder_window<byte_buffer>> window_;
  std::uint64_t pushed_ = 0, dead_ = 0;
  bool closed_ = false, terminated_ = false;
  std::string broken_;  // why it cannot go on
  std::vector<stage_state> stages_;
  std::map<std::uint64_t, death> deaths_;  // of workers that had this message
  totals first_, last_;  // at the start, and when recent metrics were last asked for

  std::mutex end_;
  std::map<std::string, worker_place> processes_;  // by the names of the supervisor's children
  std::atomic<bool> stops_{false};
  std::vector<std::thread> threads_;
  std::optional<running_supervisor> tree_;
};

}  // namespace hawser::actors::detail
