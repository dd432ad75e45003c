/// The 64-byte message every queue carries here, and the check that it arrived.
#pragma once

#include "measurement.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <type_traits>

namespace hawser::bench {

/// Eight words, all written by the sender; the first is the message's number, the last is
/// derived from it, so that a message that is stale, torn, lost, doubled or out of order shows.
struct payload {
  std::array<std::uint64_t, 8> words;
};
static_assert(sizeof(payload) == 64);

inline payload make_payload(std::uint64_t number) {
  return {
      {number, number + 1, number + 2, number + 3, number + 4, number + 5, number + 6, ~number}};
}

/// Throws `wrong_figure` unless `message` is the whole message of this number.
inline void check_payload(const payload& message, std::uint64_t number) {
  // The compiler must assume all of it is read, so that no copy can be cut down to two words.
  asm volatile("" : : "r"(&message) : "memory");
  if (message.words[0] != number || message.words[7] != ~number) [[unlikely]]
    throw wrong_figure{"message " + std::to_string(number) + " arrived as " +
                       std::to_string(message.words[0]) + " ... ~" +
                       std::to_string(~message.words[7])};
}

/// The smallest message that is worth a channel: its number, and nothing else.
struct small_payload {
  std::uint64_t number;
};
static_assert(sizeof(small_payload) == 8);

inline void check_payload(const small_payload& message, std::uint64_t number) {
  if (message.number != number) [[unlikely]]
    throw wrong_figure{"message " + std::to_string(number) + " arrived as " +
                       std::to_string(message.number)};
}

template <class Message>
Message make_message(std::uint64_t number) {
  if constexpr (std::is_same_v<Message, small_payload>) return {number};
  else return make_payload(number);
}

}  // namespace hawser::bench
