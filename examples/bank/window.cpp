#include "window.hpp"

namespace bank {

window::window(std::uint64_t low, const std::string& bytes) : low_(low), done_(bytes) {}

void window::forget_below(std::uint64_t low) {
  if (low <= low_) return;
  if (low - low_ >= size) done_.reset();
  else
    for (std::uint64_t number = low_; number < low; ++number) done_.reset(number % size);
  low_ = low;
}

bool window::is_done(std::uint64_t number) const {
  return number < low_ || (fits(number) && done_.test(number % size));
}

void window::done(std::uint64_t number) {
  if (number >= low_) done_.set(number % size);
}

}  // namespace bank
