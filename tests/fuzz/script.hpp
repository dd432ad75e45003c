/// A fuzzer's input, read as a list of small decisions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace hawser::fuzz {

/// Past its end every decision is 0.
class script {
 public:
  explicit script(std::span<const std::uint8_t> bytes) noexcept : rest_(bytes) {}

  bool done() const noexcept { return rest_.empty(); }

  template <class Word = std::uint8_t>
  Word next() noexcept {
    const auto taken = part(sizeof(Word));
    Word word{};
    if (!taken.rest_.empty()) std::memcpy(&word, taken.rest_.data(), taken.rest_.size());
    return word;
  }
  /// One of 0 ... choices - 1.
  std::size_t below(std::size_t choices) noexcept {
    return choices <= 256 ? next() % choices : next<std::uint32_t>() % choices;
  }
  /// The next `bytes` bytes, or what there is, as a script of its own: for another thread.
  script part(std::size_t bytes) noexcept {
    const auto taken = rest_.first(bytes < rest_.size() ? bytes : rest_.size());
    rest_ = rest_.subspan(taken.size());
    return script{taken};
  }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace hawser::fuzz
