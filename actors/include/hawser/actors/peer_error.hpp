/// Why an actor in another process cannot be reached, as errors of CAF.
#pragma once

#include <hawser/actors/caf_compat.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/error.hpp>

#include <cstdint>
#include <string>

namespace hawser::actors {

/// The reason of the down and exit messages of its actors, and the error of requests to them.
enum class peer_error : std::uint8_t {
  killed = 1,     ///< Its process was killed by a signal.
  exited,         ///< Its process has ended, or its actor system has.
  hung,           ///< Its process is there, but has not answered for `hang_timeout`.
  disconnected,   ///< Its process cannot be reached, or nobody knows how it ended.
  congested,      ///< Too much waits for it already: the message was not sent.
  not_encodable,  ///< The message holds a type that is not registered, or means nothing elsewhere.
  not_decodable,  ///< The same, found by the process that the message was for.
};

std::string to_string(peer_error code);

/// As CAF wants it; found by argument-dependent lookup.
caf::error make_error(peer_error code);
/// With what is known about it: "process 4711 was killed by signal 9 (Killed)".
caf::error make_error(peer_error code, std::string context);

/// Has `render(system, error)` show these errors in words. A `config` does so already.
void add_peer_errors(caf::actor_system_config& config);

}  // namespace hawser::actors

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_peers, 2030)
  CAF_ADD_TYPE_ID(hawser_peers, (hawser::actors::peer_error))
CAF_END_TYPE_ID_BLOCK(hawser_peers)
// clang-format on
HAWSER_ERROR_CODE(hawser::actors::peer_error);
HAWSER_REGISTER(hawser_peers);
