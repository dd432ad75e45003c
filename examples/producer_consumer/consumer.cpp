#include "consumer.hpp"

#include "../stop_signals.hpp"
#include <hawser/actors/consumer.hpp>

#include <ctime>
#include <utility>

#include <unistd.h>

namespace producer_consumer {

using hawser::open_only;
namespace shm = hawser::shm;

namespace {

// A job taken ahead would save a wake-up, and wait if the file before it is a big one, while
// another consumer has nothing to do.
constexpr std::size_t credit = 1;

std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

}  // namespace

consumer::consumer(caf::actor_config& config, std::string jobs_name, std::string reports_name,
                   std::string hold_name, std::uint32_t rule)
    : caf::event_based_actor(config),
      jobs_name_(std::move(jobs_name)),
      hold_name_(std::move(hold_name)),
      reports_(open_only, reports_name),
      files_(static_cast<word_rule>(rule)) {}

caf::behavior consumer::make_behavior() {
  examples::leave_stopping_to_the_parent();
  const caf::actor jobs = hawser::actors::spawn_consumer(
      system(), shm::queue<job>{open_only, jobs_name_}, caf::actor{this}, {.credit = credit});
  // It ends when the queue is closed and every job in it is done.
  monitor(jobs);
  set_down_handler([this](caf::down_msg& down) { quit(std::move(down.reason)); });
  return {[this](const job& one) { return count(one); }};
}

caf::result<void> consumer::count(const job& one) {
  report news{report::kind::counted, ::getpid(), 0, {}, {}};
  outcome& result = news.of_job;
  result = {one.sequence, one.chain, {}, monotonic_ns(), one.error};
  const bool hold = is_to_hold(one);
  if (hold) {
    news.what = report::kind::holding;
  } else if (one.error == 0) {
    const auto counted = files_.count(one.path);
    result.counted = counted.counted;
    result.error = counted.error;
  }
  if (hold || result.error != 0) news.path = one.path;
  // Waits while the collector is behind: there is nothing better to do.
  if (reports_.push(news) != shm::push_status::ok) return caf::sec::runtime_error;
  // Whoever holds a job does not answer for it.
  if (hold) return make_response_promise();
  return caf::unit;
}

bool consumer::is_to_hold(const job& one) const {
  return one.hold && !hold_name_.empty() &&
         shm::queue<std::uint32_t>{open_only, hold_name_}.try_pop().has_value();
}

}  // namespace producer_consumer
