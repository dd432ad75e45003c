// The values of a message in CAF 0.17.

#include "transport/content.hpp"

#include <hawser/actors/peer_error.hpp>

#include <caf/detail/dynamic_message_data.hpp>
#include <caf/detail/pretty_type_name.hpp>
#include <caf/make_counted.hpp>
#include <caf/serializer_impl.hpp>
#include <caf/uniform_type_info_map.hpp>

#include <exception>
#include <limits>
#include <string>
#include <string_view>

namespace hawser::actors::detail {
namespace {

using element_count = std::uint16_t;
using name_length = std::uint16_t;

caf::error broken(std::string_view what) {
  return make_error(peer_error::not_decodable, std::string{what});
}

caf::expected<caf::type_erased_value_ptr> make_value(const caf::uniform_type_info_map& types,
                                                     frame_reader& in) {
  std::uint16_t number = 0;
  if (!in.read(number)) return broken("a type is missing");
  if (number >= caf::type_nrs) return broken("there is no type " + std::to_string(number));
  caf::type_erased_value_ptr value;
  if (number != 0) {
    value = types.make_value(number);
  } else {
    name_length length = 0;
    if (!in.read(length) || in.left() < length) return broken("a type's name is cut off");
    const std::string name{reinterpret_cast<const char*>(in.rest()), length};
    in.skip(length);
    value = types.make_value(name);
    if (!value)
      return broken("type \"" + name + "\" is not known here; add_messages it to the config");
  }
  if (!value) return broken("there is no type " + std::to_string(number));
  return value;
}

}  // namespace

template <class Buffer>
caf::error save_content(caf::actor_system& system, Buffer& out, const message_values& values) {
  const std::size_t count = values.size();
  if (count > std::numeric_limits<element_count>::max())
    return make_error(peer_error::not_encodable, "more than 65535 values");
  append(out, static_cast<element_count>(count));
  for (std::size_t i = 0; i < count; ++i) {
    const caf::rtti_pair type = values.type(i);
    append(out, type.first);
    if (type.first == 0) {
      const std::string& name = system.types().portable_name(type);
      if (name == system.types().default_type_name() ||
          name.size() > std::numeric_limits<name_length>::max())
        return make_error(peer_error::not_encodable,
                          "type " + caf::detail::pretty_type_name(*type.second) +
                              " is not known here; add_messages it to the config");
      append(out, static_cast<name_length>(name.size()));
      out.insert(out.end(), name.data(), name.data() + name.size());
    }
    caf::serializer_impl<Buffer> writer{system, out};
    if (const caf::error reason = values.save(i, writer))
      return make_error(peer_error::not_encodable, system.render(reason));
  }
  return caf::none;
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
    auto values = caf::make_counted<caf::detail::dynamic_message_data>();
    for (unsigned i = 0; i < count; ++i) {
      auto value = make_value(unit.system().types(), in);
      if (!value) return std::move(value.error());
      caf::binary_deserializer reader{&unit, reinterpret_cast<const char*>(in.rest()), in.left()};
      if (const caf::error reason = (*value)->load(reader))
        return broken("value " + std::to_string(i) + ": " + unit.system().render(reason));
      in.skip(in.left() - reader.remaining());
      values->append(std::move(*value));
    }
    return caf::message{caf::detail::message_data::cow_ptr{std::move(values)}};
  } catch (const std::exception& failed) {
    return broken(failed.what());
  }
}

}  // namespace hawser::actors::detail
