/// What a worker of a stage does, be it a process or a thread.
#pragma once

#include "envelope.hpp"
#include "stage_slot.hpp"
#include <hawser/actors/detail/pipeline_run.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace hawser::actors::detail {

struct stage_place {
  message_queue& given;
  message_queue& next;     // the next stage's; behind the last one, the results
  message_queue& results;  // where dead letters go
  std::span<std::uint64_t> slot;
  std::uint32_t stage = 0;
  unsigned retries = 0;
  std::string next_limit;  // whose message_bytes_max it is that bounds what this stage makes
};

/// Works on messages until there are no more: the queue is closed and drained, or a queue that it
/// pushes into is closed; or until `stops`, when what it has taken goes back.
///
/// A message is acknowledged when what it has become lies in the next queue: killed anywhere, it is
/// there once, or the same message comes again from the same place, and is recognised by its number.
void work_on_stage(const stage_place& place, const stage_function& run,
                   const std::atomic<bool>& stops);

}  // namespace hawser::actors::detail
