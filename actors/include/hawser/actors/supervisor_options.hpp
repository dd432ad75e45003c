/// What a supervisor does when a child has ended.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace hawser::actors {

/// Who is restarted with a child that is. All are stopped in the reverse of their order, and started
/// in it.
enum class restart_strategy : std::uint8_t {
  one_for_one,   ///< Nobody.
  one_for_all,   ///< All.
  rest_for_one,  ///< Those that were started after it.
};

/// When a child is restarted.
enum class restart_when : std::uint8_t {
  permanent,  ///< However it has ended.
  transient,  ///< When its end was abnormal.
  temporary,  ///< Never; it is forgotten, also when others' ends have stopped it.
};

using enum restart_strategy;
using enum restart_when;

/// How long a restart waits. The first one is at once; each further one of the same child takes
/// longer, until it has lived for `reset_after`.
struct restart_backoff {
  std::chrono::milliseconds first{20};  ///< Of the second restart; doubled for each after it.
  std::chrono::milliseconds longest{5'000};
  double jitter = 0.25;  ///< A random part of the delay, up to this, is left out. 0 to 1.
  std::chrono::milliseconds reset_after{10'000};
};

struct supervisor_options {
  /// More than so many restarts within that time, and the supervisor gives up: it stops all children,
  /// and its own supervisor deals with it as with any child.
  unsigned restarts = 3;
  std::chrono::milliseconds within{5'000};
  restart_backoff backoff{};
  bool ends_when_done = false;  ///< It ends, normally, when no child runs or is to be restarted.
};

/// Of any child.
struct child_options {
  restart_when restart = permanent;
  /// From the request to end (SIGTERM; an exit message) to the end by force (SIGKILL; `kill`). A
  /// supervisor takes as long as its children do.
  std::chrono::milliseconds stop_timeout{2'000};
};

/// Of a process.
struct process_child_options {
  restart_when restart = permanent;
  std::chrono::milliseconds stop_timeout{2'000};
  /// It is started when it has called `this_process::ready()`; else when its function is called.
  bool await_ready = false;
  std::chrono::milliseconds start_timeout{10'000};
  /// Killed, as `hung`, if it has not called `this_process::alive()` for so long; one that has never
  /// called it, if it has been stopped (SIGSTOP) for so long. 50 ms or more; 0: is not looked for.
  std::chrono::milliseconds hang_timeout{0};
  /// So many of the last lines of its standard output and error are kept, of 16 KiB at most. 0: its
  /// output is none of our business, and is ours.
  std::size_t keep_lines = 0;
  /// What is kept is also written to our own standard output and error. When those are not read, up
  /// to 1 MiB of it waits; more is dropped, and how much is said: no child ever waits for it.
  bool pass_on = true;
};

}  // namespace hawser::actors
