// A pool of worker processes: results in order, as they come, and later; a task that throws, and one
// that kills its worker.
//
//   pool [--workers 4] [--tasks 10]

#include "stop_signals.hpp"
#include <hawser/actors/progress_bar.hpp>
#include <hawser/actors/worker_pool.hpp>
#include <hawser/shm/error.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <csignal>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace hawser;

int square(int x) { return x * x; }
HAWSER_TASK(square);

int slow_square(int x) {
  std::this_thread::sleep_for(std::chrono::milliseconds{10});
  return x * x;
}
HAWSER_TASK(slow_square);

int moody(int x) {
  if (x == 3) throw std::domain_error("3 is a bad number");
  if (x == 5) raise(SIGKILL);
  return x;
}
HAWSER_TASK(moody);

void show(const std::vector<int>& numbers) {
  const char* before = "[";
  for (const int one : numbers) std::cout << std::exchange(before, ", ") << one;
  std::cout << (numbers.empty() ? "[]" : "]") << '\n';
}

void show_all(actors::worker_pool& pool, int tasks) {
  std::vector<int> numbers(static_cast<std::size_t>(tasks));
  std::iota(numbers.begin(), numbers.end(), 1);

  std::cout << "map: ";
  show(pool.map(square, numbers));

  int sum = 0;
  for (auto& done :
       pool.imap_unordered(slow_square, numbers, {.progress = actors::progress_bar{"squares"}}))
    sum += done.get();
  std::cout << "sum of the squares as they came: " << sum << '\n';

  const auto later = pool.submit(slow_square, 12);
  std::cout << "submit: 12 squared is " << later.get() << '\n';

  int good = 0;
  for (auto& done : pool.imap_unordered(moody, std::vector{1, 2, 3, 4, 5, 6})) {
    try {
      done.get();
      ++good;
    } catch (const actors::task_error& failed) {
      std::cout << failed.what() << '\n';
    }
  }
  std::cout << good << " others had their result\n";
}

int run(std::size_t workers, int tasks) {
  actors::worker_pool pool{{.workers = workers}};
  const examples::stop_signals stop{[&](int) { pool.terminate(); }};
  try {
    show_all(pool, tasks);
    pool.close();
    pool.join();
  } catch (const std::exception&) {
    if (stop.received() == 0) throw;  // else what was under way has been cancelled
  }
  return stop.received() == 0 ? 0 : 128 + stop.received();
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto status = actors::run_as_child(argc, argv)) return *status;
  examples::block_stop_signals();
  CLI::App app{"Squares numbers in a pool of worker processes."};
  std::size_t workers = 4;
  int tasks = 10;
  app.add_option("--workers", workers, "Processes")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{200}));
  app.add_option("--tasks", tasks, "Numbers to square")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000));
  CLI11_PARSE(app, argc, argv);
  try {
    return run(workers, tasks);
  } catch (const std::exception& failed) {
    std::cerr << "pool: " << failed.what() << '\n';
    return 1;
  }
}
