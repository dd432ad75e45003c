/// Messages in and out of a pipe's records, by kind of type (see codec.hpp). A record carries its
/// length, so that a fixed message is its bytes, and a range its elements.
#pragma once

#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/message_io.hpp>
#include <hawser/shm/detail/pipe_core.hpp>
#include <hawser/shm/detail/private_copy.hpp>

#include <bit>
#include <cstddef>
#include <cstring>
#include <optional>
#include <ranges>
#include <span>
#include <type_traits>
#include <variant>
#include <vector>

namespace hawser::shm::detail {

/// Throws `too_large`.
[[noreturn]] void refuse_size(const pipe_core& core, std::size_t bytes);
/// Throws `damaged`: the bytes are not of this type.
[[noreturn]] void refuse_bytes(const pipe_core& core);

/// A message as the sender hands it over.
using pipe_bytes = std::span<const std::byte>;

template <message T>
struct pipe_io;

template <in_place_message T>
struct pipe_io<T> {
  static constexpr bool in_ring = alignof(T) <= alignof(std::uint64_t);

  /// The message's bytes; a view of `value`, or of `buffer`.
  static pipe_bytes prepare(const T& value, std::vector<std::byte>&) noexcept {
    return {reinterpret_cast<const std::byte*>(&value), sizeof(T)};
  }
  static T value(const pipe_message& from, const pipe_core& core) {
    if (from.bytes != sizeof(T)) [[unlikely]]
      refuse_bytes(core);
    struct image {
      alignas(T) std::byte bytes[sizeof(T)];
    } copy;
    std::memcpy(copy.bytes, from.data, sizeof(T));
    return std::bit_cast<T>(copy);
  }
  /// What a view keeps beside the message that stays in the ring.
  struct held {
    std::conditional_t<in_ring, std::monostate, std::optional<T>> copy;
    void take(const pipe_message& from, const pipe_core& core) {
      if constexpr (in_ring) {
        if (from.bytes != sizeof(T)) [[unlikely]]
          refuse_bytes(core);
      } else {
        copy.emplace(pipe_io::value(from, core));
      }
    }
    const T& view(const pipe_message& from) const noexcept {
      if constexpr (in_ring) return *reinterpret_cast<const T*>(from.data);
      else return *copy;
    }
  };
};

template <range_message T>
struct pipe_io<T> {
  using element = std::ranges::range_value_t<T>;
  static_assert(alignof(element) <= 8, "elements of variable messages are aligned to 8 at most");

  static pipe_bytes prepare(const T& value, std::vector<std::byte>&) noexcept {
    return std::as_bytes(
        std::span<const element>{std::ranges::data(value), std::ranges::size(value)});
  }
  static message_view<T> view(const pipe_message& from, const pipe_core& core) {
    if (from.bytes % sizeof(element) != 0) [[unlikely]]
      refuse_bytes(core);
    return {reinterpret_cast<const element*>(from.data), from.bytes / sizeof(element)};
  }
  static T value(const pipe_message& from, const pipe_core& core) {
    const auto elements = view(from, core);
    return T(elements.data(), elements.data() + elements.size());
  }
  struct held {
    message_view<T> elements;
    void take(const pipe_message& from, const pipe_core& core) {
      elements = pipe_io::view(from, core);
    }
    message_view<T> view(const pipe_message&) const noexcept { return elements; }
  };
};

template <encoded_message T>
struct pipe_io<T> {
  static pipe_bytes prepare(const T& value, std::vector<std::byte>& buffer) {
    buffer.clear();
    codec<T>::encode(value, buffer);
    return buffer;
  }
  /// Errors     What the codec throws.
  static T value(const pipe_message& from, const pipe_core& core) {
    const pipe_bytes bytes{from.data, from.bytes};
    // What was put together from its parts is a copy already.
    return codec<T>::decode(core.in_ring(from) ? private_copy{bytes}.bytes() : bytes);
  }
  struct held {
    std::optional<T> result;
    void take(const pipe_message& from, const pipe_core& core) {
      result.emplace(pipe_io::value(from, core));
    }
    const T& view(const pipe_message&) const noexcept { return *result; }
  };
};

/// `send(data, bytes)` of a message's bytes; no null for no bytes.
template <class Send>
auto with_pipe_bytes(pipe_bytes bytes, const pipe_core& core, Send send) {
  if (bytes.size() > core.message_bytes_max()) [[unlikely]]
    refuse_size(core, bytes.size());
  static constexpr std::byte nothing{};
  return send(bytes.data() != nullptr ? bytes.data() : &nothing, bytes.size());
}

}  // namespace hawser::shm::detail
