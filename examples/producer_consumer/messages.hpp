#pragma once

#include "job.hpp"
#include "progress.hpp"
#include <hawser/actors/caf_compat.hpp>

#include <cstdint>
#include <string>

namespace producer_consumer {

// What the collector tells its supervisor.

/// How far it is: from time to time, and when the last of all jobs is in.
struct collected {
  progress so_far;
  bool all = false;  ///< the walk has ended, and each of its jobs is in
};

/// The consumer holds the file and waits to be killed.
struct holding {
  pid_t consumer = 0;
  std::string path;
};

/// The file that was held has been taken again, on CLOCK_MONOTONIC.
struct taken_again {
  std::int64_t ns = 0;
};

struct unreadable_file {
  std::string path;
  int error = 0;
};

/// The producer could not do its work.
struct walk_failure {
  std::string reason;
};

/// Every report of the round is in: so many jobs, without a gap or not, and the walk's hash there.
struct settled {
  std::uint64_t jobs = 0;
  std::uint64_t chain = 0;
  bool complete = false;
  bool all = false;
};

// And what the supervisor tells it.

struct consumer_gone {
  pid_t consumer = 0;
};

template <class Inspector>
auto inspect(Inspector& f, consumer_progress& x) {
  HAWSER_INSPECT(f, "consumer_progress", x.pid, x.files, x.bytes);
}
template <class Inspector>
auto inspect(Inspector& f, totals& x) {
  HAWSER_INSPECT(f, "totals", x.lines, x.words, x.bytes);
}
template <class Inspector>
auto inspect(Inspector& f, progress& x) {
  HAWSER_INSPECT(f, "progress", x.files, x.unreadable, x.counted, x.queued, x.walked, x.queue_depth,
                 x.queue_capacity, x.seconds, x.consumers);
}
template <class Inspector>
auto inspect(Inspector& f, outcome& x) {
  HAWSER_INSPECT(f, "outcome", x.sequence, x.chain, x.counted, x.taken_ns, x.error);
}
template <class Inspector>
auto inspect(Inspector& f, report& x) {
  HAWSER_INSPECT(f, "report", x.what, x.sender, x.jobs, x.of_job, x.path);
}
template <class Inspector>
auto inspect(Inspector& f, job& x) {
  HAWSER_INSPECT(f, "job", x.sequence, x.chain, x.error, x.hold, x.path);
}
template <class Inspector>
auto inspect(Inspector& f, collected& x) {
  HAWSER_INSPECT(f, "collected", x.so_far, x.all);
}
template <class Inspector>
auto inspect(Inspector& f, holding& x) {
  HAWSER_INSPECT(f, "holding", x.consumer, x.path);
}
template <class Inspector>
auto inspect(Inspector& f, taken_again& x) {
  HAWSER_INSPECT(f, "taken_again", x.ns);
}
template <class Inspector>
auto inspect(Inspector& f, unreadable_file& x) {
  HAWSER_INSPECT(f, "unreadable_file", x.path, x.error);
}
template <class Inspector>
auto inspect(Inspector& f, walk_failure& x) {
  HAWSER_INSPECT(f, "walk_failure", x.reason);
}
template <class Inspector>
auto inspect(Inspector& f, settled& x) {
  HAWSER_INSPECT(f, "settled", x.jobs, x.chain, x.complete, x.all);
}
template <class Inspector>
auto inspect(Inspector& f, consumer_gone& x) {
  HAWSER_INSPECT(f, "consumer_gone", x.consumer);
}

}  // namespace producer_consumer

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(producer_consumer, caf::first_custom_type_id)
  CAF_ADD_TYPE_ID(producer_consumer, (producer_consumer::report))
  CAF_ADD_TYPE_ID(producer_consumer, (producer_consumer::job))
  CAF_ADD_TYPE_ID(producer_consumer, (producer_consumer::collected))
  CAF_ADD_TYPE_ID(producer_consumer, (producer_consumer::holding))
  CAF_ADD_TYPE_ID(producer_consumer, (producer_consumer::taken_again))
  CAF_ADD_TYPE_ID(producer_consumer, (producer_consumer::unreadable_file))
  CAF_ADD_TYPE_ID(producer_consumer, (producer_consumer::walk_failure))
  CAF_ADD_TYPE_ID(producer_consumer, (producer_consumer::settled))
  CAF_ADD_TYPE_ID(producer_consumer, (producer_consumer::consumer_gone))
  CAF_ADD_ATOM(producer_consumer, producer_consumer, tell_atom, "tell")
CAF_END_TYPE_ID_BLOCK(producer_consumer)
// clang-format on
