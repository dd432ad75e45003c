// The values of a message in CAF 1.x. Their types stand in front of them: memory is taken for all of
// them at once.

#include "transport/content.hpp"

#include <hawser/actors/peer_error.hpp>

#include <caf/detail/message_data.hpp>
#include <caf/detail/meta_object.hpp>
#include <caf/detail/type_id_list_builder.hpp>

#include <exception>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace hawser::actors::detail {
namespace {

using element_count = std::uint16_t;
using name_length = std::uint16_t;
using type_number = std::uint16_t;  // one more than CAF's own; 0: a name follows

caf::error broken(std::string_view what) {
  return make_error(peer_error::not_decodable, std::string{what});
}

/// Types of programs have numbers that another program may have given to other types.
template <class Buffer>
void append_type(Buffer& out, caf::type_id_t type) {
  if (type < caf::first_custom_type_id) return append(out, static_cast<type_number>(type + 1));
  const std::string_view name = caf::query_type_name(type);
  append(out, type_number{0});
  append(out, static_cast<name_length>(name.size()));
  out.insert(out.end(), name.data(), name.data() + name.size());
}

caf::expected<caf::type_id_t> read_type(frame_reader& in) {
  type_number number = 0;
  if (!in.read(number)) return broken("a type is missing");
  if (number != 0) {
    const auto type = static_cast<caf::type_id_t>(number - 1);
    if (caf::detail::global_meta_object_or_null(type) == nullptr)
      return broken("there is no type " + std::to_string(number));
    return type;
  }
  name_length length = 0;
  if (!in.read(length) || in.left() < length) return broken("a type's name is cut off");
  const std::string name{reinterpret_cast<const char*>(in.rest()), length};
  in.skip(length);
  const caf::type_id_t type = caf::query_type_id(name);
  if (type == caf::invalid_type_id)
    return broken("type \"" + name + "\" is not known here; add_messages it to the config");
  return type;
}

/// Grows with what is written; kept, unless it is large.
class scratch {
 public:
  scratch() { bytes().clear(); }
  scratch(const scratch&) = delete;
  ~scratch() {
    constexpr std::size_t kept_max = 1 << 20;
    if (bytes().capacity() > kept_max) bytes() = {};
  }
  static caf::byte_buffer& bytes() {
    thread_local caf::byte_buffer all;
    return all;
  }
};

}  // namespace

template <class Buffer>
caf::error save_content(caf::actor_system& system, Buffer& out, const message_values& values) {
  const std::size_t count = values.size();
  if (count > std::numeric_limits<element_count>::max())
    return make_error(peer_error::not_encodable, "more than 65535 values");
  append(out, static_cast<element_count>(count));
  for (std::size_t i = 0; i < count; ++i) append_type(out, values.type_at(i));
  const scratch written;
  caf::binary_serializer writer{system, scratch::bytes()};
  for (std::size_t i = 0; i < count; ++i) {
    const auto& type = caf::detail::global_meta_object(values.type_at(i));
    if (!type.save_binary(writer, values.cdata().at(i)))
      return make_error(peer_error::not_encodable, to_string(writer.get_error()));
  }
  const auto* const begin = reinterpret_cast<const char*>(scratch::bytes().data());
  out.insert(out.end(), begin, begin + scratch::bytes().size());
  return {};
}

template caf::error save_content(caf::actor_system&, frame_buffer&, const message_values&);
template caf::error save_content(caf::actor_system&, message_buffer&, const message_values&);

caf::expected<caf::message> load_content(execution_unit& unit, const std::byte* data,
                                         std::size_t bytes) {
  try {
    frame_reader in{data, bytes};
    element_count count = 0;
    if (!in.read(count)) return broken("it is cut off");
    if (count > in.left()) return broken("there are fewer values than it says");
    if (count == 0) return caf::message{};
    caf::detail::type_id_list_builder types{count};
    for (unsigned i = 0; i < count; ++i) {
      const auto type = read_type(in);
      if (!type) return type.error();
      types.push_back(*type);
    }
    auto values = caf::detail::message_data::make_uninitialized(types.move_to_list());
    std::byte* at = values->storage();
    caf::binary_deserializer reader{unit.system(), in.rest(), in.left()};
    for (unsigned i = 0; i < count; ++i) {
      const auto& type = caf::detail::global_meta_object(values->types()[i]);
      type.default_construct(at);
      values->inc_constructed_elements();
      if (!type.load_binary(reader, at))
        return broken("value " + std::to_string(i) + ": " + to_string(reader.get_error()));
      at += type.padded_size;
    }
    return caf::message{caf::message::data_ptr{values.release(), false}};
  } catch (const std::exception& failed) {
    return broken(failed.what());
  }
}

}  // namespace hawser::actors::detail
