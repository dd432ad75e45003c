#include "ledger.hpp"

#include <algorithm>

namespace producer_consumer {

int ledger::add(const report& counted) {
  int error = 0;
  for (const outcome& one : counted.outcomes) {
    if (one.sequence == watched_ && !taken_again_ns_) taken_again_ns_ = one.taken_ns;
    error = 0;
    if (!seen_.insert(one.sequence)) continue;
    if (one.sequence >= last_) {
      last_ = one.sequence;
      chain_ = one.chain;
    }
    consumer_progress& consumer = consumers_[counted.sender];
    consumer.pid = counted.sender;
    error = one.error;
    if (error != 0) continue;
    ++files_;
    counted_ += one.counted;
    ++consumer.files;
    consumer.bytes += one.counted.bytes;
  }
  return error;
}

progress ledger::so_far() const {
  progress now;
  now.files = files_;
  now.unreadable = seen_.size() - files_;
  now.counted = counted_;
  for (const auto& [pid, consumer] : consumers_) now.consumers.push_back(consumer);
  return now;
}

}  // namespace producer_consumer
