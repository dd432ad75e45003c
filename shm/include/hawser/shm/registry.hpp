/// What channels there are, seen from outside: for tools.
///
/// Looking changes nothing and takes part in nothing: files are opened for reading, no place is
/// taken, no lock is held, nobody is woken or kept waiting. Channels that vanish meanwhile, are
/// half made or half removed, damaged or not ours do no harm: they are left out, or say so.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace hawser::shm {

/// One place in a channel. A process has one for each object that it has open.
struct participant_info {
  unsigned id = 0;
  pid_t pid = 0;
  bool alive = false;       ///< Else it died and will be swept by whoever notices first.
  bool pid_is_ours = true;  ///< Whether `pid` is one of our pid namespace.
  std::chrono::system_clock::time_point since;
};

/// A figure with its name, such as {"pushed", 12}.
struct channel_figure {
  std::string name;
  std::uint64_t value = 0;
};

/// One channel, as it was a moment ago.
struct channel_info {
  std::string name;       ///< As one opens it: "jobs", or "~1001/jobs" of another user.
  std::string kind;       ///< "queue", "pipe", ...; empty if it cannot be told.
  std::string type;       ///< The message type, readable.
  std::size_t bytes = 0;  ///< Of memory, all in all.
  mode_t mode = 0;        ///< Who may open it, as for a file.
  uid_t owner = 0;
  bool kept = false;   ///< Outlives its processes.
  bool stale = false;  ///< Its last process was killed: the next creator replaces it.
  std::chrono::system_clock::time_point created;
  std::vector<participant_info> participants;
  std::vector<channel_figure> details;   ///< What it is like now: "size", "capacity", ...
  std::vector<channel_figure> counters;  ///< Since it was created: "pushed", "waits", ...
  std::string problem;                   ///< Why the rest is missing; empty: nothing is.
};

/// Every channel in /dev/shm, of all users, sorted by owner and name. What may not be read has a
/// `problem`. Arrays in files of their own lie elsewhere, where nobody can know: they are not listed.
///
/// Errors     `no_resources`: no descriptor or memory is left to look with. Others if /dev/shm
///            itself cannot be read. Never for one channel's sake.
/// Blocks     Never.
/// Threads    Any.
[[nodiscard]] std::vector<channel_info> list_channels();

/// The channel of this name, if there is one.
///
/// Errors     `bad_name`; `no_resources`: no descriptor or memory is left to look with.
/// Blocks     Never.
/// Threads    Any.
[[nodiscard]] std::optional<channel_info> find_channel(std::string_view name);

}  // namespace hawser::shm
