/// How a child of a supervisor has ended.
#pragma once

#include <hawser/actors/caf_compat.hpp>
#include <hawser/actors/exit_status.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hawser::actors {

enum class end_kind : std::uint8_t {
  normal,     ///< Exit code 0; an actor's `normal` or `user_shutdown`; a supervisor that was done.
  stopped,    ///< Its supervisor has stopped it: a shutdown, or another child's end.
  code,       ///< Another exit code; an actor that quit with an error.
  exception,  ///< An exception escaped.
  signal,     ///< A signal that we did not send.
  out_of_memory,  ///< std::bad_alloc escaped, or the kernel killed it as memory ran out.
  hung,           ///< No sign of life for `hang_timeout`: we have killed it.
  start_failed,   ///< It could not be started, or was not ready in time.
  gave_up,        ///< A supervisor whose children died too often.
  unknown,        ///< Nobody knows (see exit_status::is_unknown).
};

struct child_end {
  std::string name;
  end_kind kind = end_kind::unknown;
  std::string text;                      ///< In words: `killed by signal 9 (Killed)`.
  pid_t pid = 0;                         ///< Of a process that was started; else 0.
  exit_status status;                    ///< Of a process.
  std::vector<std::string> last_output;  ///< The last lines that it wrote, if they are kept.

  /// Neither `normal` nor `stopped`: a transient child is restarted.
  bool is_abnormal() const noexcept { return kind > end_kind::stopped; }

  template <class Inspector>
  friend auto inspect(Inspector& f, child_end& x) {
    HAWSER_INSPECT(f, "hawser::actors::child_end", x.name, x.kind, x.text, x.pid, x.status,
                   x.last_output);
  }
};

/// `out of memory`, ...
std::string to_string(end_kind kind);
/// `indexer (pid 123): killed by signal 9 (Killed)`.
std::string to_string(const child_end& end);

}  // namespace hawser::actors
