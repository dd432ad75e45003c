/// Messages that tell whether they are whole.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hawser::test {

inline constexpr std::uint64_t torn = UINT64_MAX;

/// 64 bytes, written word by word: a kill in between is seen.
struct fixed_message {
  std::array<std::uint64_t, 8> words;
};

template <class T>
struct message_maker;

template <>
struct message_maker<fixed_message> {
  static constexpr const char* kind = "fixed";
  static fixed_message make(std::uint64_t id) {
    fixed_message result;
    for (std::size_t i = 0; i < result.words.size(); ++i) result.words[i] = id * (2 * i + 1);
    return result;
  }
  static std::uint64_t id_of(const fixed_message& m) {
    return m.words == make(m.words[0]).words ? m.words[0] : torn;
  }
};

template <>
struct message_maker<std::string> {
  static constexpr const char* kind = "string";
  /// The decimal id, a colon, and a tail whose length and letters follow from the id.
  static std::string make(std::uint64_t id) {
    std::string result = std::to_string(id) + ":";
    for (std::uint64_t i = 0; i < 5 + id % 37; ++i)
      result += static_cast<char>('a' + (id + i * i) % 26);
    return result;
  }
  static std::uint64_t id_of(std::string_view m) {
    std::uint64_t id = 0;
    for (const char c : m.substr(0, m.find(':'))) {
      if (c < '0' || c > '9' || id > 1'000'000'000) return torn;
      id = id * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return m == make(id) ? id : torn;
  }
};

}  // namespace hawser::test
