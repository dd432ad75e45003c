// Two processes and a pipe between them: values of mixed types from a child, whose end is seen as
// end of file, whether it closes the pipe or is killed in the middle.
//
//   pipe [--kill-after 1000]
//
//   received 'Hello'
//   received 42
//   received {'key': 'value'}
//   received [1, 2, 3]
//   the writer (process 4712) has closed the pipe: exited with 0
//   killed the writer (process 4713) after 1000 values
//   every value that it sent was received, in order, then end of file: 21408
//   writing to it: closed
//
// The exit status is 0 if everything sent was received, in order, and both ends were seen.
#include "stop_signals.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/shm/codecs.hpp>
#include <hawser/shm/pipe.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <csignal>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace hawser;
using actors::exit_status;
using actors::process;

using dictionary = std::map<std::string, std::string>;
using anything = std::variant<std::string, int, dictionary, std::vector<int>>;

// Its pipe has no name that anybody would guess; the parent tells it.
void write_values(std::string pipe_name) {
  shm::pipe<anything> to{open_only, pipe_name};
  to.send("Hello");
  to.send(42);
  to.send(dictionary{{"key", "value"}});
  to.send(std::vector{1, 2, 3});
}  // closed here
HAWSER_PROCESS(write_values);

// Counts until nobody listens any more.
void count_on(std::string pipe_name) {
  shm::pipe<anything> to{open_only, pipe_name};
  for (int number = 0; to.send(number) == shm::push_status::ok; ++number) continue;
}
HAWSER_PROCESS(count_on);

struct printer {
  void operator()(const std::string& text) const { std::cout << '\'' << text << '\''; }
  void operator()(int number) const { std::cout << number; }
  void operator()(const dictionary& entries) const {
    const char* before = "{";
    for (const auto& [key, entry] : entries) {
      std::cout << before << '\'' << key << "': '" << entry << '\'';
      before = ", ";
    }
    std::cout << '}';
  }
  void operator()(const std::vector<int>& numbers) const {
    const char* before = "[";
    for (const int number : numbers) std::cout << std::exchange(before, ", ") << number;
    std::cout << ']';
  }
};

int main(int argc, char** argv) try {
  if (const auto status = actors::run_as_child(argc, argv)) return *status;

  int kill_after = 1000;
  CLI::App app{"Receives from a process until it closes the pipe, and from one that is killed"};
  app.add_option("--kill-after", kill_after, "Values before the second writer is killed")
      ->check(CLI::Range(1, 1'000'000));
  CLI11_PARSE(app, argc, argv);

  shm::remove_stale("pipe.");
  auto first = shm::pipe<anything>::anonymous(), second = shm::pipe<anything>::anonymous();
  const examples::stop_signals interruption{[&](int) {
    first.close();
    second.close();
  }};

  // A writer that ends before it has opened its pipe is not seen there: its process is.
  const auto start = [](auto function, shm::pipe<anything>& from) {
    process writer = process::spawn(function, from.name());
    writer.on_exit([&from](const exit_status&) {
      if (!from.wait_for_peer(std::chrono::seconds{0})) from.close();
    });
    return writer;
  };

  process writer = start(write_values, first);
  int received = 0;
  for (; const auto next = first.receive(); ++received) {
    std::cout << "received ";
    std::visit(printer{}, *next);
    std::cout << std::endl;
  }
  if (interruption.received() != 0) return 128 + interruption.received();
  const exit_status status = writer.join();
  std::cout << "the writer (process " << writer.pid()
            << ") has closed the pipe: " << to_string(status) << std::endl;
  bool right = received == 4 && status == exit_status::exited(0);

  process victim = start(count_on, second);
  int count = 0;
  for (; const auto next = second.receive(); ++count) {
    right = right && *next == anything{count};
    if (count + 1 != kill_after) continue;
    victim.kill();
    std::cout << "killed the writer (process " << victim.pid() << ") after " << kill_after
              << " values" << std::endl;
  }
  if (interruption.received() != 0) return 128 + interruption.received();
  right = right && count >= kill_after && victim.join() == exit_status::killed(SIGKILL);
  std::cout << "every value that it sent was received, in order, then end of file: " << count
            << "\nwriting to it: " << to_string(second.send(1)) << std::endl;
  return right && second.send(1) == shm::push_status::closed ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "pipe: " << error.what() << '\n';
  return 1;
}
