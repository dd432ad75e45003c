/// The values in a message, to bytes and back.
#pragma once

#include "caf_parts.hpp"
#include "message_buffer.hpp"
#include "wire.hpp"

#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/message.hpp>

#include <cstddef>

namespace hawser::actors::detail {

/// Appends how many values there are, and their types and bytes. CAF's own way prints to stderr for
/// types that are not registered, and takes unknown ones for an empty message (0.17); or takes types of
/// another program for its own that have the same number (1.x).
///
/// Errors     `peer_error::not_encodable`, with the type's name.
template <class Buffer>
[[nodiscard]] caf::error save_content(caf::actor_system& system, Buffer& out,
                                      const message_values& values);
extern template caf::error save_content(caf::actor_system&, frame_buffer&, const message_values&);
extern template caf::error save_content(caf::actor_system&, message_buffer&, const message_values&);

/// The message that these bytes are. `unit` knows the registry in which handles are looked for.
///
/// Errors     `peer_error::not_decodable`, with the type's name. Whatever the bytes are.
[[nodiscard]] caf::expected<caf::message> load_content(execution_unit& unit, const std::byte* data,
                                                       std::size_t bytes);

}  // namespace hawser::actors::detail
