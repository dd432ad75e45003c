/// One operation of a queue in one situation, as data: what queue_scenario.hpp plays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hawser::test {

inline constexpr std::size_t case_capacity = 4;

/// What the victim does between its marks.
enum class operation {
  push,         ///< try_push of one message
  push_wait,    ///< push on a full queue; a survivor makes room once it sleeps
  push_batch,   ///< try_push_batch of three
  pop,          ///< try_pop
  pop_wait,     ///< pop on an empty queue; a survivor pushes once it sleeps
  lease,        ///< try_lease
  lease_wait,   ///< lease, as pop_wait
  lease_batch,  ///< try_lease_batch of three
  ack,          ///< of the lease it came with
  nack,         ///< likewise
  close,
  attach,  ///< open_only
  detach,  ///< the destructor
  sweep,   ///< of the occupant, which was killed before
};

/// What is in the way.
enum class obstacle {
  none,
  lease,     ///< a survivor's lease from the lap before: the next push skips its slot
  returned,  ///< the first message was given back: it is not found at head
};

/// What the occupant is killed with. All but `lease` are built by hand.
enum class leftover {
  none,       ///< no occupant
  lease,      ///< the first message
  pushed,     ///< died in push, after the commit: lock held, tail behind
  staged,     ///< died in push_batch, before the commit: lock held, junk behind tail
  leased,     ///< died in lease, after the commit: lock held, head behind
  popped,     ///< died in pop, after the commit: lock held, head behind
  both_locks  ///< died holding both
};

/// Who sleeps on the queue in another process while the victim operates.
enum class sleeping {
  nobody,
  popper,
  leaser,  ///< acknowledges what it gets
  pusher,
  undertaker,    ///< pops from the dead letters
  watcher,       ///< no thread of it sleeps: a callback says that there is something to pop
  space_watcher  ///< likewise, that there is room to push
};

struct queue_case {
  std::string name;
  operation what = operation::push;
  std::size_t before = 0;  ///< messages at the start
  obstacle way = obstacle::none;
  leftover corpse = leftover::none;
  sleeping other = sleeping::nobody;
  bool closed = false;  ///< the victim closes it before it operates
  unsigned attempts_max = 0;
};

/// What may be found after the victim was killed.
struct queue_outcome {
  std::vector<std::uint64_t> messages;  ///< in the order they are to be delivered
  std::vector<std::uint64_t> letters;   ///< in the dead-letter queue
  bool closed = false;
};

/// Messages of `before` are 1, 2, ...; the others' are these.
inline constexpr std::uint64_t of_victim = 101;  // and the next ones of a batch
inline constexpr std::uint64_t of_corpse = 201;
inline constexpr std::uint64_t of_survivor = 301;
inline constexpr std::uint64_t of_sleeper = 401;
inline constexpr std::uint64_t of_release = 501;

/// The allowed outcomes, from "nothing happened" to "complete". `released`: the survivor had
/// helped the sleeping victim on.
std::vector<queue_outcome> outcomes_of(const queue_case& c, bool released);

/// Outcome number `outcome` of `count`, for people.
std::string words_of(const queue_case& c, int outcome, int count);

/// All cases; the first part runs with fixed and with variable messages, the second with fixed.
std::vector<queue_case> cases_for_all_types();
std::vector<queue_case> cases_for_fixed_messages();

}  // namespace hawser::test
