/// The messages every channel carries here, and the check that they arrived.
#pragma once

#include "measurement.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>

namespace hawser::bench {

/// The first word is the message's number, the last is derived from it, so that a message that is
/// stale, torn, lost, doubled or out of order shows. The smallest one is its number, and nothing else.
template <std::size_t Bytes>
struct message_of {
  static_assert(Bytes % sizeof(std::uint64_t) == 0);
  std::array<std::uint64_t, Bytes / sizeof(std::uint64_t)> words;
};

using small_payload = message_of<8>;
using payload = message_of<64>;
static_assert(sizeof(small_payload) == 8 && sizeof(payload) == 64);

/// How many messages of a size every channel has room for.
constexpr std::size_t room_for(std::size_t bytes) {
  constexpr std::size_t all_bytes = std::size_t{8} << 20;
  return std::clamp<std::size_t>(all_bytes / bytes, 8, 1024);
}

template <class Message>
Message make_message(std::uint64_t number) {
  Message made;
  for (std::uint64_t i = 0; i < made.words.size(); ++i) made.words[i] = number + i;
  if constexpr (sizeof(Message) > 8) made.words.back() = ~number;
  return made;
}
inline payload make_payload(std::uint64_t number) { return make_message<payload>(number); }

/// Throws `wrong_figure` unless `message` is whole. Returns its number.
template <class Message>
std::uint64_t number_of(const Message& message) {
  // The compiler must assume all of it is read, so that no copy can be cut down to two words.
  asm volatile("" : : "r"(&message) : "memory");
  const std::uint64_t number = message.words.front();
  if constexpr (sizeof(Message) > 8)
    if (message.words.back() != ~number) [[unlikely]]
      throw wrong_figure{"message " + std::to_string(number) + " arrived as ~" +
                         std::to_string(~message.words.back())};
  return number;
}

/// Throws `wrong_figure` unless `message` is the whole message of this number.
template <class Message>
void check_message(const Message& message, std::uint64_t number) {
  if (number_of(message) != number) [[unlikely]]
    throw wrong_figure{"message " + std::to_string(number) + " arrived as " +
                       std::to_string(message.words.front())};
}

/// What a sender sends: small messages are written anew, whole, each time; of a large one, which stays,
/// the first word and the last.
template <class Message>
class message_source {
  static constexpr bool is_small = sizeof(Message) <= 64;

 public:
  std::conditional_t<is_small, Message, const Message&> next() { return with_number(sent_++); }
  std::conditional_t<is_small, Message, const Message&> with_number(std::uint64_t number) {
    if constexpr (is_small) {
      return make_message<Message>(number);
    } else {
      large_->words.front() = number;
      large_->words.back() = ~number;
      return *large_;
    }
  }
  std::uint64_t sent() const { return sent_; }

 private:
  std::uint64_t sent_ = 0;
  std::unique_ptr<Message> large_ = is_small ? nullptr : std::make_unique<Message>();
};

/// Checks that the messages it is called with are the next ones of a sequence.
class sequence_check {
 public:
  template <class Message>
  void operator()(const Message& message) {
    check_message(message, next_);
    ++next_;
  }
  std::uint64_t count() const { return next_; }

 private:
  std::uint64_t next_ = 0;
};

}  // namespace hawser::bench
