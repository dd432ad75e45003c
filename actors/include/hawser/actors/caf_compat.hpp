/// The one place that knows which CAF this is. Hawser's actors are written for 0.17.
#pragma once

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/config.hpp>
#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/meta/type_name.hpp>

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#if CAF_VERSION < 1700 || CAF_VERSION >= 1800
#error "hawser::actors needs CAF 0.17 (on Debian: libcaf-dev)"
#endif

/// The body of an `inspect(inspector, x)`: a name, then what makes up the object.
#define HAWSER_INSPECT(inspector, name, ...) \
  return (inspector)(::caf::meta::type_name(name), __VA_ARGS__)

namespace hawser::actors::detail {

using byte_buffer = std::vector<char>;

/// Whether CAF can turn a T into bytes and back.
template <class T>
concept inspectable = caf::detail::is_serializable<T>::value && !std::is_pointer_v<T>;

/// Appends `value` to `out`.
///
/// Returns    An error if `value` has no meaning outside this process, as an actor handle.
template <class T>
[[nodiscard]] caf::error save(byte_buffer& out, const T& value) {
  caf::binary_serializer sink{nullptr, out};
  return sink(const_cast<T&>(value));  // inspection takes what it reads by mutable reference
}

/// Reads `value` from the front of `bytes`.
///
/// Returns    How many bytes it took, or an error if they are no T.
template <class T>
[[nodiscard]] caf::expected<std::size_t> load(const char* bytes, std::size_t size, T& value) {
  caf::binary_deserializer source{nullptr, bytes, size};
  if (caf::error reason = source(value)) return reason;
  return size - source.remaining();
}

}  // namespace hawser::actors::detail
