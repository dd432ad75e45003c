#include "ledger.hpp"

namespace producer_consumer {

bool ledger::add(pid_t consumer, const outcome& done) {
  if (done.sequence == watched_ && !taken_again_ns_) taken_again_ns_ = done.taken_ns;
  if (!seen_.insert(done.sequence)) return false;
  if (done.sequence >= last_) {
    last_ = done.sequence;
    chain_ = done.chain;
  }
  consumer_progress& own = consumers_[consumer];
  own.pid = consumer;
  if (done.error != 0) return true;
  ++files_;
  counted_ += done.counted;
  ++own.files;
  own.bytes += done.counted.bytes;
  return true;
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
