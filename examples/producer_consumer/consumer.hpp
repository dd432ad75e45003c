#pragma once

#include "count_file.hpp"
#include "job.hpp"
#include "messages.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/shm/queue.hpp>

#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/result.hpp>

#include <cstdint>
#include <string>

namespace producer_consumer {

/// One consumer: the actor that a process of its own is. It counts the files that the queue of
/// jobs hands it. A job is gone from that queue when its handler returns: then its outcome is in
/// the queue of reports.
class consumer : public caf::event_based_actor {
 public:
  /// The queue `hold_name` has one token, if a consumer is to be killed: who meets the marked job
  /// and gets the token holds that job until it is killed.
  consumer(caf::actor_config& config, std::string jobs_name, std::string reports_name,
           std::string hold_name, std::uint32_t rule);

  const char* name() const override { return "consumer"; }

 protected:
  caf::behavior make_behavior() override;

 private:
  caf::result<void> count(const job& one);
  bool is_to_hold(const job& one) const;

  std::string jobs_name_;
  std::string hold_name_;
  hawser::shm::queue<report> reports_;
  file_counter files_;
};

HAWSER_PROCESS_ACTOR(consumer, std::string, std::string, std::string, std::uint32_t);

}  // namespace producer_consumer
