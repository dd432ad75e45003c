#pragma once

#include "ledger.hpp"
#include <hawser/actors/caf_compat.hpp>

#include <caf/actor.hpp>
#include <caf/behavior.hpp>

#include <cstdint>
#include <optional>

namespace producer_consumer {

struct collector_state {
  ledger book;
  std::optional<std::uint64_t> jobs;  ///< all that there are, once the walk has ended
  bool told_taken_again = false;
  bool is_to_tell = false;  ///< a message to itself is on its way

  static inline const char* name = "collector";
};

/// The actor that adds up what consumers report, and tells `supervisor` what messages.hpp says.
caf::behavior collector(hawser::actors::stateful_actor<collector_state>* self,
                        const caf::actor& supervisor);

}  // namespace producer_consumer
