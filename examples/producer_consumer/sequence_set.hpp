#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace producer_consumer {

/// Which of the numbers 0, 1, 2, ... have been seen, as ranges without gaps: its memory is that of
/// the gaps, so of the jobs in flight, however many there were.
class sequence_set {
 public:
  /// Returns whether `number` is new.
  bool insert(std::uint64_t number);

  /// How many numbers have been seen.
  std::uint64_t size() const { return size_; }

  /// Whether they are exactly 0 to size() - 1.
  bool complete() const;

  /// Ranges with a gap between them.
  std::size_t ranges() const { return ranges_.size(); }

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // first number -> the one after the last
  std::uint64_t size_ = 0;
};

}  // namespace producer_consumer
