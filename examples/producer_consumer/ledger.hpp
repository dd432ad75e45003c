#pragma once

#include "job.hpp"
#include "progress.hpp"
#include "sequence_set.hpp"

#include <cstdint>
#include <map>
#include <optional>

namespace producer_consumer {

/// What has been counted, each job once: one that was done twice, because a consumer was killed
/// between its report and its acknowledgement, is known by its number. Memory is that of the jobs
/// in flight.
class ledger {
 public:
  /// Enters what a consumer has done. Returns whether the job was not done before.
  bool add(pid_t consumer, const outcome& done);

  /// Forgets a consumer that has ended; what it has done stays.
  void forget(pid_t consumer) { consumers_.erase(consumer); }

  /// The job with this number is held by a consumer that is about to be killed.
  void watch(std::uint64_t sequence) { watched_ = sequence; }
  /// When the watched job was taken again, on CLOCK_MONOTONIC.
  std::optional<std::int64_t> taken_again_ns() const { return taken_again_ns_; }

  std::uint64_t files() const { return files_; }
  std::uint64_t jobs() const { return seen_.size(); }
  /// Whether these are the first jobs() ones, without a gap.
  bool complete() const { return seen_.complete(); }
  /// The walk's hash at the last job of all that are entered.
  std::uint64_t chain() const { return chain_; }

  /// The part of the progress that is known here.
  progress so_far() const;

 private:
  sequence_set seen_;
  std::uint64_t files_ = 0;
  totals counted_;
  std::uint64_t last_ = 0;
  std::uint64_t chain_ = chain_start;
  std::map<pid_t, consumer_progress> consumers_;
  std::optional<std::uint64_t> watched_;
  std::optional<std::int64_t> taken_again_ns_;
};

}  // namespace producer_consumer
