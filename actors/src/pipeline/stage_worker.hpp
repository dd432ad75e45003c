/// A worker of a stage that is a process.
#pragma once

#include <hawser/actors/caf_compat.hpp>

#include <cstdint>
#include <string>

namespace hawser::actors::detail {

struct stage_worker_start {
  std::string pipeline;  // what its channels' names begin with
  std::uint32_t stage = 0, worker = 0;
  std::uint32_t slot = 0;  // its words among all
  std::uint32_t stages = 0;
  std::uint32_t retries = 0;
  std::int64_t timeout_ms = 0;
  std::string task;
  std::string next_limit;

  template <class Inspector>
  friend auto inspect(Inspector& f, stage_worker_start& x) {
    HAWSER_INSPECT(f, "hawser::stage_worker_start", x.pipeline, x.stage, x.worker, x.slot, x.stages,
                   x.retries, x.timeout_ms, x.task, x.next_limit);
  }
};

/// The queue before a stage; the results are behind the last one.
std::string queue_name(const std::string& pipeline, std::size_t stage);
std::string slots_name(const std::string& pipeline);

int stage_worker(stage_worker_start with);

}  // namespace hawser::actors::detail
