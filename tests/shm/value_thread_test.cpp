// The shared value between threads of one process: the twin that ThreadSanitizer can judge.

#include "../support/child.hpp"
#include <hawser/shm/value.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using test::unique_name;

/// More than one word, to be torn if anything is out of order.
using words = std::array<std::uint64_t, 24>;

words all(std::uint64_t number) {
  words result;
  result.fill(number);
  return result;
}
std::uint64_t number_of(const words& whole) {
  for (const std::uint64_t word : whole) EXPECT_EQ(word, whole[0]);
  return whole[0];
}

/// Without slices: a lost wake-up is a hang here, not a delay.
class ValueThreadTest : public testing::Test {
 public:
  ValueThreadTest() { shm::detail::set_wait_slices(false); }
  ~ValueThreadTest() override { shm::detail::set_wait_slices(true); }
};

TEST_F(ValueThreadTest, EveryUpdateCountsAndNoReaderSeesHalfOfOne) {
  const std::string name = unique_name();
  shm::value<words> v{create_only, name};
  constexpr std::uint64_t each = 20000, writers = 3;
  std::vector<std::thread> threads;
  std::atomic<bool> done{false};
  for (std::uint64_t w = 0; w < writers; ++w)
    threads.emplace_back([&, w] {
      // Every other one through an object of its own: another participant.
      shm::value<words> own{open_only, name};
      shm::value<words>& to = w % 2 == 0 ? v : own;
      for (std::uint64_t i = 0; i < each; ++i)
        to.update([](words& now) { now = all(number_of(now) + 1); });
    });
  for (int r = 0; r < 2; ++r)
    threads.emplace_back([&] {
      shm::value<words> own{open_only, name};
      for (std::uint64_t last = 0; !done;) {
        const auto seen = own.load_versioned();
        ASSERT_EQ(number_of(seen.value), seen.version);
        ASSERT_GE(seen.version, last);
        last = seen.version;
      }
    });
  for (std::size_t w = 0; w < writers; ++w) threads[w].join();
  done = true;
  for (std::size_t r = writers; r < threads.size(); ++r) threads[r].join();
  EXPECT_EQ(number_of(v.load()), writers * each);
  EXPECT_EQ(v.version(), writers * each);
}

TEST_F(ValueThreadTest, EveryChangeWakesWhoeverWaitsForIt) {
  const std::string name = unique_name();
  shm::value<std::uint64_t> ping{create_only, name}, pong{create_only, name + ".back"};
  constexpr std::uint64_t turns = 5000;
  std::thread other{[&] {
    shm::value<std::uint64_t> in{open_only, name};
    for (std::uint64_t i = 0; i < turns; ++i) {
      ASSERT_EQ(in.wait_change(i).value, i + 1);
      pong.store(i + 1);
    }
  }};
  for (std::uint64_t i = 0; i < turns; ++i) {
    ping.store(i + 1);
    ASSERT_EQ(pong.wait_change(i).version, i + 1);
  }
  other.join();
}

TEST_F(ValueThreadTest, WhatWasWrittenBeforeAStoreIsSeenAfterItsLoad) {
  // Plain memory, published through the value alone: ThreadSanitizer sees whether it orders.
  shm::value<std::uint64_t> latest{create_only, unique_name()};
  constexpr std::uint64_t count = 20000;
  std::vector<std::uint64_t> plain(count + 1);
  std::thread writer{[&] {
    for (std::uint64_t i = 1; i <= count; ++i) {
      plain[i] = i;
      latest.store(i);
    }
  }};
  for (std::uint64_t seen = 0; seen != count;) {
    seen = latest.load();
    ASSERT_EQ(plain[seen], seen);
  }
  writer.join();
}

TEST_F(ValueThreadTest, AnUpdateSeesWhatTheOneBeforeItSaw) {
  shm::value<std::uint64_t> turn{create_only, unique_name()};
  std::uint64_t plain = 0;  // guarded by the updates' lock alone
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20000; ++i) turn.update([&](std::uint64_t& n) { n = ++plain; });
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(turn.load(), 60000U);
}

}  // namespace
}  // namespace hawser
