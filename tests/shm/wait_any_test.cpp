// Waiting on several channels at once.

#include "../support/child.hpp"
#include <hawser/shm/queue.hpp>
#include <hawser/shm/wait_any.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::ready;
using shm::when;
using test::patience;
using test::unique_name;
using queue = shm::queue<int>;

queue make(std::size_t capacity = 4) { return queue{create_only, unique_name(), {capacity}}; }

TEST(WaitAnyTest, ReturnsTheIndexOfTheReadyOne) {
  queue a = make(), b = make(), c = make();
  b.push(1);
  EXPECT_EQ(shm::wait_any(a, b, c), 1U);
  EXPECT_EQ(b.size(), 1U);  // it only looks
  b.pop();
  c.push(2);
  EXPECT_EQ(shm::wait_any_for(patience, a, b, c), 2U);
}

TEST(WaitAnyTest, ReturnsNothingAtTheDeadlineAndLooksEvenWithoutTime) {
  queue a = make(), b = make();
  EXPECT_EQ(shm::wait_any_for(0ms, a, b), std::nullopt);
  EXPECT_EQ(shm::wait_any_for(-1s, a, b), std::nullopt);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(shm::wait_any_for(20ms, a, b), std::nullopt);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
  EXPECT_EQ(shm::wait_any_until(std::chrono::system_clock::now() + 1ms, a, b), std::nullopt);
  a.push(1);
  EXPECT_EQ(shm::wait_any_for(0ms, a, b), 0U);
}

TEST(WaitAnyTest, WaitsForRoomWhereAsked) {
  queue full = make(1), empty = make();
  full.push(1);
  EXPECT_EQ(shm::wait_any_for(0ms, when(full, ready::writable), empty), std::nullopt);
  full.pop();
  EXPECT_EQ(shm::wait_any(when(full, ready::writable), empty), 0U);
}

TEST(WaitAnyTest, ClosedCountsAsReadyForBothSides) {
  queue full = make(1), empty = make();
  full.push(1);
  full.close();
  EXPECT_EQ(shm::wait_any(empty, when(full, ready::writable)), 1U);
  empty.close();
  full.pop();
  EXPECT_TRUE(shm::wait_any_for(0ms, empty));
}

TEST(WaitAnyTest, WakesForAMessageThatComesLater) {
  queue a = make(), b = make();
  for (int round = 0; round < 50; ++round) {
    queue& next = round % 2 == 0 ? a : b;
    std::thread producer{[&] { next.push(round); }};
    EXPECT_EQ(shm::wait_any_for(patience, a, b), static_cast<std::size_t>(round % 2));
    EXPECT_EQ(next.pop(), round);
    producer.join();
  }
}

TEST(WaitAnyTest, EachOfSeveralReadyOnesIsReturnedSometimes) {
  queue a = make(), b = make(), c = make();
  a.push(1);
  b.push(1);
  c.push(1);
  std::map<std::size_t, int> returned;
  for (int i = 0; i < 300; ++i) ++returned[shm::wait_any(a, b, c)];
  EXPECT_EQ(returned.size(), 3U);
}

TEST(WaitAnyTest, TakesAListOfConditionsAndLeavesThemUsable) {
  std::vector<queue> queues;
  std::vector<shm::condition> all;
  EXPECT_EQ(shm::wait_any(std::span<shm::condition>{}), std::nullopt);
  for (int i = 0; i < 20; ++i) queues.push_back(make());
  for (queue& one : queues) all.emplace_back(one);
  EXPECT_EQ(shm::wait_any_for(1ms, all), std::nullopt);
  for (std::size_t i = 0; i < 20; ++i) {
    std::thread producer{[&] { queues[i].push(1); }};
    EXPECT_EQ(shm::wait_any(all), i);
    queues[i].pop();
    producer.join();
  }
}

TEST(WaitSetTest, ReportsAsLongAsItIsReady) {
  queue a = make(), b = make();
  shm::wait_set all;
  all.add(10, a);
  all.add(20, b);
  EXPECT_EQ(all.try_wait(), std::nullopt);
  b.push(1);
  b.push(2);
  EXPECT_EQ(all.wait(), 20U);
  EXPECT_EQ(all.wait(), 20U);
  b.pop();
  EXPECT_EQ(all.wait(), 20U);
  b.pop();
  EXPECT_EQ(all.try_wait(), std::nullopt);
  EXPECT_EQ(all.wait_for(2ms), std::nullopt);
  // Armed by now; what became ready a moment ago is found without the callback.
  for (int round = 0; round < 100; ++round) {
    EXPECT_EQ(all.wait_for(100us), std::nullopt);
    a.push(round);
    EXPECT_EQ(all.try_wait(), 10U);
    EXPECT_EQ(a.try_pop(), round);
    EXPECT_EQ(all.try_wait(), std::nullopt);
  }
}

TEST(WaitSetTest, ReportsReadyOnesInTurn) {
  std::vector<queue> queues;
  for (int i = 0; i < 8; ++i) queues.push_back(make());
  shm::wait_set all;
  for (std::size_t i = 0; i < 8; ++i) all.add(i, queues[i]);
  EXPECT_EQ(all.wait_for(1ms), std::nullopt);
  for (queue& one : queues) one.push(1);
  std::map<std::uint64_t, int> reported;
  ASSERT_TRUE(test::eventually([&] {  // each callback has come
    ++reported[*all.wait()];
    return reported.size() == 8;
  }));
  for (int round = 0; round < 5; ++round) {
    reported.clear();
    for (int i = 0; i < 8; ++i) ++reported[*all.wait()];
    EXPECT_EQ(reported.size(), 8U);
  }
}

TEST(WaitSetTest, BusyChannelDoesNotStarveAQuietOne) {
  queue busy = make(), quiet = make();
  busy.push(1);  // ready for ever
  shm::wait_set all;
  all.add(1, busy);
  all.add(2, quiet);
  EXPECT_EQ(all.wait(), 1U);
  EXPECT_EQ(all.wait(), 1U);
  quiet.push(1);
  EXPECT_TRUE(test::eventually([&] { return all.wait() == 2U; }));
  EXPECT_EQ(all.wait(), 1U);
  EXPECT_EQ(all.wait(), 2U);
}

TEST(WaitSetTest, KeysAreTakenOnceAndRemovedOnesAreSilent) {
  queue a = make(), b = make();
  shm::wait_set all;
  EXPECT_EQ(all.wait(), std::nullopt);  // nothing to wait for
  all.add(1, a);
  EXPECT_THROW(all.add(1, b), error);
  EXPECT_EQ(all.size(), 1U);
  EXPECT_EQ(all.wait_for(1ms), std::nullopt);
  a.push(1);
  EXPECT_TRUE(all.remove(1));
  EXPECT_FALSE(all.remove(1));
  EXPECT_EQ(all.wait(), std::nullopt);
  all.add(1, b, ready::writable);
  EXPECT_EQ(all.wait(), 1U);
}

TEST(WaitSetTest, WaiterSeesWhatOthersAddAndRemove) {
  queue a = make(), b = make();
  shm::wait_set all;
  all.add(1, a);
  std::thread adder{[&] {
    b.push(1);
    all.add(2, b);
  }};
  EXPECT_EQ(all.wait(), 2U);
  adder.join();
  b.pop();
  std::thread remover{[&] {
    all.remove(1);
    all.remove(2);
  }};
  EXPECT_EQ(all.wait(), std::nullopt);
  remover.join();
}

TEST(WaitSetTest, TwoConditionsOfOneChannelAreBothReported) {
  queue a = make(1);
  shm::wait_set all, other;
  all.add(1, a, ready::readable);
  all.add(2, a, ready::writable);
  other.add(3, a, ready::readable);
  EXPECT_EQ(all.wait(), 2U);
  EXPECT_EQ(other.wait_for(1ms), std::nullopt);
  a.push(1);
  EXPECT_EQ(all.wait_for(patience), 1U);
  EXPECT_EQ(other.wait_for(patience), 3U);
  a.pop();
  EXPECT_EQ(all.wait_for(patience), 2U);
}

}  // namespace
}  // namespace hawser
