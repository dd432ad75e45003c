/// The actor that answers for a process.
#pragma once

#include <hawser/actors/caf_compat.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>

#include <functional>

namespace hawser::actors::detail {

using interface_atom = caf::atom_constant<caf::atom("hwsr_iface")>;
using spawn_atom = caf::atom_constant<caf::atom("hwsr_spawn")>;
using ping_atom = caf::atom_constant<caf::atom("hwsr_ping")>;

/// interface_atom, id       -> the messages that an actor takes, as strings (empty: any)
/// spawn_atom, type, arguments, interface  -> a new actor
/// ping_atom, tag, number   calls `answer_ping`
caf::actor spawn_services(caf::actor_system& system,
                          std::function<void(std::uint32_t, std::uint64_t)> answer_ping);

}  // namespace hawser::actors::detail
