/// What supervisors tell, and what can be asked.
#pragma once

#include <hawser/actors/child_end.hpp>

#include <caf/actor.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

namespace hawser::actors {

struct supervisor_event {
  enum class kind : std::uint8_t {
    started,     ///< `pid` of a process.
    ended,       ///< `end` says how.
    restarting,  ///< In `delay`; it is the `restarts`th of `restarts_max` within `within`.
    gave_up,     ///< The supervisor `child`, `end` being of the child that died once too often.
  };

  kind what = kind::started;
  std::string child;  ///< With those it is in: `storage/index`.
  pid_t pid = 0;
  child_end end{};
  std::chrono::milliseconds delay{};
  unsigned restarts = 0, restarts_max = 0;
  std::chrono::milliseconds within{};

  template <class Inspector>
  friend auto inspect(Inspector& f, supervisor_event& x) {
    HAWSER_INSPECT(f, "hawser::actors::supervisor_event", x.what, x.child, x.pid, x.end, x.delay,
                   x.restarts, x.restarts_max, x.within);
  }
};

/// `indexer (pid 123): killed by signal 9 (Killed)`, with its last lines below;
/// `indexer: restart in 0 ms, 1 of 5 restarts within 10 s`.
std::string to_string(const supervisor_event& event);

enum class child_state : std::uint8_t {
  stopped,  ///< Not started; or ended, and not to be restarted.
  starting,
  running,
  waiting,  ///< For its restart.
  stopping,
};
std::string to_string(child_state state);

/// A child, as `running_supervisor::children` shows it.
struct child_info {
  enum class kind : std::uint8_t { process, actor, supervisor };

  std::string name;  ///< With those it is in: `storage/index`.
  kind what = kind::process;
  child_state state = child_state::stopped;
  pid_t pid = 0;                                  ///< Of a process that runs; else 0.
  caf::actor actor;                               ///< Of an actor that runs.
  unsigned restarts = 0;                          ///< Since its supervisor was started.
  std::chrono::steady_clock::time_point since{};  ///< When it came into this state.
  std::optional<child_end> last_end;
};

}  // namespace hawser::actors

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_supervisor, 2110)
  CAF_ADD_TYPE_ID(hawser_supervisor, (hawser::actors::supervisor_event))
CAF_END_TYPE_ID_BLOCK(hawser_supervisor)
// clang-format on
HAWSER_REGISTER(hawser_supervisor);
