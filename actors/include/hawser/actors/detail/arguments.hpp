/// Arguments of a process as bytes. Both sides are the same program, so nothing is converted.
#pragma once

#include <hawser/actors/caf_compat.hpp>
#include <hawser/actors/detail/readable_name.hpp>

#include <caf/sec.hpp>

#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace hawser::actors::detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
concept plain_bytes = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> &&
                      !std::is_member_pointer_v<T> && !inspectable<T>;

/// What can be handed to another process: all that CAF can inspect (numbers, strings, enums,
/// containers, types with an `inspect`), paths, optionals, and plain structs.
template <class T>
struct can_travel : std::bool_constant<inspectable<T> || plain_bytes<T>> {};
template <>
struct can_travel<std::filesystem::path> : std::true_type {};
template <class T>
struct can_travel<std::optional<T>> : can_travel<T> {};

template <class T>
concept process_argument = can_travel<T>::value;

/// How a parameter or argument of type T is kept on the way: views become owners.
template <class T>
struct stored {
  using type = T;
};
template <>
struct stored<std::string_view> {
  using type = std::string;
};
template <>
struct stored<const char*> {
  using type = std::string;
};
template <>
struct stored<char*> {
  using type = std::string;
};
template <class T>
using stored_t = typename stored<std::decay_t<T>>::type;

/// Its bytes as they are.
template <class T>
void put(byte_buffer& out, T value) {
  const char* const bytes = reinterpret_cast<const char*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof value);
}

template <class T>
caf::error save_argument(byte_buffer& out, const T& value) {
  if constexpr (std::is_same_v<T, std::filesystem::path>) {
    return save(out, value.native());
  } else if constexpr (std::is_arithmetic_v<T>) {
    put(out, value);
    return caf::none;
  } else if constexpr (is_optional<T>) {
    if (caf::error reason = save(out, value.has_value())) return reason;
    return value ? save_argument(out, *value) : caf::none;
  } else if constexpr (inspectable<T>) {
    return save(out, value);
  } else {
    const auto old_size = out.size();
    out.resize(old_size + sizeof(T));
    std::memcpy(out.data() + old_size, &value, sizeof(T));
    return caf::none;
  }
}

/// What is left to read.
struct byte_source {
  const char* data;
  std::size_t size;

  void skip(std::size_t count) {
    data += count;
    size -= count;
  }
};

template <class T>
bool take(byte_source& from, T& value) {
  if (from.size < sizeof(T)) return false;
  std::memcpy(&value, from.data, sizeof(T));
  from.skip(sizeof(T));
  return true;
}

template <class T>
caf::error load_argument(byte_source& from, T& value) {
  if constexpr (std::is_same_v<T, std::filesystem::path>) {
    std::string text;
    if (caf::error reason = load_argument(from, text)) return reason;
    value = std::move(text);
  } else if constexpr (std::is_arithmetic_v<T>) {
    if (!take(from, value)) return caf::make_error(caf::sec::end_of_stream);
  } else if constexpr (is_optional<T>) {
    bool has_value = false;
    if (caf::error reason = load_argument(from, has_value)) return reason;
    if (has_value) return load_argument(from, value.emplace());
    value.reset();
  } else if constexpr (inspectable<T>) {
    auto taken = load(from.data, from.size, value);
    if (!taken) return std::move(taken.error());
    from.skip(*taken);
  } else {
    if (from.size < sizeof(T)) return caf::make_error(caf::sec::end_of_stream);
    std::memcpy(static_cast<void*>(&value), from.data, sizeof(T));
    from.skip(sizeof(T));
  }
  return caf::none;
}

/// The same, where an error is none: `refuse(words)` throws. Numbers, which most values are, do not pay
/// for the object.
template <class T, class Refuse>
void save_or(byte_buffer& out, const T& value, Refuse refuse) {
  if constexpr (std::is_arithmetic_v<T>) put(out, value);
  else if (const caf::error failed = save_argument(out, value)) refuse(caf::to_string(failed));
}
template <class T, class Refuse>
void load_or(byte_source& from, T& value, Refuse refuse) {
  if constexpr (std::is_arithmetic_v<T>) {
    if (!take(from, value)) refuse("its end is missing");
  } else if (const caf::error failed = load_argument(from, value)) {
    refuse(caf::to_string(failed));
  }
}

template <class... Ts>
caf::error save_arguments(byte_buffer& out, const std::tuple<Ts...>& values) {
  caf::error result;
  std::apply(
      [&](const auto&... value) {
        static_cast<void>(((result = save_argument(out, value), !result) && ...));
      },
      values);
  return result;
}

template <class... Ts>
caf::error load_arguments(byte_source from, std::tuple<Ts...>& values) {
  caf::error result;
  std::apply(
      [&](auto&... value) {
        static_cast<void>(((result = load_argument(from, value), !result) && ...));
      },
      values);
  if (!result && from.size != 0) return caf::make_error(caf::sec::runtime_error, "bytes left over");
  return result;
}

/// `(std::string, int)`
template <class... Ts>
std::string signature_text(std::type_identity<std::tuple<Ts...>>) {
  std::string text = "(";
  const char* separator = "";
  static_cast<void>(separator);
  ((text.append(separator).append(readable_name(typeid(Ts))), separator = ", "), ...);
  return text.append(")");
}

}  // namespace hawser::actors::detail
