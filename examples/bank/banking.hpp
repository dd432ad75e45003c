/// The bank: an actor that owns the accounts.
#pragma once

#include "messages.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace bank {

struct bank_state {
  std::unique_ptr<ledger> books;
  /// Of what is done and not committed.
  std::vector<std::pair<caf::typed_response_promise<money>, caf::expected<money>>> answers;
};

/// Commits what has come while it was busy committing, all together: the more comes, the more each
/// commit has. To be spawned `detached`, since a commit waits for the disk. Ends when the journal
/// cannot be written.
bank_actor::behavior_type banking(bank_actor::stateful_pointer<bank_state> self,
                                  const std::string& journal);

}  // namespace bank
