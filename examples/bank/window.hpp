/// Which requests of a teller have been done: so one that is repeated is not done again.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>

namespace bank {

/// A teller numbers its requests, and says with each one below which it has all answers. Those above,
/// of which it has at most `size` at a time, are remembered, and are all that need be.
class window {
 public:
  static constexpr std::uint64_t size = 1024;

  window() = default;
  /// As `bytes` made it.
  window(std::uint64_t low, const std::string& bytes);

  std::uint64_t low() const noexcept { return low_; }
  /// The teller has the answers of all below.
  void forget_below(std::uint64_t low);
  bool fits(std::uint64_t number) const noexcept { return number < low_ + size; }
  bool is_done(std::uint64_t number) const;
  /// Of one that fits.
  void done(std::uint64_t number);

  std::string bytes() const { return done_.to_string(); }

 private:
  std::uint64_t low_ = 0;
  std::bitset<size> done_;  // number % size
};

}  // namespace bank
