#include "supervisor.hpp"

#include "collector.hpp"
#include "one_line.hpp"
#include <hawser/actors/consumer.hpp>
#include <hawser/shm/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <random>
#include <stdexcept>

#include <unistd.h>

namespace producer_consumer {

using hawser::actors::process_down;

namespace {

constexpr std::size_t jobs_capacity = 256;
constexpr std::size_t reports_capacity = 64;

// A producer that is killed over and over would never be through.
constexpr unsigned rounds_max = 20;

// Consumers are replaced for as long as jobs get done; and so often if none does.
constexpr unsigned fruitless_deaths_max = 100;

// When all is counted, consumers have so long to end by themselves. One may be stopped.
constexpr std::chrono::seconds end_timeout{1};

std::string unique_name() {
  return fmt::format("producer_consumer.{}.{:08x}", ::getpid(), std::random_device{}());
}

std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

}  // namespace

supervisor::supervisor(caf::actor_system& system, const options& chosen)
    : options_(chosen),
      display_(chosen.quiet),
      self_(system),
      listener_(caf::actor_cast<caf::actor>(self_)),
      name_(unique_name()),
      reports_(hawser::create_only, name_ + ".reports",
               {.capacity = reports_capacity, .message_bytes_max = report::bytes_max}),
      crew_(listener_) {
  if (chosen.kill_one) {
    hold_.emplace(hawser::create_only, name_ + ".hold", hawser::shm::queue_options{.capacity = 1});
    if (hold_->push(1) != hawser::shm::push_status::ok)
      throw std::logic_error{"a new queue is full"};
  }
  collector_ = system.spawn(collector, listener_);
  const caf::actor reader = hawser::actors::spawn_consumer(
      system, hawser::shm::queue<report>{hawser::open_only, reports_.name()}, collector_);
  self_->monitor(collector_);
  self_->monitor(reader);
}

supervisor::~supervisor() {
  crew_.kill_all();
  // Its reader ends with it.
  caf::anon_send_exit(collector_, caf::exit_reason::user_shutdown);
}

void supervisor::stop(int signal) {
  stop_signal_.store(signal);
  crew_.give_up_starting();
  caf::anon_send(listener_, signal);
}

int supervisor::run() {
  start_round();
  auto next_show = started_ + display_.interval();
  while (!exit_status_) {
    if (receive_until(all_ ? std::min(next_show, all_at_ + end_timeout) : next_show)) continue;
    if (all_ && clock::now() >= all_at_ + end_timeout) end(0);
    show();
    next_show = clock::now() + display_.interval();
  }
  crew_.kill_all();
  if (!all_) all_at_ = clock::now();
  show();
  say_result();
  if (const int error = display_.broken(); error != 0 && error != EPIPE)
    display_.note(fmt::format(
        "producer_consumer: cannot write to standard output: {}; send it where there is room",
        std::strerror(error)));
  return *exit_status_;
}

crew::queues supervisor::queues() const {
  return {jobs_->name(), reports_.name(), hold_ ? hold_->name() : ""};
}

void supervisor::start_round() {
  if (++rounds_ > rounds_max) return end(1, "the producer was killed too often");
  // The new queue takes the place of the one before, which nobody uses any more.
  jobs_.reset();
  jobs_.emplace(
      hawser::create_only, fmt::format("{}.jobs.{}", name_, rounds_),
      hawser::shm::queue_options{.capacity = jobs_capacity, .message_bytes_max = job::bytes_max});
  start([this] {
    crew_.start_producer(queues(), options_.paths, resume_, options_.kill_one && !killing_);
  });
  if (rounds_ == 1) rule_ = machine_rule([this] { return stop_signal_.load() != 0; });
  start_missing_consumers();
}

void supervisor::start_missing_consumers() {
  while (crew_.consumers() < options_.consumers && stop_signal_.load() == 0 && !exit_status_)
    start([this] { crew_.start_consumer(queues(), rule_); });
}

// A process that is killed while it starts is like one that is killed soon after: another one is
// started, but not for ever.
void supervisor::start(const std::function<void()>& one) {
  while (stop_signal_.load() == 0 && !exit_status_) {
    try {
      return one();
    } catch (const hawser::error& error) {
      if (!may_replace()) end(1, error.what());
    }
  }
}

bool supervisor::may_replace() { return ++fruitless_deaths_ <= fruitless_deaths_max; }

// Handles the next message, if there is one before `time`. Returns whether there was.
bool supervisor::receive_until(clock::time_point time) {
  bool received = true;
  self_->receive(
      [this](const process_down& down) { on_down(down); },
      [this](const collected& news) { on_collected(news); },
      [this](const holding& news) { on_holding(news); },
      [this](const settled& news) { on_settled(news); },
      [this](const taken_again& news) {
        if (killing_) killing_->taken_again_ns = news.ns;
      },
      [this](const unreadable_file& file) {
        unreadable_.add(file.path, file.error,
                        [this](const std::string& line) { display_.note(line); });
      },
      [this](const walk_failure& failure) { end(1, failure.reason); },
      [this](int signal) { end(128 + signal); },
      caf::after(std::max(time - clock::now(), clock::duration{})) >> [&] { received = false; });
  return received;
}

void supervisor::on_down(const process_down& down) {
  switch (crew_.remove(down.pid)) {
    case crew::role::producer: on_producer_down(down); break;
    case crew::role::consumer: on_consumer_down(down); break;
    case crew::role::unknown: return;
  }
  end_round_if_over();
}

void supervisor::on_producer_down(const process_down& down) {
  if (down.status.code() && !down.status.success())
    return end(1, "the producer " + to_string(down.status));
  if (!down.status.success())
    display_.note(fmt::format("producer {} {}: it is started anew when its jobs are done", down.pid,
                              to_string(down.status)));
  jobs_->close();
}

void supervisor::on_consumer_down(const process_down& down) {
  caf::anon_send(collector_, consumer_gone{down.pid});
  // One that was asked to end (SIGTERM) has done so orderly, but there is work left.
  if (all_ || jobs_->drained()) return;
  if (!may_replace())
    return end(
        1, "consumers do not live long enough to do a job: the last one " + to_string(down.status));
  if (!killing_ || killing_->consumer != down.pid)
    display_.note(fmt::format("consumer {} {}: another one takes its place", down.pid,
                              to_string(down.status)));
  start_missing_consumers();
}

void supervisor::end_round_if_over() {
  if (exit_status_ || !crew_.empty()) return;
  if (all_) return end(0);
  const auto told = reports_.push({report::kind::round_over, ::getpid(), 0, {}, {}});
  if (told != hawser::shm::push_status::ok) end(1, "the queue of reports was closed");
}

void supervisor::on_collected(const collected& news) {
  if (news.so_far.files + news.so_far.unreadable > so_far_.files + so_far_.unreadable)
    fruitless_deaths_ = 0;
  so_far_ = news.so_far;
  if (!news.all || all_) return;
  all_ = true;
  all_at_ = clock::now();
}

void supervisor::on_holding(const holding& news) {
  if (killing_) return;
  killing_ = killing{news.consumer, news.path, monotonic_ns(), {}};
  crew_.kill(news.consumer);
}

void supervisor::on_settled(const settled& news) {
  if (!news.complete) return end(1, "reports are missing");
  if (news.all) return end(0);
  resume_ = {news.jobs, news.chain};
  start_round();
}

double supervisor::seconds() const {
  return std::chrono::duration<double>((all_ ? all_at_ : clock::now()) - started_).count();
}

void supervisor::show() {
  progress now = so_far_;
  if (!now.walked) now.queued = resume_.jobs + jobs_->counters().pushed;
  now.queue_depth = jobs_->size();
  now.queue_capacity = jobs_->capacity();
  now.seconds = seconds();
  display_.show(now);
  if (display_.broken() != 0) end(status_of_broken_output());
}

// Whoever stops reading, as `head` does, ends us as it would end wc: quietly.
int supervisor::status_of_broken_output() const {
  return display_.broken() == EPIPE ? 128 + SIGPIPE : 1;
}

void supervisor::end(int exit_status, const std::string& why) {
  if (exit_status_) return;
  exit_status_ = exit_status;
  why_ = why;
}

void supervisor::say_result() {
  const auto note = [this](const std::string& line) { display_.note(line); };
  const double took = seconds();
  unreadable_.name_all(note);
  if (so_far_.unreadable > 0)
    note(fmt::format("{} files or directories could not be read", so_far_.unreadable));

  const std::string counted =
      fmt::format("{} files {} lines {} words {} bytes in {:.2f} s", so_far_.files,
                  so_far_.counted.lines, so_far_.counted.words, so_far_.counted.bytes, took);
  if (!all_) {
    if (stop_signal_.load() != 0)
      display_.result(fmt::format("stopped by signal {} ({}) after {}", stop_signal_.load(),
                                  ::strsignal(stop_signal_.load()), counted));
    else if (!why_.empty())
      note(fmt::format("producer_consumer: {}; stopped after {}", why_, counted));
    return;
  }
  if (killing_ && killing_->taken_again_ns)
    display_.result(
        fmt::format("killed consumer {} holding {}: redelivered after {:.1f} ms",
                    killing_->consumer, one_line(killing_->path),
                    static_cast<double>(*killing_->taken_again_ns - killing_->killed_ns) / 1e6));
  else if (options_.kill_one) note("nobody was killed: no consumer was seen holding a file");
  display_.result(
      fmt::format("total {}, {:.1f} MB/s", counted,
                  static_cast<double>(so_far_.counted.bytes) / std::max(took, 1e-9) / 1e6));
  if (display_.broken() != 0) exit_status_ = status_of_broken_output();
  else if (so_far_.unreadable > 0) exit_status_ = 1;
}

}  // namespace producer_consumer
