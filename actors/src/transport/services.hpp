/// The actor that answers for a process.
#pragma once

#include <hawser/actors/caf_compat.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>

#include <functional>

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_services, 2040)
  CAF_ADD_ATOM(hawser_services, hawser::actors::detail, interface_atom, "hwsr_iface")
  CAF_ADD_ATOM(hawser_services, hawser::actors::detail, spawn_atom, "hwsr_spawn")
  CAF_ADD_ATOM(hawser_services, hawser::actors::detail, ping_atom, "hwsr_ping")
  CAF_ADD_ATOM(hawser_services, hawser::actors::detail, follow_atom, "hwsr_look")
CAF_END_TYPE_ID_BLOCK(hawser_services)
// clang-format on
HAWSER_REGISTER(hawser_services);

namespace hawser::actors::detail {

/// interface_atom, id       -> the messages that an actor takes, as strings (empty: any)
/// spawn_atom, type, arguments, interface  -> a new actor
/// ping_atom, tag, number   calls `answer_ping`
caf::actor spawn_services(caf::actor_system& system,
                          std::function<void(std::uint32_t, std::uint64_t)> answer_ping);

}  // namespace hawser::actors::detail
