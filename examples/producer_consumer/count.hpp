#pragma once

#include "word_rule.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace producer_consumer {

/// Lines, words and bytes as `wc` counts them in the C locale: a line is a newline.
struct totals {
  std::uint64_t lines = 0;
  std::uint64_t words = 0;
  std::uint64_t bytes = 0;

  totals& operator+=(const totals& other) {
    lines += other.lines;
    words += other.words;
    bytes += other.bytes;
    return *this;
  }
  friend bool operator==(const totals&, const totals&) = default;
};

/// Counts a file that comes in pieces of any size; a word may cross from one into the next.
class counter {
 public:
  /// `vectorised` false keeps to the table loop that every processor can run.
  explicit counter(word_rule rule, bool vectorised = true);

  void add(std::span<const char> piece);

  /// Returns the totals of the pieces since the last call, and is ready for another file.
  totals finish();

 private:
  /// Two 16-byte tables, by the low and the high half of a byte, whose bitwise and is
  /// the byte's class: bits of `space_mask` for white space, of `word_mask` for what starts a word.
  struct nibble_tables {
    alignas(16) std::array<std::uint8_t, 16> low{};
    alignas(16) std::array<std::uint8_t, 16> high{};
    std::uint8_t space_mask = 0;
    std::uint8_t word_mask = 0;
  };

  static bool build(const byte_classes& classes, nibble_tables& tables);
  void add_bytes(std::span<const char> piece);
  std::size_t add_blocks(std::span<const char> piece);

  const byte_classes& classes_;
  nibble_tables tables_;
  bool vectorised_;
  bool in_word_ = false;
  totals totals_;
};

}  // namespace producer_consumer
