/// Codecs for the standard library's types: variant, optional, pair, tuple, array, vector, deque,
/// list, set, unordered_set, map, unordered_map, of anything that is a message itself.
///
/// ```cpp
/// using words = std::map<std::string, std::string>;
/// shm::pipe<std::variant<std::string, int, words, std::vector<int>>> p{create_only, "mixed"};
/// ```
/// What is copied as it is without them (an optional<int>, a vector<double>) stays so, whether or
/// not this header is included. Both programs have to be built for the same kind of machine.
///
/// Errors     Decoding throws `damaged` when the bytes are no such message; it reads nothing
///            beyond them, and takes no more memory than they explain.
#pragma once

#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/encoding.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace hawser::shm {

namespace detail {

/// Not copied as it is.
template <class T>
concept composed = !std::is_trivially_copyable_v<T>;

/// `codec<C>` of containers: a count, then the elements.
template <class C>
struct container_codec {
  static void encode(const C& value, std::vector<std::byte>& out) {
    put_number(value.size(), out);
    for (const auto& element : value) put(element, out);
  }
  static C decode(std::span<const std::byte> bytes) {
    byte_reader in{bytes};
    C value;
    for (std::uint64_t left = in.take_count(); left != 0; --left)
      value.insert(value.end(), get<typename C::value_type>(in));
    in.expect_end();
    return value;
  }
};

/// The same for maps: key, value, key, value.
template <class C>
struct map_codec {
  static void encode(const C& value, std::vector<std::byte>& out) {
    put_number(value.size(), out);
    for (const auto& [key, mapped] : value) {
      put(key, out);
      put(mapped, out);
    }
  }
  static C decode(std::span<const std::byte> bytes) {
    byte_reader in{bytes};
    C value;
    for (std::uint64_t left = in.take_count(); left != 0; --left) {
      auto key = get<typename C::key_type>(in);
      value.emplace_hint(value.end(), std::move(key), get<typename C::mapped_type>(in));
    }
    in.expect_end();
    return value;
  }
};

/// The same for what has a fixed number of elements.
template <class Tuple>
struct tuple_codec {
  static void encode(const Tuple& value, std::vector<std::byte>& out) {
    std::apply([&](const auto&... element) { (put(element, out), ...); }, value);
  }
  static Tuple decode(std::span<const std::byte> bytes) {
    byte_reader in{bytes};
    Tuple value = take(in, std::make_index_sequence<std::tuple_size_v<Tuple>>{});
    in.expect_end();
    return value;
  }

 private:
  template <std::size_t... I>
  static Tuple take(byte_reader& in, std::index_sequence<I...>) {
    return Tuple{get<std::tuple_element_t<I, Tuple>>(in)...};  // braces: from left to right
  }
};

}  // namespace detail

template <message... Ts>
requires detail::composed<std::variant<Ts...>>
struct codec<std::variant<Ts...>> {
  static void encode(const std::variant<Ts...>& value, std::vector<std::byte>& out) {
    detail::put_number(value.index(), out);
    std::visit([&](const auto& alternative) { detail::put(alternative, out); }, value);
  }
  static std::variant<Ts...> decode(std::span<const std::byte> bytes) {
    detail::byte_reader in{bytes};
    const std::uint64_t index = in.take_number();
    std::optional<std::variant<Ts...>> value;
    take(in, index, value, std::index_sequence_for<Ts...>{});
    if (!value) detail::refuse_encoding("an alternative that there is not");
    in.expect_end();
    return *std::move(value);
  }

 private:
  template <std::size_t... I>
  static void take(detail::byte_reader& in, std::uint64_t index,
                   std::optional<std::variant<Ts...>>& value, std::index_sequence<I...>) {
    (void)((index == I && (value.emplace(std::in_place_index<I>, detail::get<Ts>(in)), true)) ||
           ...);
  }
};

template <message T>
requires detail::composed<std::optional<T>>
struct codec<std::optional<T>> {
  static void encode(const std::optional<T>& value, std::vector<std::byte>& out) {
    detail::put_number(value ? 1 : 0, out);
    if (value) detail::put(*value, out);
  }
  static std::optional<T> decode(std::span<const std::byte> bytes) {
    detail::byte_reader in{bytes};
    std::optional<T> value;
    if (const std::uint64_t count = in.take_number(); count == 1) value = detail::get<T>(in);
    else if (count != 0) detail::refuse_encoding("an optional that is neither there nor not");
    in.expect_end();
    return value;
  }
};

template <message A, message B>
struct codec<std::pair<A, B>> : detail::tuple_codec<std::pair<A, B>> {};
template <message... Ts>
requires detail::composed<std::tuple<Ts...>>
struct codec<std::tuple<Ts...>> : detail::tuple_codec<std::tuple<Ts...>> {
};
template <message T, std::size_t N>
requires detail::composed<T>
struct codec<std::array<T, N>> : detail::tuple_codec<std::array<T, N>> {
};

template <message T>
requires detail::composed<T>
struct codec<std::vector<T>> : detail::container_codec<std::vector<T>> {
};
template <message T>
struct codec<std::deque<T>> : detail::container_codec<std::deque<T>> {};
template <message T>
struct codec<std::list<T>> : detail::container_codec<std::list<T>> {};
template <message T, class Compare>
struct codec<std::set<T, Compare>> : detail::container_codec<std::set<T, Compare>> {};
template <message T, class Hash, class Equal>
struct codec<std::unordered_set<T, Hash, Equal>>
    : detail::container_codec<std::unordered_set<T, Hash, Equal>> {};
template <message Key, message T, class Compare>
struct codec<std::map<Key, T, Compare>> : detail::map_codec<std::map<Key, T, Compare>> {};
template <message Key, message T, class Hash, class Equal>
struct codec<std::unordered_map<Key, T, Hash, Equal>>
    : detail::map_codec<std::unordered_map<Key, T, Hash, Equal>> {};

}  // namespace hawser::shm
