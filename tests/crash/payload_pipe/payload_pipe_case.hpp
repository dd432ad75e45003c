/// One operation on payloads in a pipe in one situation, as data: what payload_pipe_scenario.hpp
/// plays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hawser::test {

inline constexpr std::size_t pp_chunks = 12;  // of pp_small bytes
inline constexpr std::size_t pp_room = 7;     // messages in each direction
inline constexpr std::size_t pp_small = 64;
inline constexpr std::size_t pp_large = 9000;  // there are two of these

/// What the victim, who holds one end, does between its marks.
enum class payload_pipe_operation {
  send,          ///< try_send of the payload it came with
  send_wait,     ///< send to a full pipe; the survivor receives one once it sleeps
  receive,       ///< try_receive; it holds what it gets
  receive_wait,  ///< receive from an empty pipe; the survivor sends once it sleeps
  close,
  close_sending,
  attach,  ///< open_only
  detach,  ///< the destructor
  sweep    ///< of the pool, by a third process, after the occupant's death
};

/// What the occupant is killed with.
enum class payload_pipe_remains {
  none,  ///< no occupant
  end,   ///< the victim's end, and what it has received, if there was something
  both   ///< both ends of another pipe, with two payloads in each direction
};

/// Who sleeps in another process while the victim operates.
enum class payload_pipe_sleeper {
  nobody,
  receiver,  ///< at the other end, which the survivor has not then
  sender,    ///< likewise; it has filled the pipe
  loaner     ///< for one of the chunks, which are all in use
};

struct payload_pipe_case {
  std::string name;
  payload_pipe_operation what = payload_pipe_operation::send;
  std::size_t out = 0;   ///< messages of the victim that wait for the survivor
  std::size_t in = 0;    ///< messages that wait for the victim
  std::size_t held = 0;  ///< payloads that the survivor holds
  std::size_t bytes = pp_small;
  payload_pipe_remains corpse = payload_pipe_remains::none;
  payload_pipe_sleeper other = payload_pipe_sleeper::nobody;

  /// How many payloads of its size there are.
  std::size_t chunks() const { return bytes > pp_small ? 2 : pp_chunks; }
  /// Whether the other end is the sleeper's.
  bool sleeper_has_end() const {
    return other == payload_pipe_sleeper::receiver || other == payload_pipe_sleeper::sender;
  }
};

/// Messages that are sent before are these and the next ones.
inline constexpr std::uint64_t pp_in = 1, pp_out = 11, pp_held = 301;
inline constexpr std::uint64_t pp_of_victim = 101, pp_of_release = 501, pp_of_later = 601;

/// What the other end may receive, from "nothing happened" to "complete".
std::vector<std::vector<std::uint64_t>> payload_pipe_outcomes(const payload_pipe_case& c);

std::vector<payload_pipe_case> payload_pipe_cases();

}  // namespace hawser::test
