// Starting processes: as a function and as an actor class, by themselves and by name, waited for
// with and without a time limit, and how each of them ended.
//
//   processes [--lines 3]
//
//   started 6 processes from process 4711
//   hello 1 from writer (process 4712)
//   hello 2 from writer (process 4712)
//   hello 3 from writer (process 4712)
//   writer (process 4712): exited with 0
//   exits-with-7 (process 4713): exited with 7
//   thrower (process 4714): exited with 1: std::runtime_error: no disk in drive A
//   counter (process 4715): exited with 0
//   sleeper-1 (process 4716): still running after 50 ms
//   sleeper-1 (process 4716): killed by signal 15 (Terminated)
//   sleeper-2 (process 4717): killed by signal 9 (Killed)
//
// The exit status is 0 if each of them ended as it should.
#include "stop_signals.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/actors/this_process.hpp>
#include <hawser/shm/queue.hpp>

#include <CLI/CLI.hpp>
#include <caf/event_based_actor.hpp>

#include <chrono>
#include <csignal>
#include <iostream>
#include <stdexcept>
#include <string>

#include <unistd.h>

using namespace hawser;
using namespace std::chrono_literals;
using actors::exit_status;
using actors::process;

// Function style: any arguments that can travel; void, or the exit code.
void write_lines(std::string lines_name, int count) {
  shm::queue<std::string> lines{open_only, lines_name};
  for (int i = 1; i <= count; ++i)
    lines.push("hello " + std::to_string(i) + " from " + actors::this_process::name() +
               " (process " + std::to_string(actors::this_process::pid()) + ")");
  lines.close();
}
HAWSER_PROCESS(write_lines);

int leave(int code) { return code; }
HAWSER_PROCESS(leave);

void look_for_a_disk(const std::string& drive) {
  throw std::runtime_error{"no disk in drive " + drive};
}
HAWSER_PROCESS(look_for_a_disk);

void sleep_on() {
  for (;;) ::pause();
}
HAWSER_PROCESS(sleep_on);

// Class style: the process is this actor, and ends with it.
class counter : public caf::event_based_actor {
 public:
  counter(caf::actor_config& config, int from) : caf::event_based_actor(config), left_(from) {}

 private:
  caf::behavior make_behavior() override {
    send(this, 1);
    return {[this](int step) {
      left_ -= step;
      if (left_ > 0) send(this, 1);
      else quit();
    }};
  }

  int left_;
};
HAWSER_PROCESS_ACTOR(counter, int);

int main(int argc, char** argv) try {
  if (const auto status = actors::run_as_child(argc, argv)) return *status;

  int line_count = 3;
  CLI::App app{"Starts processes in every style, and tells how each of them ended"};
  app.add_option("--lines", line_count, "Lines the writer writes")->check(CLI::Range(0, 1'000'000));
  CLI11_PARSE(app, argc, argv);

  shm::remove_stale("processes.");
  shm::queue<std::string> lines{create_only, "processes." + std::to_string(::getpid())};
  const examples::stop_signals interruption{[&](int) { lines.close(); }};

  auto writer = process::spawn({.name = "writer"}, write_lines, lines.name(), line_count);
  auto leaver = process::spawn({.name = "exits-with-7"}, "leave", 7);  // by its name
  auto thrower = process::spawn({.name = "thrower"}, look_for_a_disk, "A");
  auto counting = process::spawn<counter>({.name = "counter"}, 1000);
  auto sleeper_1 = process::spawn({.name = "sleeper-1"}, sleep_on);
  auto sleeper_2 = process::spawn({.name = "sleeper-2"}, sleep_on);
  std::cout << "started 6 processes from process " << ::getpid() << std::endl;

  int lines_seen = 0;
  for (; const auto line = lines.pop(); ++lines_seen) std::cout << *line << '\n';
  // From here on everything is over at once. An interrupted program kills what it started when
  // the objects above are destroyed.
  if (interruption.received() != 0) return 128 + interruption.received();

  bool right = lines_seen == line_count;
  const auto report = [&](const process& child, const std::string& outcome) {
    std::cout << child.name() << " (process " << child.pid() << "): " << outcome << std::endl;
  };
  const auto join = [&](const process& child, const exit_status& expected) {
    const exit_status status = child.join();
    report(child, to_string(status));
    right = right && status == expected;
  };
  join(writer, exit_status::exited(0));
  join(leaver, exit_status::exited(7));
  join(thrower, exit_status::exited(1, {"std::runtime_error", "no disk in drive A"}));
  join(counting, exit_status::exited(0));

  right = right && !sleeper_1.join_for(50ms);
  report(sleeper_1, "still running after 50 ms");
  sleeper_1.terminate();
  join(sleeper_1, exit_status::killed(SIGTERM));
  sleeper_2.kill();
  join(sleeper_2, exit_status::killed(SIGKILL));
  return right ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "processes: " << error.what() << '\n';
  return 1;
}
