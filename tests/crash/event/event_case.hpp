/// One operation on an event in one situation, for the kill-point sweep.
#pragma once

#include <string>
#include <vector>

namespace hawser::test {

struct event_case {
  enum operation {
    is_set,
    set,
    clear,
    pulse,   ///< a set that a clear overtakes before it has woken anybody; built by hand
    wait,    ///< until the survivor sets it
    arm,     ///< announces a wait without a thread
    disarm,  ///< takes it back
    attach,  ///< open_only
    detach,  ///< the destructor
    sweep    ///< of the occupant, which was killed before
  };
  /// What the occupant is killed with; built by hand.
  enum leftover {
    none,      ///< no occupant
    idle,      ///< nothing
    committed  ///< it had set the event, and woken nobody
  };
  /// Who sleeps on the event in another process while the victim operates.
  enum sleeping {
    nobody,
    waiter,   ///< waits
    watcher,  ///< the same; no thread of it sleeps
    any       ///< waits for this event or another one
  };

  std::string name;
  operation what = is_set;
  bool begins_set = false;
  leftover corpse = none;
  sleeping other = nobody;

  /// Whether the victim finds it set.
  bool found_set() const { return begins_set || corpse == committed; }
  /// Whether the operation makes one more set of it.
  bool sets() const { return (what == set || what == pulse) && !found_set(); }
  /// Whether others see the operation.
  bool changes() const { return sets() || (what == clear && found_set()); }
};

std::vector<event_case> event_cases();

}  // namespace hawser::test
