/// How a message type becomes bytes in a slot.
///
/// Three kinds of types, told apart at compile time:
///   in place   trivially copyable: copied into the slot, read where it lies
///   range      std::string, std::vector<U> and the like, U trivially copyable: its elements
///              are copied into the slot, read where they lie through a view
///   encoded    a type with a `codec` of its own: encoded before the channel's lock is taken
///              (user code never runs inside it), decoded when taken, from a copy: what a codec
///              has checked stays as it is, whoever writes over the channel meanwhile
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <vector>

namespace hawser::shm {

/// Specialise this for a type that is neither trivially copyable nor a contiguous range:
/// ```cpp
/// template <> struct hawser::shm::codec<order> {
///   static void encode(const order& value, std::vector<std::byte>& out);  // appends
///   static order decode(std::span<const std::byte> bytes);                // may throw
/// };
/// ```
template <class T>
struct codec;

/// A type whose `codec` exists.
template <class T>
concept encoded_message = requires(const T& value, std::vector<std::byte>& out,
                                   std::span<const std::byte> bytes) {
  codec<T>::encode(value, out);
  { codec<T>::decode(bytes) } -> std::convertible_to<T>;
};

/// A type copied as it is. Views are trivially copyable too and must not be: the memory they
/// point to belongs to one process.
template <class T>
concept in_place_message = !encoded_message<T> && std::is_trivially_copyable_v<T> &&
                           !std::is_pointer_v<T> && !std::ranges::view<T>;

template <class T>
concept range_message = !encoded_message<T> && !in_place_message<T> && !std::ranges::view<T> &&
                        std::ranges::contiguous_range<T> && std::ranges::sized_range<T> &&
                        std::is_trivially_copyable_v<std::ranges::range_value_t<T>> &&
                        std::constructible_from<T, const std::ranges::range_value_t<T>*,
                                                const std::ranges::range_value_t<T>*>;

template <class T>
concept message = in_place_message<T> || range_message<T> || encoded_message<T>;

namespace detail {

template <class T>
struct view_of {
  using type = const T&;
};
template <range_message T>
struct view_of<T> {
  using type = std::span<const std::ranges::range_value_t<T>>;
};
template <range_message T>
requires std::same_as<T, std::basic_string<typename T::value_type>>
struct view_of<T> {
  using type = std::basic_string_view<typename T::value_type>;
};

constexpr std::uint64_t fnv1a(std::string_view text, std::uint64_t hash = 0xcbf29ce484222325ULL) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

/// Tells message types apart between programs: the name's hash, mixed with the layout.
template <message T>
std::uint64_t type_fingerprint() {
  std::uint64_t hash = fnv1a(typeid(T).name());
  if constexpr (in_place_message<T>)
    hash = fnv1a(std::to_string(sizeof(T)) + "," + std::to_string(alignof(T)), hash);
  else hash = fnv1a(range_message<T> ? "range" : "encoded", hash);
  return hash;
}

}  // namespace detail

/// What a message of type T is read as without a copy.
template <message T>
using message_view = typename detail::view_of<T>::type;

}  // namespace hawser::shm
