/// What the workers of the tests run. Each test program includes this once.
#pragma once

#include "../../support/child.hpp"
#include "../process_support.hpp"
#include <hawser/actors/shared_array.hpp>
#include <hawser/actors/worker_pool.hpp>
#include <hawser/shm/array.hpp>
#include <hawser/shm/error.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/file.h>
#include <unistd.h>

namespace test {

using namespace hawser;
using namespace hawser::actors;
using hawser::test::unique_name;
using namespace std::chrono_literals;

inline int square(int x) { return x * x; }
HAWSER_TASK(square);

inline int add(int a, int b) { return a + b; }
HAWSER_TASK(add);

inline std::string greet(const std::string& name) { return "hello " + name; }
HAWSER_TASK(greet);

inline bool is_even(int x) { return x % 2 == 0; }
HAWSER_TASK(is_even);

inline int picky(int x) {
  if (x % 10 == 7) throw std::invalid_argument("not " + std::to_string(x));
  return x;
}
HAWSER_TASK(picky);

inline std::vector<std::string> repeat(const std::string& word, std::size_t times) {
  return std::vector<std::string>(times, word);
}
HAWSER_TASK(repeat);

inline int takes(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds{ms});
  return ms;
}
HAWSER_TASK(takes);

inline int who(int) { return static_cast<int>(getpid()); }
HAWSER_TASK(who);

/// One line for each time it runs.
inline void note(const std::string& file, int what) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::string line = std::to_string(what) + "\n";
  if (write(fd, line.data(), line.size()) < 0) _exit(9);
  close(fd);
}

inline int dies_of(const std::pair<std::string, int>& job) {
  note(job.first, job.second);
  if (job.second % 100 == 42) raise(SIGKILL);
  return job.second;
}
HAWSER_TASK(dies_of);

inline int dies_once(const std::pair<std::string, int>& job) {
  const std::string mark = job.first + "." + std::to_string(job.second);
  if (job.second % 50 == 3 && !std::filesystem::exists(mark)) {
    std::ofstream{mark};
    raise(SIGKILL);
  }
  return job.second;
}
HAWSER_TASK(dies_once);

inline std::size_t allocates(std::size_t bytes) {
  std::vector<char> all(bytes, 'x');
  return all.size();
}
HAWSER_TASK(allocates);

inline int burns(int) {
  std::atomic<unsigned> i{0};
  for (;;) ++i;
}
HAWSER_TASK(burns);

inline int initialised = 0;
inline void initialise(int with) {
  if (with < 0) throw std::runtime_error("it is negative");
  initialised = with;
}
HAWSER_TASK(initialise);
inline int read_initialised(int) { return initialised; }
HAWSER_TASK(read_initialised);

inline shared_bytes add_one(const shared_bytes& bytes) {
  if (!bytes.is_lent()) throw std::runtime_error("it was copied");
  return bytes;
}
HAWSER_TASK(add_one);

inline void doubles(const shared_array<int>& numbers, std::size_t part) {
  for (int& one : numbers->range(part)) one *= 2;
}
HAWSER_TASK(doubles);

inline int not_registered(int x) { return x; }

inline std::vector<int> numbers_to(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) all[static_cast<std::size_t>(i)] = i;
  return all;
}

}  // namespace test
