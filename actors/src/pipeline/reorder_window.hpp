/// What has come of numbers that are on the way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace hawser::actors::detail {

/// Numbers 0, 1, 2, ... that come in any order, some more than once; each is taken once, in the order
/// of their numbers or as they come. All that may be on the way are within `size` of the first that
/// has not been taken: so is what this keeps.
///
/// Threads    One at a time.
template <class T>
class reorder_window {
 public:
  reorder_window(std::size_t size, bool ordered) : ordered_(ordered), places_(size) {}

  /// Whether this number may set out.
  bool has_room(std::uint64_t number) const noexcept { return number - low_ < places_.size(); }
  /// False: it has come before.
  bool put(std::uint64_t number, T value) {
    if (number < low_ || !has_room(number)) return false;
    place& its = places_[number % places_.size()];
    if (its.has_come) return false;
    its.has_come = true;
    if (ordered_) {
      its.value = std::move(value);
      return true;
    }
    ready_.push_back(std::move(value));
    while (places_[low_ % places_.size()].has_come) pass();
    return true;
  }
  /// The next one; nothing: it has not come.
  std::optional<T> take() {
    std::optional<T> next;
    if (ordered_) {
      place& first = places_[low_ % places_.size()];
      if (!first.has_come) return next;
      next = std::exchange(first.value, std::nullopt);
      pass();
    } else if (!ready_.empty()) {
      next = std::move(ready_.front());
      ready_.pop_front();
    }
    if (next) ++taken_;
    return next;
  }
  /// All below have come.
  std::uint64_t low() const noexcept { return low_; }
  std::uint64_t taken() const noexcept { return taken_; }
  std::size_t size() const noexcept { return places_.size(); }

 private:
  struct place {
    bool has_come = false;
    std::optional<T> value;
  };
  void pass() {
    places_[low_ % places_.size()].has_come = false;
    ++low_;
  }

  const bool ordered_;
  std::vector<place> places_;
  std::deque<T> ready_;
  std::uint64_t low_ = 0, taken_ = 0;
};

}  // namespace hawser::actors::detail
