/// A handle that means whoever has a name at present.
#pragma once

#include "core.hpp"

#include <caf/actor.hpp>

#include <memory>
#include <set>
#include <string>

namespace hawser::actors::detail {

/// An actor of our own that hands on what it gets to the actor of that name; while there is none, or
/// none with that interface, it keeps a bounded number of messages.
caf::actor spawn_follower(std::shared_ptr<transport_core> core, std::string name,
                          std::set<std::string> interface);

}  // namespace hawser::actors::detail
