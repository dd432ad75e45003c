/// What the stages of the tests do. Each test program includes this once.
#pragma once

#include "../../support/child.hpp"
#include "../process_support.hpp"
#include <hawser/actors/pipeline.hpp>
#include <hawser/actors/process.hpp>
#include <hawser/shm/event.hpp>
#include <hawser/shm/registry.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

namespace test {

using namespace hawser;
using namespace hawser::actors;
using namespace std::chrono_literals;

inline int twice(int x) { return 2 * x; }
HAWSER_TASK(twice);

inline std::string text_of(int x) { return std::to_string(x); }
HAWSER_TASK(text_of);

inline std::size_t length_of(const std::string& text) { return text.size(); }
HAWSER_TASK(length_of);

inline void nothing_of(int) {}
HAWSER_TASK(nothing_of);

inline int picky(int x) {
  if (x % 10 == 7) throw std::invalid_argument("not " + std::to_string(x));
  return x;
}
HAWSER_TASK(picky);

inline int works_for_a_moment(int x) {
  const auto end = std::chrono::steady_clock::now() + 100us;
  while (std::chrono::steady_clock::now() < end) continue;
  return x;
}
HAWSER_TASK(works_for_a_moment);

/// The first one waits for the event.
inline int waits_first(const std::pair<std::string, int>& job) {
  if (job.second == 0) shm::event{open_only, job.first}.wait();
  return job.second;
}
HAWSER_TASK(waits_first);

inline std::string long_text(int bytes) {
  return std::string(static_cast<std::size_t>(bytes), 'x');
}
HAWSER_TASK(long_text);

inline int dies_of_42(int x) {
  if (x % 100 == 42) raise(SIGKILL);
  return x;
}
HAWSER_TASK(dies_of_42);

inline int takes_too_long(int x) {
  for (; x == 5;) std::this_thread::sleep_for(1s);
  return x;
}
HAWSER_TASK(takes_too_long);

inline int exits(int x) {
  if (x == 3) std::exit(0);
  return x;
}
HAWSER_TASK(exits);

inline int exits_quickly(int x) {
  if (x == 3) _exit(0);
  return x;
}
HAWSER_TASK(exits_quickly);

inline int never_comes_back(int) {
  raise(SIGKILL);
  return 0;
}
HAWSER_TASK(never_comes_back);

inline int not_registered(int x) { return x; }

inline std::vector<int> numbers_to(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

/// The channels of this process's pipelines.
inline std::size_t channels_of(pid_t pid) {
  std::size_t found = 0;
  for (const auto& one : shm::list_channels())
    found += one.name.starts_with("actors.pipeline." + std::to_string(pid) + ".");
  return found;
}

}  // namespace test
