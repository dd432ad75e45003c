/// What goes wrong between an actor and its channel, as errors and messages of CAF.
#pragma once

#include <hawser/actors/caf_compat.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/error.hpp>

#include <cstdint>
#include <string>

namespace hawser::actors {

enum class channel_error : std::uint8_t {
  full = 1,        ///< The queue and the producer's buffer are full; the message is rejected.
  closed,          ///< The queue is closed, or the producer is about to end.
  too_large,       ///< The message is above the queue's `message_bytes_max`.
  bad_message,     ///< It cannot be encoded or decoded.
  handler_failed,  ///< The handler threw; its words are the error's context.
  system,          ///< The channel cannot be used: descriptors, memory, threads.
};

std::string to_string(channel_error code);

/// As CAF wants it; found by argument-dependent lookup.
caf::error make_error(channel_error code);
/// With the words of an exception.
caf::error make_error(channel_error code, std::string context);

/// Has `render(system, error)` show these errors in words.
void add_channel_errors(caf::actor_system_config& config);

/// To a consumer's handler, if asked for: the queue is closed and drained.
struct channel_end {
  std::string channel;

  template <class Inspector>
  friend auto inspect(Inspector& f, channel_end& x) {
    HAWSER_INSPECT(f, "hawser::actors::channel_end", x.channel);
  }
};

/// To the sender of a rejected message that was no request, if asked for.
struct send_rejected {
  std::string channel;
  channel_error reason{};

  template <class Inspector>
  friend auto inspect(Inspector& f, send_rejected& x) {
    HAWSER_INSPECT(f, "hawser::actors::send_rejected", x.channel, x.reason);
  }
};

}  // namespace hawser::actors

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_channels, 2010)
  CAF_ADD_TYPE_ID(hawser_channels, (hawser::actors::channel_error))
  CAF_ADD_TYPE_ID(hawser_channels, (hawser::actors::channel_end))
  CAF_ADD_TYPE_ID(hawser_channels, (hawser::actors::send_rejected))
CAF_END_TYPE_ID_BLOCK(hawser_channels)
// clang-format on
HAWSER_ERROR_CODE(hawser::actors::channel_error);
HAWSER_REGISTER(hawser_channels);
