#include "sequence_set.hpp"

#include <iterator>

namespace producer_consumer {

bool sequence_set::insert(std::uint64_t number) {
  const auto above = ranges_.upper_bound(number);
  auto range = above;
  if (above != ranges_.begin() && std::prev(above)->second >= number) {
    range = std::prev(above);
    if (range->second > number) return false;
    range->second = number + 1;
  } else {
    range = ranges_.emplace_hint(above, number, number + 1);
  }
  if (above != ranges_.end() && above->first == range->second) {
    range->second = above->second;
    ranges_.erase(above);
  }
  ++size_;
  return true;
}

bool sequence_set::complete() const {
  return ranges_.empty() || (ranges_.size() == 1 && ranges_.begin()->first == 0);
}

}  // namespace producer_consumer
