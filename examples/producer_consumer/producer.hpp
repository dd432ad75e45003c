#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace producer_consumer {

/// A walk that a killed producer left unfinished: its successor goes the same way, queues nothing
/// of the first `jobs` jobs, and fails if they are not the same any more.
struct resume_point {
  std::uint64_t jobs = 0;
  std::uint64_t chain = 0;
};

/// The producer's process: walks `paths`, queues a job for each file in the queue `jobs_name`,
/// closes it, and reports the end of the walk to the queue `reports_name`.
///
/// With `mark_one` a consumer is to be killed: one file is marked to be held until then.
///
/// Returns    The exit code: 0, if the end of the walk, or why there is none, was reported.
int producer(std::string jobs_name, std::string reports_name, std::vector<std::string> paths,
             std::uint64_t resume_jobs, std::uint64_t resume_chain, bool mark_one);

}  // namespace producer_consumer
