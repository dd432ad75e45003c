// A value and arrays that processes share: changed by all of them without losing a change, and read
// in place without being copied to anybody.
//
//   shared_array [--numbers 100000000] [--processes 8]
//
//   3 processes: counter 3, array [0, 8, 16, 24, 32]
//   8000000 ones in 8 chunks: 8000000
//   1 to 100000000 by 8 processes: 5000000050000000
//
// The exit status is 0 if all of this is right. The numbers live once, in /dev/shm (4 bytes each);
// what the queues carry is which chunk to add up, and its sum. Processes may be killed meanwhile:
// what one was adding up comes back to the queue, and no change is ever half done.
#include "stop_signals.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/shm/array.hpp>
#include <hawser/shm/queue.hpp>
#include <hawser/shm/value.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include <unistd.h>

using namespace hawser;

void change(std::string counter_name, std::string elements_name) {
  examples::leave_stopping_to_the_parent();
  shm::value<int> counter{open_only, counter_name};
  shm::array<int> elements{open_only, elements_name};
  counter.update([](int& count) { count += 1; });
  elements.update(0, elements.size(), [](std::span<int> all) {
    for (int& element : all) element *= 2;
  });
}
HAWSER_PROCESS(change);

struct partial_sum {
  std::uint64_t chunk = 0;
  std::uint64_t sum = 0;
};

void add_up(std::string name) {
  examples::leave_stopping_to_the_parent();
  const shm::array<const std::uint32_t> numbers{open_only, name + ".numbers"};
  shm::queue<std::uint64_t> chunks{open_only, name + ".chunks"};
  shm::queue<partial_sum> sums{open_only, name + ".sums"};
  while (auto chunk = chunks.lease()) {
    const auto mine = numbers.range(*chunk);
    const auto sum = std::accumulate(mine.begin(), mine.end(), std::uint64_t{0});
    if (sums.push({*chunk, sum}) != shm::push_status::ok) return;
    chunk.ack();  // only now: whoever dies before has this chunk added up by another
  }
}
HAWSER_PROCESS(add_up);

/// Adds up an array by processes, a chunk for each of its ranges.
class adding_up {
 public:
  adding_up(const std::string& name, std::size_t chunk_count)
      : name_(name),
        chunk_count_(chunk_count),
        chunks_(create_only, name + ".chunks", {.capacity = chunk_count}),
        sums_(create_only, name + ".sums", {.capacity = chunk_count}) {}

  /// Ends it early, from another thread.
  void stop() {
    chunks_.close();
    sums_.close();
  }

  /// The sum of the array NAME.numbers, made of as many ranges as there are chunks.
  std::uint64_t run(unsigned process_count) {
    std::vector<std::uint64_t> all(chunk_count_);
    std::iota(all.begin(), all.end(), 0);
    chunks_.push_batch(all);
    chunks_.close();  // that is all there is to do

    std::atomic<unsigned> working{process_count};
    std::vector<actors::process> workers;
    for (unsigned i = 0; i < process_count; ++i) {
      workers.push_back(actors::process::spawn(add_up, name_));
      workers.back().on_exit([&](const actors::exit_status&) {
        if (--working == 0) sums_.close();
      });
    }
    std::vector<bool> seen(chunk_count_);
    std::uint64_t total = 0;
    while (const auto part = sums_.pop()) {
      // A worker killed between sum and ack has its chunk added up again: the first sum counts.
      if (seen.at(part->chunk)) continue;
      seen[part->chunk] = true;
      total += part->sum;
    }
    for (const actors::process& worker : workers) worker.join();
    return total;
  }

 private:
  std::string name_;
  std::size_t chunk_count_;
  shm::queue<std::uint64_t> chunks_;
  shm::queue<partial_sum> sums_;
};

/// Whether three processes that change the same things at the same time lose no change.
bool change_by_processes(const std::string& name) {
  shm::value<int> counter{create_only, name + ".counter"};
  shm::array<int> elements{create_only, name + ".elements", 5};
  std::iota(elements.begin(), elements.end(), 0);
  std::vector<actors::process> children;
  for (int i = 0; i < 3; ++i)
    children.push_back(actors::process::spawn(change, counter.name(), elements.name()));
  for (const actors::process& child : children) child.join();
  std::cout << "3 processes: counter " << counter.load() << ", array [";
  for (const int& element : elements)
    std::cout << (&element == elements.data() ? "" : ", ") << element;
  std::cout << "]" << std::endl;
  return counter.load() == 3 && std::ranges::equal(elements, std::vector{0, 8, 16, 24, 32});
}

int main(int argc, char** argv) try {
  if (const auto status = actors::run_as_child(argc, argv)) return *status;

  std::uint32_t count = 100'000'000;
  unsigned process_count = 8;
  CLI::App app{"Values and arrays that processes share"};
  app.add_option("--numbers", count, "Numbers to add up")->check(CLI::Range(64, 1'000'000'000));
  app.add_option("--processes", process_count, "Processes that do it")->check(CLI::Range(1, 100));
  CLI11_PARSE(app, argc, argv);

  shm::remove_stale("shared_array.");
  const std::string name = "shared_array." + std::to_string(::getpid());
  adding_up of_ones{name + ".ones", 8}, of_all{name + ".all", 64};
  const examples::stop_signals interruption{[&](int) {
    of_ones.stop();
    of_all.stop();
  }};

  bool right = change_by_processes(name);
  {
    shm::array<std::uint32_t> ones{create_only, name + ".ones.numbers", 8'000'000, {.ranges = 8}};
    std::ranges::fill(ones, 1);
    const std::uint64_t sum = of_ones.run(process_count);
    if (interruption.received() != 0) return 128 + interruption.received();
    std::cout << ones.size() << " ones in " << ones.ranges() << " chunks: " << sum << std::endl;
    right = right && sum == ones.size();
  }
  shm::array<std::uint32_t> numbers{create_only, name + ".all.numbers", count, {.ranges = 64}};
  std::iota(numbers.begin(), numbers.end(), 1);
  const std::uint64_t sum = of_all.run(process_count);
  if (interruption.received() != 0) return 128 + interruption.received();
  std::cout << "1 to " << count << " by " << process_count << " processes: " << sum << std::endl;
  return right && sum == std::uint64_t{count} * (std::uint64_t{count} + 1) / 2 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "shared_array: " << error.what() << '\n';
  return 1;
}
