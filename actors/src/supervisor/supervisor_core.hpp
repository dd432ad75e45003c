/// A supervisor that runs: one thread, which alone starts, stops and restarts its children.
///
/// Everybody else leaves word for that thread: that a life of a child has ended, that it is to stop,
/// or something to do. Lives have numbers, so that what is said about an old one is not taken for
/// the present one.
#pragma once

#include "restart_policy.hpp"
#include <hawser/actors/detail/child_run.hpp>
#include <hawser/shm/error.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace hawser::actors::detail {

struct supervisor_plan {
  restart_strategy strategy;
  supervisor_options options;
  std::vector<child_spec> children;
  std::vector<std::function<void(const supervisor_event&)>> listeners;

  /// Errors     hawser::error, as of `supervisor`.
  void add(child_spec spec);
};

/// While an event callback runs on this thread: it cannot wait for a supervisor.
bool in_event_callback() noexcept;

class supervisor_core {
 public:
  supervisor_core(supervisor_plan plan, tree_place place);
  ~supervisor_core();
  supervisor_core(const supervisor_core&) = delete;

  /// Errors     hawser::error: of the child that could not start. Then it has ended.
  void start(const std::stop_token& give_up);
  /// Calls back when it has ended, or at once; on its thread, which has nothing more to do then.
  void on_end(std::function<void()> ended);
  void stop();
  std::optional<child_end> wait_until(supervisor_clock::time_point deadline);
  std::vector<child_info> children() const;

  void add(child_spec spec);
  void stop_child(std::string_view name);
  void restart_child(std::string_view name);
  void remove_child(std::string_view name);

 private:
  using time_point = supervisor_clock::time_point;
  struct child {
    child_spec spec;
    restart_delay delay;
    std::unique_ptr<child_run> run{};  // a life that has not been taken leave of
    std::uint64_t life = 0;
    child_state state = child_state::stopped;
    time_point since = supervisor_clock::now();
    std::optional<time_point> due{};  // its restart, and that of all that wait with it
    bool is_hung = false;
    bool stopped_by_user = false;
    unsigned restarts = 0;
    std::optional<child_end> last_end{};
  };
  using child_pointer = std::unique_ptr<child>;

  /// What is left for the thread; outlives us in the hands of children that end late.
  struct inbox {
    std::mutex mutex;
    std::condition_variable changed;
    bool stop = false;
    bool closed = false;  // nothing is done any more
    std::set<std::uint64_t> ended;
    std::vector<std::function<void()>> jobs;
  };

  void thread_main();
  bool start_all();
  void supervise();
  std::optional<time_point> next_wake() const;
  void take_ended(std::uint64_t life);
  void restart_due();
  void look_for_hung();
  void try_restart(std::size_t index);
  void schedule(std::size_t index, const child_end& why);
  void give_up(const child_end& last);
  void finish();

  void start_one(child& one);
  void stop_one(child& one);
  bool await_life(const child& one, std::chrono::milliseconds timeout);
  void stop_others(const child& but, child_range range);
  void record_end(child& one, child_end end);
  void set_state(child& one, child_state state);
  void forget(const child& one);
  std::size_t index_of(const child& one) const;
  child& find(const char* operation, std::string_view name);
  /// Of `storage/index`: storage, and `name` is index. Nothing: the name is of one of ours.
  std::shared_ptr<supervisor_core> subtree_of(const char* operation, std::string_view& name);
  void in_thread(const char* operation, std::string_view name, std::function<void()> job);
  void tell(supervisor_event event) const;
  std::string own_name() const;
  bool is_done() const;

  const restart_strategy strategy_;
  const supervisor_options options_;
  const tree_place place_;
  const std::shared_ptr<inbox> inbox_ = std::make_shared<inbox>();
  std::stop_source give_up_starts_;
  restart_intensity intensity_;
  std::minstd_rand chance_{std::random_device{}()};
  std::uint64_t lives_ = 0;

  // Changed by the thread alone, under the mutex; others look.
  mutable std::mutex mutex_;
  std::vector<child_pointer> children_;

  // Under end_mutex_.
  std::mutex end_mutex_;
  std::condition_variable end_changed_;
  bool is_started_ = false;
  std::exception_ptr start_failed_;
  std::optional<child_end> end_;  // being decided, by the thread, until is_over_
  bool is_over_ = false;
  std::function<void()> on_end_;

  std::thread thread_;
};

}  // namespace hawser::actors::detail
