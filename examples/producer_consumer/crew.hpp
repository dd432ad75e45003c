#pragma once

#include "producer.hpp"
#include "word_rule.hpp"
#include <hawser/actors/process.hpp>

#include <caf/actor.hpp>

#include <cstddef>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

namespace producer_consumer {

/// The processes that do the work: a producer and the consumers. When one ends, `listener` gets a
/// hawser::actors::process_down.
class crew {
 public:
  enum class role { producer, consumer, unknown };

  /// The names of the queues.
  struct queues {
    std::string jobs;
    std::string reports;
    std::string hold;  ///< the token for the consumer that is to be killed; empty without one
  };

  explicit crew(caf::actor listener) : listener_(std::move(listener)) {}

  void start_producer(const queues& names, const std::vector<std::string>& paths,
                      const resume_point& resume, bool mark_one);
  void start_consumer(const queues& names, word_rule rule);

  /// Takes leave of a process that has ended. Returns what it was.
  role remove(pid_t pid);

  bool has_producer() const { return static_cast<bool>(producer_); }
  std::size_t consumers() const { return consumers_.size(); }
  bool empty() const { return !producer_ && consumers_.empty(); }

  /// Ends the start of a process that takes its time, now and from now on: those functions throw.
  /// Any thread.
  void give_up_starting() { stop_.request_stop(); }

  /// Kills a consumer. Nothing happens if it has ended.
  void kill(pid_t consumer);

  /// Kills all that are left, and waits until they are gone.
  void kill_all();

 private:
  caf::actor listener_;
  std::stop_source stop_;
  hawser::actors::process producer_;
  std::map<pid_t, hawser::actors::process> consumers_;
};

}  // namespace producer_consumer
