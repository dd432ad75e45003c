// The door between threads of one process: the twin that ThreadSanitizer can judge.

#include "../support/child.hpp"
#include <hawser/shm/detail/door_core.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace hawser::shm::detail {
namespace {

using test::unique_name;

/// Without slices: a lost wake-up is a hang here, not a delay.
class DoorThreadTest : public testing::Test {
 protected:
  DoorThreadTest() { set_wait_slices(false); }
  ~DoorThreadTest() override { set_wait_slices(true); }

  const std::string name = unique_name();
  door_core door{{name, opening::create_only}};
};

TEST_F(DoorThreadTest, EveryRingIsHeardByWhoAnswersIt) {
  door_core back{{unique_name(), opening::create_only}};
  constexpr std::uint64_t turns = 20000;
  std::atomic<std::uint64_t> calls{0}, answers{0};
  std::uint64_t plain = 0;  // ordered by the news, never by the door
  std::thread other{[&] {
    for (std::uint64_t i = 1; i <= turns; ++i) {
      EXPECT_TRUE(door.wait([&] { return calls.load(std::memory_order_acquire) == i; }, {}));
      plain += i;
      answers.store(i, std::memory_order_release);
      back.ring();
    }
  }};
  for (std::uint64_t i = 1; i <= turns; ++i) {
    plain -= i - 1;
    calls.store(i, std::memory_order_release);
    door.ring();
    EXPECT_TRUE(back.wait([&] { return answers.load(std::memory_order_acquire) == i; }, {}));
  }
  other.join();
  EXPECT_EQ(plain, turns);
}

TEST_F(DoorThreadTest, OneSleeperHearsManyVisitors) {
  constexpr std::size_t visitors = 3;
  constexpr std::uint64_t each = 5000;
  struct alignas(64) mailbox {
    std::atomic<std::uint64_t> put{0};
  };
  std::array<mailbox, visitors> boxes;
  std::vector<std::thread> all;
  std::atomic<std::uint64_t> taken{0};
  for (std::size_t v = 0; v < visitors; ++v)
    all.emplace_back([&, v] {
      door_core own{{name, opening::open_only}};
      door_core& to = v == 0 ? door : own;  // of this process, or another participant
      for (std::uint64_t i = 1; i <= each; ++i) {
        boxes[v].put.store(i, std::memory_order_release);
        to.ring();
        // Now and then the sleeper is to catch up, and sleep.
        while (i % 50 == 0 && taken.load(std::memory_order_relaxed) < i) std::this_thread::yield();
      }
    });
  std::array<std::uint64_t, visitors> seen{};
  const auto least = [&] { return *std::min_element(seen.begin(), seen.end()); };
  while (least() < each) {
    EXPECT_TRUE(door.wait(
        [&] {
          bool news = false;
          for (std::size_t v = 0; v < visitors; ++v)
            news |= boxes[v].put.load(std::memory_order_acquire) != seen[v];
          return news;
        },
        {}));
    for (std::size_t v = 0; v < visitors; ++v)
      seen[v] = boxes[v].put.load(std::memory_order_acquire);
    taken.store(least(), std::memory_order_relaxed);
  }
  for (auto& one : all) one.join();
}

}  // namespace
}  // namespace hawser::shm::detail
