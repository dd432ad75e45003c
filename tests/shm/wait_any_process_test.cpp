// Waiting on many channels of other processes, some of which are killed.

#include "../support/child.hpp"
#include <hawser/shm/queue.hpp>
#include <hawser/shm/wait_any.hpp>

#include <gtest/gtest.h>

#include <ctime>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using test::child;
using test::eventually;
using test::unique_name;
using queue = shm::queue<int>;

/// With slices off: only a wake-up ends a sleep.
class WaitAnyProcessTest : public testing::Test {
 protected:
  WaitAnyProcessTest() { shm::detail::set_wait_slices(false); }
  ~WaitAnyProcessTest() override { shm::detail::set_wait_slices(true); }
};

TEST_F(WaitAnyProcessTest, MessageOfAnotherProcessWakes) {
  const std::string a = unique_name(), b = unique_name();
  queue first{create_only, a}, second{create_only, b};
  for (int round = 0; round < 20; ++round) {
    child producer{[&](const child::report&) {
      queue{open_only, round % 2 == 0 ? a : b}.push(round);
      return 0;
    }};
    EXPECT_EQ(shm::wait_any(first, second), static_cast<std::size_t>(round % 2));
    EXPECT_EQ((round % 2 == 0 ? first : second).try_pop(), round);
    EXPECT_EQ(producer.join(), 0);
  }
}

TEST_F(WaitAnyProcessTest, LeaseOfAKilledProcessWakesWhoWaitsOnMany) {
  for (int round = 0; round < 10; ++round) {
    const std::string name = unique_name();
    queue quiet{create_only, unique_name()}, q{create_only, name};
    shm::wait_set all;
    all.add(1, quiet);
    all.add(2, q);
    q.push(7);
    child holder{[&](const child::report& up) {
      queue mine{open_only, name};
      const auto held = mine.lease();
      up();
      pause();
      return 0;
    }};
    ASSERT_TRUE(holder.await_report());
    EXPECT_EQ(all.try_wait(), std::nullopt);
    child killer{[&](const child::report&) {
      poll(nullptr, 0, round);
      holder.signal(SIGKILL);
      return 0;
    }};
    EXPECT_EQ(all.wait(), 2U);
    EXPECT_EQ(q.try_pop(), 7);
    killer.join();
  }
}

TEST_F(WaitAnyProcessTest, WaiterOnTheSameChannelMayBeKilled) {
  // What the dead one announced must not hide our announcement, nor ours its death.
  const std::string name = unique_name();
  queue q{create_only, name};
  for (int round = 0; round < 20; ++round) {
    child other{[&](const child::report& up) {
      queue mine{open_only, name};
      up();
      std::ignore = shm::wait_any(mine);
      pause();
      return 0;
    }};
    ASSERT_TRUE(other.await_report());
    if (round % 2 == 0) other.await_state('S');
    shm::wait_set all;
    all.add(1, q);
    EXPECT_EQ(all.try_wait(), std::nullopt);
    child producer{[&](const child::report&) {
      queue mine{open_only, name};
      other.signal(SIGKILL);
      mine.push(round);
      return 0;
    }};
    EXPECT_EQ(all.wait(), 1U);
    EXPECT_EQ(q.try_pop(), round);
    producer.join();
  }
}

TEST_F(WaitAnyProcessTest, ForkedChildGoesOnWithTheSameSet) {
  queue a{create_only, unique_name()}, b{create_only, unique_name()};
  shm::wait_set all;
  all.add(1, a);
  all.add(2, b);
  EXPECT_EQ(all.wait_for(1ms), std::nullopt);  // both armed, by us
  child forked{[&](const child::report& up) {
    up();
    return all.wait() == 2U && b.try_pop() == 5 ? 0 : 1;
  }};
  ASSERT_TRUE(forked.await_report());
  b.push(5);
  EXPECT_EQ(forked.join(), 0);
  a.push(6);
  EXPECT_EQ(all.wait(), 1U);
}

TEST_F(WaitAnyProcessTest, ThousandQuietChannelsCostNothing) {
  // In a child: the time it uses is nobody else's.
  child idle{[&](const child::report&) {
    shm::detail::set_wait_slices(true);
    std::vector<queue> queues;
    shm::wait_set all;
    for (std::uint64_t i = 0; i < 1000; ++i) {
      queues.emplace_back(create_only, unique_name() + "." + std::to_string(getpid()),
                          shm::queue_options{.capacity = 1});
      all.add(i, queues.back());
    }
    // The first wait announces them all; with a deadline it would not, had the thread been held up.
    queues.back().push(1);
    if (all.wait() != 999) return 1;
    if (queues.back().try_pop() != 1) return 1;
    const std::clock_t before = std::clock();
    if (all.wait_for(500ms)) return 2;
    // CPU time, not time: a machine that is busy elsewhere changes nothing.
    return std::clock() - before < CLOCKS_PER_SEC / 100 ? 0 : 3;
  }};
  EXPECT_EQ(idle.join(), 0);
}

}  // namespace
}  // namespace hawser
