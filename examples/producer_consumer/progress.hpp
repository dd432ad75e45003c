#pragma once

#include "count.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include <sys/types.h>

namespace producer_consumer {

/// One consumer, as far as its reports have come in.
struct consumer_progress {
  pid_t pid = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

/// How far the job is.
struct progress {
  std::uint64_t files = 0;       ///< counted
  std::uint64_t unreadable = 0;  ///< files and directories
  totals counted;
  std::uint64_t queued = 0;  ///< jobs the producer has queued
  bool walked = false;       ///< and these are all
  std::size_t queue_depth = 0;
  std::size_t queue_capacity = 0;
  double seconds = 0;
  std::vector<consumer_progress> consumers;
};

}  // namespace producer_consumer
