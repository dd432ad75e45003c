#include "crew.hpp"

#include "consumer.hpp"

#include <utility>

namespace producer_consumer {

using hawser::actors::process;

namespace {

// A child may be stopped (SIGSTOP) while it starts: that is no reason to give it up.
constexpr std::chrono::seconds start_timeout{60};

}  // namespace

void crew::start_producer(const queues& names, const std::vector<std::string>& paths,
                          const resume_point& resume, bool mark_one) {
  producer_ = process::spawn(
      {.name = "producer", .start_timeout = start_timeout, .give_up = stop_.get_token()}, producer,
      names.jobs, names.reports, paths, resume.jobs, resume.chain, mark_one);
  producer_.on_exit(listener_);
}

void crew::start_consumer(const queues& names, word_rule rule) {
  process started = process::spawn<consumer>(
      {.name = "consumer", .start_timeout = start_timeout, .give_up = stop_.get_token()},
      names.jobs, names.reports, names.hold, static_cast<std::uint32_t>(rule));
  started.on_exit(listener_);
  consumers_.insert_or_assign(started.pid(), std::move(started));
}

crew::role crew::remove(pid_t pid) {
  if (producer_ && producer_.pid() == pid) {
    producer_ = process{};
    return role::producer;
  }
  return consumers_.erase(pid) == 1 ? role::consumer : role::unknown;
}

void crew::kill(pid_t pid) {
  if (const auto found = consumers_.find(pid); found != consumers_.end()) found->second.kill();
}

void crew::kill_all() {
  if (producer_) producer_.kill();
  for (const auto& [pid, one] : consumers_) one.kill();
  if (producer_) producer_.join();
  for (const auto& [pid, one] : consumers_) one.join();
  producer_ = process{};
  consumers_.clear();
}

}  // namespace producer_consumer
