/// What goes on in a pipeline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hawser::actors {

/// Of one stage. Rates and shares are those of the last `pipeline_metrics::seconds`.
struct stage_metrics {
  std::string name;
  std::size_t workers = 0;
  std::size_t depth = 0, capacity = 0;  ///< What waits before it, and may.
  std::uint64_t done = 0;               ///< Messages worked on. A worker's death may repeat one.
  std::uint64_t dead = 0;               ///< Dead letters.
  std::uint64_t deaths = 0;             ///< Of its workers.
  double per_second = 0;                ///< Messages.
  double utilisation = 0;               ///< 0 to 1: the workers' share of time at work, ...
  double blocked = 0;                   ///< ... and waiting for room in the next queue.
};

struct pipeline_metrics {
  std::string name;
  std::vector<stage_metrics> stages;
  std::uint64_t pushed = 0;    ///< Inputs.
  std::uint64_t taken = 0;     ///< Outcomes, dead letters included: one of each input in the end.
  std::uint64_t dead = 0;      ///< Dead letters among them.
  std::size_t on_the_way = 0;  ///< Inputs whose outcomes have not been taken, ...
  std::size_t window = 0;      ///< ... at most.
  std::size_t waiting = 0;     ///< Results that wait to be taken.
  double seconds = 0;          ///< That rates and shares are of.
  /// The stage that holds up the others; `input` or `output` if it is who pushes or takes.
  std::string bottleneck;
};

/// A line for each stage.
std::string to_string(const pipeline_metrics& metrics);

}  // namespace hawser::actors
