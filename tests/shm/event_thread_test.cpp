// The event between threads of one process: the twin that ThreadSanitizer can judge.

#include "../support/child.hpp"
#include <hawser/shm/event.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using shm::event;
using test::unique_name;

/// Without slices: a lost wake-up is a hang here, not a delay.
class EventThreadTest : public testing::Test {
 public:
  EventThreadTest() { shm::detail::set_wait_slices(false); }
  ~EventThreadTest() override { shm::detail::set_wait_slices(true); }
};

TEST_F(EventThreadTest, OfThoseWhoSetItAtOnceOneIsToldAndCounted) {
  const std::string name = unique_name();
  event shared{create_only, name};
  constexpr int threads = 4, each = 20000;
  std::atomic<std::uint64_t> sets{0}, clears{0};
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t)
    all.emplace_back([&, t] {
      // Every other one through an object of its own: another participant.
      event own{open_only, name};
      event& to = t % 2 == 0 ? shared : own;
      for (int i = 0; i < each; ++i) {
        if (to.set()) sets.fetch_add(1, std::memory_order_relaxed);
        if (to.clear()) clears.fetch_add(1, std::memory_order_relaxed);
      }
    });
  for (auto& one : all) one.join();
  EXPECT_EQ(shared.sets(), sets);
  EXPECT_EQ(clears, sets);  // each thread's last word was clear
  EXPECT_FALSE(shared.is_set());
}

TEST_F(EventThreadTest, WhoWaitedSeesWhatWasWrittenBeforeTheSet) {
  // Plain memory, handed to and fro by the events alone: ThreadSanitizer sees whether they order.
  // (Only through one object: those of another one are other addresses to it.)
  event ping{create_only, unique_name()}, pong{create_only, unique_name()};
  constexpr std::uint64_t turns = 5000;
  std::uint64_t plain = 0;
  std::thread other{[&] {
    for (std::uint64_t i = 0; i < turns; ++i) {
      ping.wait();
      EXPECT_TRUE(ping.clear());
      ASSERT_EQ(plain, 2 * i + 1);
      ++plain;
      EXPECT_TRUE(pong.set());
    }
  }};
  for (std::uint64_t i = 0; i < turns; ++i) {
    ASSERT_EQ(plain, 2 * i);
    ++plain;
    EXPECT_TRUE(ping.set());
    pong.wait();
    EXPECT_TRUE(pong.clear());
  }
  other.join();
  EXPECT_EQ(plain, 2 * turns);
}

TEST_F(EventThreadTest, WhoSeesItClearedSeesWhatWasWrittenBefore) {
  event e{create_only, unique_name(), {.set = true}};
  for (int plain = 0, round = 1; round < 300; ++round) {
    std::thread writer{[&] {
      plain = round;
      e.clear();
    }};
    while (e.is_set()) std::this_thread::yield();
    EXPECT_EQ(plain, round);
    writer.join();
    e.set();
  }
}

TEST_F(EventThreadTest, WhoClearsItSeesWhatWasWrittenBeforeTheSet) {
  event e{create_only, unique_name()};
  for (int plain = 0, round = 1; round < 300; ++round) {
    std::thread writer{[&] {
      plain = round;
      e.set();
    }};
    while (!e.clear()) std::this_thread::yield();
    EXPECT_EQ(plain, round);
    writer.join();
  }
}

TEST_F(EventThreadTest, WhoClearsItSeesAlsoWhatThoseWroteWhoFoundItSet) {
  // "New work is there": a setter that finds it set must not be overtaken by the clear.
  event e{create_only, unique_name()};
  for (int plain = 0, round = 1; round < 300; ++round) {
    e.set();
    std::atomic<bool> was_set{false};  // relaxed: orders nothing
    std::thread writer{[&] {
      plain = round;
      was_set.store(!e.set(), std::memory_order_relaxed);
    }};
    while (!was_set.load(std::memory_order_relaxed)) std::this_thread::yield();
    EXPECT_TRUE(e.clear());
    EXPECT_EQ(plain, round);
    writer.join();
  }
}

TEST_F(EventThreadTest, EveryWaiterGoesOnWhateverIsCleared) {
  // No waiter may need to find it set still: each pulse ends every wait that began before it.
  const std::string name = unique_name();
  event e{create_only, name};
  constexpr std::size_t waiters = 3, turns = 2000;
  std::atomic<std::size_t> done{0};
  std::vector<std::thread> all;
  for (std::size_t w = 0; w < waiters; ++w)
    all.emplace_back([&, w] {
      event own{open_only, name};
      event& to = w % 2 == 0 ? e : own;
      for (std::size_t i = 0; i < turns; ++i) to.wait();
      ++done;
    });
  event other{open_only, name};
  while (done != waiters) {
    other.set();
    other.clear();
  }
  for (auto& one : all) one.join();
}

}  // namespace
}  // namespace hawser
