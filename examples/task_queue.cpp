// A task queue between processes: producers put numbers in, workers square them, and whoever
// started them all collects the results. Nobody sends a sentinel: a queue that is closed ends for
// everybody once it is drained, however many there are of each role.
//
//   task_queue [--tasks 1000] [--producers 2] [--workers 3]
//
//   2 producers, 3 workers
//   worker 4711 squared 331 numbers
//   worker 4712 squared 340 numbers
//   worker 4713 squared 329 numbers
//   1000 tasks in, 1000 results out, sum of squares 332833500
//
// The exit status is 0 if each task has exactly one result, and the right one. Workers may be
// killed meanwhile: what they had taken comes back to the queue, and is squared by another.
#include "stop_signals.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/shm/queue.hpp>

#include <CLI/CLI.hpp>

#include <atomic>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <unistd.h>

using namespace hawser;

struct result {
  std::uint64_t number = 0;
  std::uint64_t square = 0;
  pid_t worker = 0;
};

int produce(std::string tasks_name, std::uint64_t first, std::uint64_t last) {
  examples::leave_stopping_to_the_parent();
  shm::queue<std::uint64_t> tasks{open_only, tasks_name};
  for (std::uint64_t number = first; number < last; ++number)
    if (tasks.push(number) != shm::push_status::ok) return 1;
  return 0;
}
HAWSER_PROCESS(produce);

int work(std::string tasks_name, std::string results_name) {
  examples::leave_stopping_to_the_parent();
  shm::queue<std::uint64_t> tasks{open_only, tasks_name};
  shm::queue<result> results{open_only, results_name};
  while (auto task = tasks.lease()) {
    if (results.push({*task, *task * *task, ::getpid()}) != shm::push_status::ok) return 1;
    task->ack();  // only now: a task is gone from the queue when its result is in the other one
  }
  return 0;
}
HAWSER_PROCESS(work);

int main(int argc, char** argv) try {
  if (const auto status = actors::run_as_child(argc, argv)) return *status;

  std::uint64_t task_count = 1000;
  unsigned producer_count = 2;
  unsigned worker_count = 3;
  CLI::App app{"N tasks in, exactly N results out"};
  app.add_option("--tasks", task_count, "Numbers to square")->check(CLI::Range(0, 1'000'000));
  app.add_option("--producers", producer_count, "Processes that queue tasks")
      ->check(CLI::Range(1, 100));
  app.add_option("--workers", worker_count, "Processes that do them")->check(CLI::Range(1, 100));
  CLI11_PARSE(app, argc, argv);
  std::cout << producer_count << " producers, " << worker_count << " workers" << std::endl;

  shm::remove_stale("task_queue.");
  const std::string name = "task_queue." + std::to_string(::getpid());
  shm::queue<std::uint64_t> tasks{create_only, name + ".tasks", {.capacity = 64}};
  shm::queue<result> results{create_only, name + ".results", {.capacity = 64}};
  const examples::stop_signals interruption{[&](int) {
    tasks.close();
    results.close();
  }};

  // A queue ends when all who fill it have ended, in whatever way; and the tasks do when nobody is
  // left to take them.
  std::atomic<unsigned> producing{producer_count};
  std::atomic<unsigned> working{worker_count};
  std::vector<actors::process> children;
  for (unsigned i = 0; i < worker_count; ++i) {
    children.push_back(actors::process::spawn(work, tasks.name(), results.name()));
    children.back().on_exit([&](const actors::exit_status&) {
      if (--working > 0) return;
      tasks.close();
      results.close();
    });
  }
  for (std::uint64_t i = 0; i < producer_count; ++i) {
    children.push_back(actors::process::spawn(produce, tasks.name(),
                                              task_count * i / producer_count,
                                              task_count * (i + 1) / producer_count));
    children.back().on_exit([&](const actors::exit_status&) {
      if (--producing == 0) tasks.close();
    });
  }

  std::vector<bool> seen(task_count);
  std::map<pid_t, std::uint64_t> share;
  std::uint64_t result_count = 0;
  std::uint64_t sum = 0;
  bool right = true;
  while (const auto done = results.pop()) {
    right = right && done->number < task_count && done->square == done->number * done->number;
    // A worker killed between result and ack has its task done again: the first result counts.
    if (!right || seen[done->number]) continue;
    seen[done->number] = true;
    ++result_count;
    ++share[done->worker];
    sum += done->square;
  }
  for (const actors::process& child : children) child.join();

  for (const auto& [worker, count] : share)
    std::cout << "worker " << worker << " squared " << count << " numbers\n";
  std::cout << task_count << " tasks in, " << result_count << " results out, sum of squares " << sum
            << std::endl;
  if (interruption.received() != 0) return 128 + interruption.received();
  return right && result_count == task_count ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "task_queue: " << error.what() << '\n';
  return 1;
}
