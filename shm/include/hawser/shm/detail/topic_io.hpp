/// Messages in and out of a topic's slots, by kind of type (see codec.hpp): word by word, since a
/// slot may be written over while it is read (E7 in topic_layout.hpp).
#pragma once

#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/message_io.hpp>
#include <hawser/shm/detail/private_copy.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace hawser::shm::detail {

inline constexpr std::size_t word_bytes = sizeof(std::uint64_t);

constexpr std::size_t words_for(std::size_t bytes) noexcept {
  return (bytes + word_bytes - 1) / word_bytes;
}

inline std::atomic<std::uint64_t>& word_at(const std::byte* payload, std::size_t index) noexcept {
  return *reinterpret_cast<std::atomic<std::uint64_t>*>(const_cast<std::byte*>(payload) +
                                                        index * word_bytes);
}

/// The last word is filled up with zeroes: a slot has room for whole words.
inline void store_words(std::byte* payload, const void* from, std::size_t bytes) noexcept {
  const auto* source = static_cast<const std::byte*>(from);
  std::size_t i = 0;
  for (; i < bytes / word_bytes; ++i) {
    std::uint64_t word;
    std::memcpy(&word, source + i * word_bytes, word_bytes);
    word_at(payload, i).store(word, std::memory_order_release);  // E7
  }
  if (const std::size_t rest = bytes % word_bytes; rest != 0) {
    std::uint64_t word = 0;
    std::memcpy(&word, source + i * word_bytes, rest);
    word_at(payload, i).store(word, std::memory_order_release);  // E7
  }
}

/// Fills `count` whole words.
inline void load_words(const std::byte* payload, std::byte* to, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t word = word_at(payload, i).load(std::memory_order_acquire);  // E7
    std::memcpy(to + i * word_bytes, &word, word_bytes);
  }
}

/// What a taken message is copied to. Kept from one message to the next, for its memory.
template <message T>
class message_copy {
 public:
  explicit message_copy(std::size_t payload_bytes) : most_(payload_bytes) {}

  /// What it holds after this may be torn: the caller looks.
  void copy(const std::byte* payload) {
    // The length is read once: what is checked is what is used.
    const std::uint64_t length = word_at(payload, 0).load(std::memory_order_acquire);
    bytes_ = static_cast<std::size_t>(std::min<std::uint64_t>(length, most_));
    words_.resize(words_for(bytes_));
    load_words(payload + word_bytes, reinterpret_cast<std::byte*>(words_.data()), words_.size());
  }
  T value() const {
    if constexpr (range_message<T>) {
      using element = std::ranges::range_value_t<T>;
      const auto* first = reinterpret_cast<const element*>(words_.data());
      return T(first, first + bytes_ / sizeof(element));
    } else {
      return codec<T>::decode({reinterpret_cast<const std::byte*>(words_.data()), bytes_});
    }
  }

 private:
  std::size_t most_, bytes_ = 0;
  std::vector<std::uint64_t> words_;
};

template <in_place_message T>
class message_copy<T> {
 public:
  explicit message_copy(std::size_t) {}

  void copy(const std::byte* payload) noexcept {
    load_words(payload, bytes_.data(), words_for(sizeof(T)));
  }
  T value() const noexcept {
    std::array<std::byte, sizeof(T)> exact;
    std::memcpy(exact.data(), bytes_.data(), sizeof(T));
    return std::bit_cast<T>(exact);
  }

 private:
  std::array<std::byte, words_for(sizeof(T)) * word_bytes> bytes_;
};

/// What a message read in place keeps beside its slot.
template <message T>
class message_in_place {
 public:
  message_in_place(const std::byte* payload, std::size_t payload_bytes) : payload_(payload) {
    if constexpr (!in_place_message<T>) {
      // Read once: what is checked is what is used.
      const std::uint64_t length = word_at(payload, 0).load(std::memory_order_relaxed);
      bytes_ = static_cast<std::size_t>(std::min<std::uint64_t>(length, payload_bytes));
    }
    if constexpr (encoded_message<T>)
      decoded_.emplace(codec<T>::decode(private_copy{{payload_ + word_bytes, bytes_}}.bytes()));
  }
  message_view<T> view() const noexcept {
    if constexpr (encoded_message<T>) {
      return *decoded_;
    } else if constexpr (range_message<T>) {
      using element = std::ranges::range_value_t<T>;
      return {reinterpret_cast<const element*>(payload_ + word_bytes), bytes_ / sizeof(element)};
    } else {
      return *reinterpret_cast<const T*>(payload_);
    }
  }

 private:
  struct nothing {};
  const std::byte* payload_;
  std::size_t bytes_ = 0;
  [[no_unique_address]] std::conditional_t<encoded_message<T>, std::optional<T>, nothing> decoded_;
};

/// What is published: prepared before the lock is taken, written inside it.
template <message T>
void write_message(const T& value, std::byte* payload) noexcept requires in_place_message<T> {
  store_words(payload, &value, sizeof(T));
}
inline void write_message(std::span<const std::byte> bytes, std::byte* payload) noexcept {
  word_at(payload, 0).store(bytes.size(), std::memory_order_release);  // E7
  store_words(payload + word_bytes, bytes.data(), bytes.size());
}

}  // namespace hawser::shm::detail
