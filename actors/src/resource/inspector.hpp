/// Runs what a manager's user has given to check, to close and to make resources: it may take long, and
/// the manager does not wait for it.
#pragma once

#include <hawser/actors/resource_manager.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
// To it: `check_atom, granted_resource`; `make_atom, granted_resource old, bool close_it`. From it: the
// resource's index, and how it went; an empty reason is success.
// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_inspector, 2100)
  CAF_ADD_ATOM(hawser_inspector, hawser::actors::detail, check_atom, "hwrm_check")
  CAF_ADD_ATOM(hawser_inspector, hawser::actors::detail, make_atom, "hwrm_make")
  CAF_ADD_ATOM(hawser_inspector, hawser::actors::detail, checked_atom, "hwrm_chckd")
  CAF_ADD_ATOM(hawser_inspector, hawser::actors::detail, made_atom, "hwrm_made")
CAF_END_TYPE_ID_BLOCK(hawser_inspector)
// clang-format on
HAWSER_REGISTER(hawser_inspector);

namespace hawser::actors::detail {

/// In a thread of its own, until it gets an exit message.
caf::actor spawn_inspector(caf::actor_system& system, const caf::actor& desk, resource_care care);

}  // namespace hawser::actors::detail
