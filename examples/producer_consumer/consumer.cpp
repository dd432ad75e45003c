#include "consumer.hpp"

#include "../stop_signals.hpp"
#include "count_file.hpp"
#include "job.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/shm/queue.hpp>

#include <ctime>

#include <unistd.h>

namespace producer_consumer {

namespace {
std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}
}  // namespace

int consumer(std::string jobs_name, std::string reports_name, std::uint32_t rule) {
  examples::leave_stopping_to_the_parent();
  hawser::shm::queue<job> jobs{hawser::open_only, jobs_name};
  hawser::shm::queue<report> reports{hawser::open_only, reports_name};
  file_counter files{static_cast<word_rule>(rule)};
  for (;;) {
    auto leases = jobs.lease_batch(16);
    if (leases.empty()) return 0;
    report done{report::kind::counted, ::getpid(), 0, {}, {}};
    for (auto& lease : leases) {
      const job& one = *lease;
      const auto taken = monotonic_ns();
      if (one.hold && lease.attempts() == 1) {
        (void)reports.push({report::kind::holding,
                            ::getpid(),
                            0,
                            {{one.sequence, one.chain, {}, taken, 0, 1}},
                            one.path});
        for (;;) ::pause();
      }
      file_counter::outcome what{{}, one.error};
      if (one.error == 0) what = files.count(one.path);
      done.outcomes.push_back(
          {one.sequence, one.chain, what.counted, taken, what.error, lease.attempts()});
      if (what.error != 0) {
        done.path = one.path;
        if (reports.push(done) != hawser::shm::push_status::ok) return 1;
        done.outcomes.clear();
        done.path.clear();
      }
    }
    if (!done.outcomes.empty() && reports.push(done) != hawser::shm::push_status::ok) return 1;
    for (auto& lease : leases) lease.ack();
  }
}

HAWSER_PROCESS(consumer);

}  // namespace producer_consumer
