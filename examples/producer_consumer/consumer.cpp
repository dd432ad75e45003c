#include "consumer.hpp"

#include "../stop_signals.hpp"
#include <hawser/actors/consumer.hpp>
#include <hawser/actors/producer.hpp>

#include <caf/atom.hpp>

#include <ctime>
#include <utility>

#include <unistd.h>

namespace producer_consumer {

namespace {

namespace actors = hawser::actors;
using hawser::open_only;

using send_report_atom = caf::atom_constant<caf::atom("report")>;

// So many jobs are leased at a time: their files are counted with one report, one lock and one
// wake-up for half of them.
constexpr std::size_t credit = report::outcomes_max;

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
      reports_name_(std::move(reports_name)),
      hold_name_(std::move(hold_name)),
      files_(static_cast<word_rule>(rule)) {}

caf::behavior consumer::make_behavior() {
  examples::leave_stopping_to_the_parent();
  reports_ = actors::spawn_producer(system(), hawser::shm::queue<report>{open_only, reports_name_});
  const caf::actor jobs =
      actors::spawn_consumer(system(), hawser::shm::queue<job>{open_only, jobs_name_},
                             caf::actor{this}, {.credit = credit});
  // It ends when the queue is closed and every job in it has been answered.
  monitor(jobs);
  set_down_handler([this](caf::down_msg& down) { quit(std::move(down.reason)); });
  return {
      [this](const job& one) { return count(one); },
      [this](send_report_atom) { send_report(); },
  };
}

void consumer::on_exit() {
  send_exit(reports_, caf::exit_reason::user_shutdown);
  reports_ = nullptr;
}

caf::result<void> consumer::count(const job& one) {
  const std::int64_t taken_ns = monotonic_ns();
  auto answer = make_response_promise();
  if (is_to_hold(one)) {
    request(reports_, caf::infinite,
            report{report::kind::holding,
                   ::getpid(),
                   0,
                   {{one.sequence, one.chain, {}, taken_ns, 0}},
                   one.path})
        .then([answer] { /* held: never answered */ });
    return answer;
  }
  file_counter::outcome what{{}, one.error};
  if (one.error == 0) what = files_.count(one.path);
  counted_.outcomes.push_back({one.sequence, one.chain, what.counted, taken_ns, what.error});
  answers_.push_back(answer);
  // The report takes what there is in the mailbox now; a job that failed has to be the last one.
  if (counted_.outcomes.size() == 1) send(this, send_report_atom::value);
  if (what.error != 0) counted_.path = one.path;
  if (what.error != 0 || counted_.outcomes.size() == report::outcomes_max) send_report();
  return answer;
}

bool consumer::is_to_hold(const job& one) const {
  return one.hold && !hold_name_.empty() &&
         hawser::shm::queue<std::uint32_t>{open_only, hold_name_}.try_pop().has_value();
}

void consumer::send_report() {
  if (counted_.outcomes.empty()) return;
  counted_.sender = ::getpid();
  request(reports_, caf::infinite, std::exchange(counted_, {}))
      .then(
          [answers = std::exchange(answers_, {})]() mutable {
            for (auto& answer : answers) answer.deliver(caf::unit);
          },
          [this](caf::error& failed) { quit(std::move(failed)); });
}

}  // namespace producer_consumer
