#pragma once

#include "count.hpp"
#include <hawser/shm/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

namespace producer_consumer {

/// The longest path that is queued, eight times PATH_MAX. Of a longer one the beginning is, with
/// the error ENAMETOOLONG, so that it is named among the unreadable.
inline constexpr std::size_t path_bytes_max = std::size_t{32} * 1024;

/// One file to be counted. Jobs are numbered in the order of the walk, without gaps.
struct job {
  std::uint64_t sequence = 0;
  std::uint64_t chain = 0;  ///< the hash of this path and all before it: the same walk again?
  std::int32_t error = 0;   ///< not a file, but a directory that could not be read, and why
  bool hold = false;        ///< whoever gets it first reports it, and holds it until killed
  std::string path;

  static constexpr std::size_t bytes_max = 24 + path_bytes_max;
};

/// What became of a job.
struct outcome {
  std::uint64_t sequence = 0;
  std::uint64_t chain = 0;
  totals counted;
  std::int64_t taken_ns = 0;  ///< CLOCK_MONOTONIC when the lease was taken
  std::int32_t error = 0;     ///< an errno; 0 if the file was counted
};

/// What the collector is told.
struct report {
  enum class kind : std::int32_t {
    counted,      ///< the jobs in `outcomes` are done; `path` is the last one's if that failed
    holding,      ///< the consumer holds this job, at `path`, and waits to be killed
    walk_ended,   ///< the producer has queued `jobs` jobs, and these are all
    walk_failed,  ///< the producer cannot go on, for the reason in `path`
    round_over    ///< producer and consumers have ended: no report is under way behind this one
  };

  kind what = kind::counted;
  pid_t sender = 0;
  std::uint64_t jobs = 0;
  outcome of_job;
  std::string path;

  static constexpr std::size_t bytes_max = 16 + sizeof(outcome) + path_bytes_max;
};

/// The hash of a walk that has come to `path` after one with the hash `before` (FNV-1a).
std::uint64_t chain(std::uint64_t before, const std::string& path);
inline constexpr std::uint64_t chain_start = 0xcbf29ce484222325;

}  // namespace producer_consumer

template <>
struct hawser::shm::codec<producer_consumer::job> {
  static void encode(const producer_consumer::job& value, std::vector<std::byte>& out);
  static producer_consumer::job decode(std::span<const std::byte> bytes);
};

template <>
struct hawser::shm::codec<producer_consumer::report> {
  static void encode(const producer_consumer::report& value, std::vector<std::byte>& out);
  static producer_consumer::report decode(std::span<const std::byte> bytes);
};
