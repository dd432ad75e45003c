/// The workers of a pool: processes, or threads of this one.
#pragma once

#include "scheduler.hpp"
#include <hawser/actors/worker_pool.hpp>

#include <caf/actor_system.hpp>

#include <memory>
#include <string>
#include <vector>

namespace hawser::actors::detail {

/// Keeps as many workers as there are to be, and tells the scheduler of them.
class crew {
 public:
  crew() = default;
  crew(const crew&) = delete;
  virtual ~crew() = default;

  /// Ends all workers, when nothing is given out any more. Once.
  virtual void end(bool at_once) = 0;
  virtual std::vector<pid_t> pids() const = 0;
  /// The system over which they are talked to; nullptr: they are threads.
  virtual caf::actor_system* system() = 0;
};

struct crew_settings {
  std::size_t workers;
  std::size_t memory_limit;
  std::int64_t cpu_limit_s;
  byte_buffer initializer;  // a chunk of one task; empty: none
  std::string name;
};

std::unique_ptr<crew> make_thread_crew(scheduler& of, const crew_settings& settings);
/// In a system of its own, if there is none.
std::unique_ptr<crew> make_process_crew(scheduler& of, const crew_settings& settings,
                                        caf::actor_system* system);

}  // namespace hawser::actors::detail
