/// One operation of a pipe in one situation, as data: what pipe_scenario.hpp plays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hawser::test {

/// Small, so that a few messages fill it and go round: parts have up to 56 bytes.
inline constexpr std::size_t pipe_case_ring = 256;
inline constexpr std::size_t pipe_huge_bytes = 600;

/// What the victim, who holds one end, does between its marks.
enum class pipe_operation {
  send,        ///< try_send of one message
  send_wait,   ///< send on a full ring; the survivor takes something once it sleeps
  send_batch,  ///< try_send_batch of three
  send_parts,  ///< try_send of a message of three records
  send_huge,  ///< send of a message larger than the ring; the survivor takes parts whenever it sleeps
  receive,    ///< try_receive
  receive_wait,  ///< receive on an empty ring; the survivor sends once it sleeps
  read,          ///< try_read, and the end of the view
  read_batch,    ///< try_read_batch of three
  close,
  close_sending,
  attach,  ///< open_only
  detach,  ///< the destructor
  sweep,   ///< of the occupant, which held the other end and was killed; by a third process
};

/// Who sleeps at the other end while the victim operates. Without one, the survivor holds it.
enum class pipe_sleeping {
  nobody,
  receiver,
  sender,         ///< has filled the ring towards the victim
  watcher,        ///< no thread of it sleeps: a callback says that there is something to receive
  space_watcher,  ///< likewise, that there is room again
  waiter,         ///< waits for the victim to come
};

struct pipe_case {
  std::string name;
  pipe_operation what = pipe_operation::send;
  std::size_t out_taken = 0;  ///< messages that the victim has sent, and the survivor received
  std::size_t out_left = 0;   ///< ... and that wait still
  std::size_t in_taken = 0;   ///< messages that the victim has received
  std::size_t in_left = 0;    ///< ... that wait for it
  std::size_t bytes = 40;     ///< of each: records of 48, so that the sixth needs a pad
  pipe_sleeping other = pipe_sleeping::nobody;
  bool parts = false;     ///< in_left are messages of three records
  bool nameless = false;  ///< the name is removed when both ends are taken
  bool peer_closed = false;
};

/// Messages that are sent before are 1, 2, ...; the others' are these.
inline constexpr std::uint64_t pipe_of_victim = 101;  // and the next ones of a batch
inline constexpr std::uint64_t pipe_of_corpse = 201;
inline constexpr std::uint64_t pipe_of_release = 301;
inline constexpr std::uint64_t pipe_in_parts = 1000, pipe_huge = 2000;  // added to a number

/// A message that shows whether it is whole: 150 bytes in parts, 600 if huge, else `bytes`.
std::string pipe_message_of(std::uint64_t id, std::size_t bytes);
/// Its number; `torn` if it is not what pipe_message_of makes.
std::uint64_t pipe_id_of(std::string_view message, std::size_t bytes);

/// What the other end may receive after the victim was killed, from "nothing happened" to
/// "complete".
std::vector<std::vector<std::uint64_t>> pipe_outcomes_of(const pipe_case& c);

std::vector<pipe_case> pipe_cases();

}  // namespace hawser::test
