/// The values in a message, to bytes and back.
#pragma once

#include "wire.hpp"

#include <caf/actor_system.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/error.hpp>
#include <caf/execution_unit.hpp>
#include <caf/expected.hpp>
#include <caf/message.hpp>
#include <caf/type_erased_tuple.hpp>

#include <cstddef>

namespace hawser::actors::detail {

/// Appends how many values there are, and each one's type and bytes. CAF's own way prints to stderr
/// for types that are not registered, and takes unknown ones for an empty message.
///
/// Errors     `peer_error::not_encodable`, with the type's name.
[[nodiscard]] caf::error save_content(caf::actor_system& system, frame_buffer& out,
                                      const caf::type_erased_tuple& content);

/// The message that these bytes are. `unit` knows the registry in which handles are looked for.
///
/// Errors     `peer_error::not_decodable`, with the type's name. Whatever the bytes are.
[[nodiscard]] caf::expected<caf::message> load_content(caf::execution_unit& unit,
                                                       const std::byte* data, std::size_t bytes);

}  // namespace hawser::actors::detail
