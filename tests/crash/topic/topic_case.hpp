/// One operation of a topic in one situation, as data: what topic_scenario.hpp plays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hawser::test::on_topic {

inline constexpr std::size_t capacity = 4;

/// What the victim does between its marks.
enum class operation {
  publish,        ///< try_publish of one message
  publish_wait,   ///< publish; a survivor takes a message once it sleeps
  publish_on,     ///< publish, with a killed subscriber in the way: it does not sleep
  publish_batch,  ///< try_publish_batch of three
  take,           ///< try_take
  take_wait,      ///< take on an empty topic; a survivor publishes once it sleeps
  read,           ///< try_read, and done
  subscribe,      ///< a subscription's constructor
  leave,          ///< its destructor
  close,
  attach,  ///< open_only
  detach,  ///< the topic's destructor
  sweep,   ///< of the occupant, which was killed before
};

/// What the occupant is killed with. All but the first are built by hand.
enum class leftover {
  none,        ///< no occupant
  subscriber,  ///< a lossless subscription at its limit: it is in the publishers' way
  committed,   ///< died in publish, after the commit: lock held, tail behind
  writing,     ///< died in publish, before the commit: lock held, a message half written
  staged,      ///< died in publish_batch, before the commit: lock held, junk behind tail
  lock         ///< died holding it
};

/// Who sleeps on the topic in another process while the victim operates.
enum class sleeping {
  nobody,
  taker,         ///< a lossless subscriber
  latest_taker,  ///< one that is never waited for
  publisher,
  watcher,       ///< no thread of it sleeps: a callback says that there is something to take
  space_watcher  ///< likewise, that it may publish
};

struct topic_case {
  std::string name;
  operation what = operation::publish;
  std::size_t before = 0;  ///< messages at the start, not taken by the survivor's reader,
  bool taken = false;      ///< or taken by it: then only others can be in a publisher's way
  bool latest = false;     ///< the victim's subscription; else it is lossless
  std::size_t behind = 0;  ///< messages that came after the victim's subscription had begun
  bool impatient = false;  ///< a survivor's subscription is in the way, without any patience
  leftover corpse = leftover::none;
  sleeping other = sleeping::nobody;
};

/// What may be found after the victim was killed.
struct topic_outcome {
  std::vector<std::uint64_t> messages;  ///< of `before` and later, in order
  bool closed = false;
};

/// Messages of `before` are 1, 2, ...; the others' are these.
inline constexpr std::uint64_t of_victim = 101;  // and the next ones of a batch
inline constexpr std::uint64_t of_entry = 151;   // those of `behind`
inline constexpr std::uint64_t of_corpse = 201;
inline constexpr std::uint64_t of_survivor = 301;
inline constexpr std::uint64_t of_sleeper = 401;
inline constexpr std::uint64_t of_release = 501;
inline constexpr std::uint64_t of_lap = 901;  // the lap before

/// The allowed outcomes, from "nothing happened" to "complete". `released`: the survivor had
/// helped the sleeping victim on.
std::vector<topic_outcome> outcomes_of(const topic_case& c, bool released);

/// All cases; the first part runs with fixed and with variable messages, the second with fixed.
std::vector<topic_case> cases_for_all_types();
std::vector<topic_case> cases_for_fixed_messages();

}  // namespace hawser::test::on_topic
