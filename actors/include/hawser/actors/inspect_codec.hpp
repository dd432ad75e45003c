/// Queues of everything that CAF can inspect: `shm::queue<order>` for a type with an
/// `inspect()`, for maps, tuples, vectors of strings and so on.
///
/// A trivially copyable type and a contiguous range of such stay as they are, copied and read in
/// place, whether or not they have an `inspect()`; to have one encoded nevertheless:
/// ```cpp
/// template <> inline constexpr bool hawser::actors::always_encoded<my_pod> = true;
/// ```
/// A `shm::codec` written for one type by hand wins over this one.
#pragma once

#include <hawser/actors/caf_compat.hpp>
#include <hawser/actors/detail/readable_name.hpp>
#include <hawser/shm/codec.hpp>
#include <hawser/shm/error.hpp>

#include <cstddef>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <vector>

namespace hawser::actors {

template <class T>
inline constexpr bool always_encoded = false;

namespace detail {

/// What hawser::shm handles without a codec.
template <class T>
concept plain_range =
    std::ranges::contiguous_range<T> &&
    std::is_trivially_copyable_v<std::ranges::range_value_t<T>> && std::is_constructible_v < T,
        const std::ranges::range_value_t<T>
*, const std::ranges::range_value_t<T>* > ;

template <class T>
concept needs_inspect_codec = inspectable<T> &&
    (always_encoded<T> || (!std::is_trivially_copyable_v<T> && !plain_range<T>));

}  // namespace detail
}  // namespace hawser::actors

namespace hawser::shm {

template <hawser::actors::detail::needs_inspect_codec T>
struct codec<T> {
  /// Errors     `bad_argument`: a part of it has no meaning outside this process.
  static void encode(const T& value, std::vector<std::byte>& out) {
    if (const caf::error reason = actors::detail::save(out, value))
      throw make_error(
          errc::bad_argument, "encode message", actors::detail::readable_name(typeid(T)),
          "a part of it has no meaning in another process (" + caf::to_string(reason) + ")");
  }

  /// Errors     `damaged`: the bytes are no T.
  static T decode(std::span<const std::byte> bytes) {
    T value{};
    const auto taken =
        actors::detail::load(reinterpret_cast<const char*>(bytes.data()), bytes.size(), value);
    if (!taken || *taken != bytes.size())
      throw make_error(errc::damaged, "decode message", actors::detail::readable_name(typeid(T)),
                       taken ? "bytes are left over; do both programs have the same inspect()?"
                             : "the bytes are no such message (" + caf::to_string(taken.error()) +
                                   "); do both programs have the same inspect()?");
    return value;
  }
};

}  // namespace hawser::shm
