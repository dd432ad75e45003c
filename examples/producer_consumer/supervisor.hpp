#pragma once

#include "crew.hpp"
#include "display.hpp"
#include "job.hpp"
#include "messages.hpp"
#include "options.hpp"
#include "unreadable.hpp"
#include "word_rule.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/shm/queue.hpp>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace producer_consumer {

/// The process the user has started: it starts the others, starts them anew when they are killed,
/// and says what came of it all.
///
/// The job goes in rounds, each with a queue of jobs of its own. The first round is the last one,
/// unless the producer is killed: then what it has queued is finished, and the producer of the
/// next round goes on from there.
class supervisor {
 public:
  supervisor(caf::actor_system& system, const options& chosen);
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;
  ~supervisor();

  /// Ends `run` because of this signal; to be called by any thread.
  void stop(int signal);

  /// Does the job. Returns the program's exit status.
  int run();

 private:
  using clock = std::chrono::steady_clock;

  struct killing {
    pid_t consumer = 0;
    std::string path;
    std::int64_t killed_ns = 0;  ///< on CLOCK_MONOTONIC
    std::optional<std::int64_t> taken_again_ns;
  };

  crew::queues queues() const;
  void start_round();
  void start_missing_consumers();
  void start(const std::function<void()>& one);
  bool may_replace();
  void end_round_if_over();
  bool receive_until(clock::time_point time);

  void on_down(const hawser::actors::process_down& down);
  void on_producer_down(const hawser::actors::process_down& down);
  void on_consumer_down(const hawser::actors::process_down& down);
  void on_collected(const collected& news);
  void on_holding(const holding& news);
  void on_settled(const settled& news);

  double seconds() const;
  void show();
  int status_of_broken_output() const;
  void end(int exit_status, const std::string& why = {});
  void say_result();

  const options& options_;
  display display_;
  caf::scoped_actor self_;
  caf::actor listener_;
  clock::time_point started_ = clock::now();
  std::string name_;
  word_rule rule_ = word_rule::non_blank;

  hawser::shm::queue<report> reports_;
  std::optional<hawser::shm::queue<job>> jobs_;
  std::optional<hawser::shm::queue<std::uint32_t>> hold_;
  caf::actor collector_;
  crew crew_;

  unsigned rounds_ = 0;
  resume_point resume_;
  unsigned fruitless_deaths_ = 0;  ///< since the last job was done
  std::optional<killing> killing_;
  unreadable unreadable_;
  progress so_far_;
  bool all_ = false;
  clock::time_point all_at_;
  std::atomic<int> stop_signal_{0};
  std::optional<int> exit_status_;
  std::string why_;
};

}  // namespace producer_consumer
