/// Messages in and out of slots, by kind of type (see codec.hpp).
#pragma once

#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/private_copy.hpp>
#include <hawser/shm/detail/queue_core.hpp>
#include <hawser/shm/detail/read_once.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

namespace hawser::shm::detail {

/// Throws `too_large`.
[[noreturn]] void refuse_size(const queue_core& core, std::size_t bytes);

/// A variable message in its slot: u64 length, bytes. The length is checked on every read.
inline std::span<const std::byte> bytes_in(const std::byte* payload, const queue_core& core) {
  const std::uint64_t length = read_once(*reinterpret_cast<const std::uint64_t*>(payload));
  return {payload + sizeof length,
          static_cast<std::size_t>(std::min<std::uint64_t>(length, core.payload_bytes()))};
}

inline void write_bytes(std::span<const std::byte> bytes, std::byte* payload) noexcept {
  const std::uint64_t length = bytes.size();
  std::memcpy(payload, &length, sizeof length);
  if (!bytes.empty()) std::memcpy(payload + sizeof length, bytes.data(), bytes.size());
}

template <message T>
struct message_io;

template <in_place_message T>
struct message_io<T> {
  static constexpr bool fixed = true;
  static constexpr std::size_t bytes = sizeof(T), alignment = alignof(T);

  static const T& prepare(const T& value) noexcept { return value; }
  /// What only comes into being when it is asked for (a view) is copied first: its code does not run
  /// inside the channel's lock.
  template <class Range>
  static auto prepare_all(const Range& values) {
    if constexpr (std::ranges::contiguous_range<const Range>) {
      return std::span<const T>{std::ranges::data(values), std::ranges::size(values)};
    } else {
      std::vector<T> all;
      all.reserve(std::ranges::size(values));
      for (const T& value : values) all.push_back(value);
      return all;
    }
  }
  static void check(const T&, const queue_core&) noexcept {}
  static void write(const T& value, std::byte* payload) noexcept {
    std::memcpy(payload, &value, sizeof(T));
  }

  /// What a lease keeps: nothing, the message stays where it is.
  struct held {
    void take(const taken_slot&, const queue_core&) noexcept {}
    const T& view(const taken_slot& slot) const noexcept {
      return *reinterpret_cast<const T*>(slot.payload);
    }
  };
  /// What a pop keeps.
  struct popped {
    alignas(T) std::byte bytes[sizeof(T)];
    void copy(const taken_slot& slot, const queue_core&) noexcept {
      std::memcpy(bytes, slot.payload, sizeof(T));
    }
    T value() const noexcept { return std::bit_cast<T>(bytes); }
  };
};

template <range_message T>
struct message_io<T> {
  using element = std::ranges::range_value_t<T>;
  static constexpr bool fixed = false;
  static constexpr std::size_t bytes = 0, alignment = alignof(element) > 8 ? alignof(element) : 8;
  static_assert(alignof(element) <= 8, "elements of variable messages are aligned to 8 at most");

  static std::span<const std::byte> prepare(const T& value) noexcept {
    return std::as_bytes(
        std::span<const element>{std::ranges::data(value), std::ranges::size(value)});
  }
  struct batch {
    std::vector<T> kept;  // of a range whose elements are gone as soon as they were looked at
    std::vector<std::span<const std::byte>> spans;
    std::span<const std::byte> operator[](std::size_t i) const noexcept { return spans[i]; }
  };
  template <class Range>
  static batch prepare_all(const Range& values) {
    batch all;
    const auto prepare_from = [&all](const auto& lasting) {
      all.spans.reserve(std::ranges::size(lasting));
      for (const T& value : lasting) all.spans.push_back(prepare(value));
    };
    if constexpr (std::is_lvalue_reference_v<std::ranges::range_reference_t<const Range>>) {
      prepare_from(values);
    } else {
      all.kept.reserve(std::ranges::size(values));
      for (auto&& value : values) all.kept.push_back(std::forward<decltype(value)>(value));
      prepare_from(all.kept);
    }
    return all;
  }
  static void check(std::span<const std::byte> message, const queue_core& core) {
    if (message.size() > core.payload_bytes()) refuse_size(core, message.size());
  }
  static void write(std::span<const std::byte> message, std::byte* payload) noexcept {
    write_bytes(message, payload);
  }

  struct held {
    std::size_t count = 0;  // read once: what is checked is what is used
    void take(const taken_slot& slot, const queue_core& core) noexcept {
      count = bytes_in(slot.payload, core).size() / sizeof(element);
    }
    message_view<T> view(const taken_slot& slot) const noexcept {
      return {reinterpret_cast<const element*>(slot.payload + sizeof(std::uint64_t)), count};
    }
  };
  struct popped {
    std::optional<T> result;
    void copy(const taken_slot& slot, const queue_core& core) {
      const auto payload = bytes_in(slot.payload, core);
      const auto* first = reinterpret_cast<const element*>(payload.data());
      result.emplace(first, first + payload.size() / sizeof(element));
    }
    T value() { return std::move(*result); }
  };
};

template <encoded_message T>
struct message_io<T> {
  static constexpr bool fixed = false;
  static constexpr std::size_t bytes = 0, alignment = 8;

  static std::vector<std::byte> prepare(const T& value) {
    std::vector<std::byte> encoded;
    codec<T>::encode(value, encoded);
    return encoded;
  }
  template <class Range>
  static std::vector<std::vector<std::byte>> prepare_all(const Range& values) {
    std::vector<std::vector<std::byte>> all;
    all.reserve(std::ranges::size(values));
    for (const T& value : values) all.push_back(prepare(value));
    return all;
  }
  static void check(const std::vector<std::byte>& message, const queue_core& core) {
    if (message.size() > core.payload_bytes()) refuse_size(core, message.size());
  }
  static void write(const std::vector<std::byte>& message, std::byte* payload) noexcept {
    write_bytes(message, payload);
  }

  struct held {
    std::optional<T> result;
    void take(const taken_slot& slot, const queue_core& core) {
      result.emplace(codec<T>::decode(private_copy{bytes_in(slot.payload, core)}.bytes()));
    }
    const T& view(const taken_slot&) const noexcept { return *result; }
  };
  /// The bytes are copied under the lock and decoded behind it: no user code runs inside.
  struct popped {
    std::vector<std::byte> copied;
    void copy(const taken_slot& slot, const queue_core& core) {
      const auto payload = bytes_in(slot.payload, core);
      copied.assign(payload.begin(), payload.end());
    }
    T value() const { return codec<T>::decode(copied); }
  };
};

}  // namespace hawser::shm::detail
