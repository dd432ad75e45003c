/// How a pipeline and its stages work.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace hawser::actors {

struct pipeline_options {
  std::string name = "pipeline";
  /// Outcomes come in the order of the inputs; else as they are ready.
  bool ordered = true;
  /// Inputs whose outcomes have not been taken, at most: who pushes more waits. It bounds what is kept
  /// while an earlier input is awaited. 0: as many as all queues and workers hold.
  std::size_t window = 0;
  std::size_t capacity = 64;                 ///< Results that wait to be taken.
  std::size_t message_bytes_max = 64 << 10;  ///< Of a result.
};

struct stage_options {
  std::size_t workers = 1;  ///< 0: as many as there are CPUs.
  /// A task (HAWSER_TASK) is run by threads of this process, as any other function is: what it does to
  /// memory it does to ours, one that crashes is the end of the process, and there is no timeout.
  bool threads = false;
  std::size_t capacity = 64;                 ///< What waits to be worked on, at most, ...
  std::size_t message_bytes_max = 64 << 10;  ///< ... and each of it. All is memory from the start.
  unsigned retries = 2;  ///< Of a message whose worker dies. Then it is a dead letter.
  /// A message that takes longer kills its worker (by SIGALRM, which it has to leave alone). 0: none.
  std::chrono::milliseconds timeout{0};
};

}  // namespace hawser::actors
