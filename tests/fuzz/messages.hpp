/// A message type of each sort that channels tell apart, and what a fuzzer does with one.
#pragma once

#include "play.hpp"
#include <hawser/shm/codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::fuzz {

struct sample {
  std::uint64_t number;
  std::array<std::uint32_t, 5> more;
};
struct alignas(64) aligned_sample {
  std::uint64_t number;
};
/// Of many words.
struct large_sample {
  std::uint64_t number;
  std::array<char, 193> rest;
};
/// With a codec of its own.
struct note {
  std::uint32_t kind = 0;
  std::string text;
};
/// What a careful codec throws.
struct undecodable : std::exception {};

inline constexpr std::size_t message_bytes_max = 48;

template <class T>
T make_message(script& from) {
  const std::uint8_t word = from.next();
  if constexpr (requires { T{}.more; }) return T{word, {word}};
  else if constexpr (requires { T{}.rest; }) return T{word, {}};
  else if constexpr (requires { T{}.number; }) return T{word};
  else if constexpr (requires { T{}.text; }) return T{word, std::string(word % 40U, 'n')};
  else return T(word % (message_bytes_max / sizeof(typename T::value_type) + 1), {});
}

/// Reads all of it.
template <class View>
void read_message(const View& message) {
  std::uint64_t sum = 0;
  if constexpr (requires { message.rest; })
    for (const char c : message.rest) sum += static_cast<unsigned char>(c);
  else if constexpr (requires { message.number; }) sum = message.number;
  else if constexpr (requires { message.text; })
    for (const char c : message.text) sum += static_cast<unsigned char>(c);
  else
    for (const auto element : message) sum += static_cast<std::uint64_t>(element);
  use(sum);
}

}  // namespace hawser::fuzz

template <>
struct hawser::shm::codec<hawser::fuzz::note> {
  static void encode(const fuzz::note& value, std::vector<std::byte>& out) {
    const auto text = std::as_bytes(std::span{value.text});
    out.resize(sizeof value.kind);
    std::memcpy(out.data(), &value.kind, sizeof value.kind);
    out.insert(out.end(), text.begin(), text.end());
  }
  static fuzz::note decode(std::span<const std::byte> bytes) {
    fuzz::note result;
    if (bytes.size() < sizeof result.kind) throw fuzz::undecodable{};
    std::memcpy(&result.kind, bytes.data(), sizeof result.kind);
    const auto text = bytes.subspan(sizeof result.kind);
    result.text.assign(reinterpret_cast<const char*>(text.data()), text.size());
    return result;
  }
};
