/// One operation on payloads in one situation, as data: what payload_scenario.hpp plays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hawser::test {

inline constexpr std::size_t payload_chunks = 4;  // of small_bytes
inline constexpr std::size_t payload_slots = 3;   // of the queue
inline constexpr std::size_t small_bytes = 64;
inline constexpr std::size_t large_bytes = 9000;  // there is one of these

/// What the victim does between its marks.
enum class payload_operation {
  loan,        ///< try_loan
  loan_wait,   ///< loan of what is used up; a survivor releases one once it sleeps
  release,     ///< of the payload it came with
  share,       ///< of the payload it came with
  send,        ///< try_push of the payload it came with
  send_wait,   ///< push to a full queue; a survivor takes one out once it sleeps
  lease,       ///< try_lease
  lease_wait,  ///< lease from an empty queue; a survivor sends once it sleeps
  ack,         ///< of the lease it came with
  nack,        ///< likewise
  pop,         ///< try_pop
  pop_wait,    ///< as lease_wait
  sweep,       ///< of the pool, after the occupant's death
  attach,      ///< of the pool
  detach,      ///< of the pool, with a payload held
  open_queue,  ///< over the pool
  close_queue  ///< of a queue of its own, with a payload in it: it is gone
};

/// Whether messages carry further references to payloads.
enum class sharing {
  none,
  kept,    ///< the survivor holds the first reference to each
  dropped  ///< the first reference was released: only the messages' are left
};

/// What the occupant is killed with. From `unsent` on built by hand.
enum class remains {
  none,     ///< no occupant
  owned,    ///< a payload
  sent,     ///< a message in the queue
  leased,   ///< the first message
  unsent,   ///< died in send: on its way, not in the queue
  claimed,  ///< died in ack: says that it takes the first message out, which is leased still
  acked,    ///< died in ack: the message is gone, its payload was not released
  pages,    ///< died in release of a large one: it is free and has its pages
  locked    ///< died in loan: holds the lock
};

/// Who sleeps in another process while the victim operates.
enum class payload_sleeper { nobody, loaner, reader };

struct payload_case {
  std::string name;
  payload_operation what = payload_operation::loan;
  std::size_t before = 0;  ///< messages at the start
  std::size_t held = 0;    ///< payloads that the survivor holds
  std::size_t bytes = small_bytes;
  sharing shared = sharing::none;
  remains corpse = remains::none;
  payload_sleeper other = payload_sleeper::nobody;
  bool keeps = false;  ///< the large one's memory, when it is free

  /// How many payloads of its size there are.
  std::size_t chunks() const { return bytes > small_bytes ? 1 : payload_chunks; }
};

/// Messages of `before` are 1, 2, ...; the others' are these.
inline constexpr std::uint64_t payload_of_victim = 101, payload_of_corpse = 201,
                               payload_of_survivor = 301, payload_of_release = 501,
                               payload_of_later = 601;

/// What may lie in the queue, from "nothing happened" to "complete". `released`: the survivor had
/// helped the sleeping victim on.
std::vector<std::vector<std::uint64_t>> payload_outcomes(const payload_case& c, bool released);

std::vector<payload_case> payload_cases();

}  // namespace hawser::test
