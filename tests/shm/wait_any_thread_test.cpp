// The twins of waiting on many: no slices, so a lost wake-up is a hang.

#include "../support/child.hpp"
#include <hawser/shm/queue.hpp>
#include <hawser/shm/ready_descriptor.hpp>
#include <hawser/shm/wait_any.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include <poll.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::ready;
using shm::when;
using test::unique_name;
using queue = shm::queue<int>;

class WaitAnyThreadTest : public testing::Test {
 protected:
  WaitAnyThreadTest() { shm::detail::set_wait_slices(false); }
  ~WaitAnyThreadTest() override { shm::detail::set_wait_slices(true); }

  static constexpr int total = 2000;

  /// Producers of 1 to `total` each, which close what they fill.
  void start_producers() {
    for (queue& one : queues_)
      producers_.emplace_back([&one] {
        for (int i = 1; i <= total; ++i) one.push(i);
        one.close();
      });
  }
  void join() {
    for (std::thread& one : producers_) one.join();
  }

  std::vector<queue> queues_ = [] {
    std::vector<queue> made;
    for (int i = 0; i < 3; ++i)
      made.emplace_back(create_only, unique_name(), shm::queue_options{2});
    return made;
  }();
  std::vector<std::thread> producers_;
  static constexpr long expected = 3L * total * (total + 1) / 2;
};

TEST_F(WaitAnyThreadTest, WaitAnyMissesNothing) {
  start_producers();
  long sum = 0;
  std::vector<bool> ended(3);
  while (!(ended[0] && ended[1] && ended[2])) {
    std::vector<shm::condition> open;
    std::vector<std::size_t> which;
    for (std::size_t i = 0; i < 3; ++i)
      if (!ended[i]) {
        open.emplace_back(queues_[i]);
        which.push_back(i);
      }
    const std::size_t i = which[*shm::wait_any(open)];
    if (const auto got = queues_[i].try_pop()) sum += *got;
    else if (queues_[i].drained()) ended[i] = true;
  }
  join();
  EXPECT_EQ(sum, expected);
}

TEST_F(WaitAnyThreadTest, WaitSetMissesNothing) {
  shm::wait_set all;
  for (std::size_t i = 0; i < 3; ++i) all.add(i, queues_[i]);
  start_producers();
  long sum = 0;
  while (const auto key = all.wait()) {
    if (const auto got = queues_[*key].try_pop()) sum += *got;
    else if (queues_[*key].drained()) all.remove(*key);
  }
  join();
  EXPECT_EQ(sum, expected);
}

TEST_F(WaitAnyThreadTest, TwoSetsOnTheSameChannelsMissNothing) {
  // Each is woken for what the other takes, and arms again what the other waits for.
  std::atomic<long> sum{0};
  const auto consume = [&] {
    shm::wait_set all;
    for (std::size_t i = 0; i < 3; ++i) all.add(i, queues_[i]);
    while (const auto key = all.wait()) {
      if (const auto got = queues_[*key].try_pop()) sum += *got;
      else if (queues_[*key].drained()) all.remove(*key);
    }
  };
  std::thread other{consume};
  start_producers();
  consume();
  other.join();
  join();
  EXPECT_EQ(sum, expected);
}

TEST_F(WaitAnyThreadTest, WaitsForRoomMissNothing) {
  std::vector<std::thread> consumers;
  std::atomic<long> sum{0};
  for (queue& one : queues_)
    consumers.emplace_back([&] {
      while (const auto got = one.pop()) sum += *got;
    });
  shm::wait_set all;
  std::vector<int> next(3, 1);
  for (std::size_t i = 0; i < 3; ++i) all.add(i, queues_[i], ready::writable);
  while (const auto key = all.wait()) {
    int& number = next[*key];
    if (queues_[*key].try_push(number) != shm::push_status::ok) continue;
    if (++number > total) {
      queues_[*key].close();
      all.remove(*key);
    }
  }
  for (std::thread& one : consumers) one.join();
  EXPECT_EQ(sum, expected);
}

TEST_F(WaitAnyThreadTest, DescriptorsMissNothing) {
  std::vector<shm::ready_descriptor> turns;
  std::vector<pollfd> polled;
  for (queue& one : queues_) turns.emplace_back(one);
  for (auto& one : turns) polled.push_back({one.get(), POLLIN, 0});
  start_producers();
  long sum = 0;
  for (int open = 3; open > 0;) {
    ASSERT_GT(poll(polled.data(), polled.size(), 30'000), 0);
    for (std::size_t i = 0; i < 3; ++i) {
      if (polled[i].revents == 0) continue;
      if (const auto got = queues_[i].try_pop()) sum += *got;
      if (queues_[i].drained()) {
        polled[i].fd = -1;
        --open;
      } else {
        turns[i].rearm();
      }
    }
  }
  join();
  EXPECT_EQ(sum, expected);
}

TEST_F(WaitAnyThreadTest, MembersComeAndGoWhileMessagesCome) {
  start_producers();
  shm::wait_set all;
  std::atomic<bool> done{false};
  std::thread changer{[&] {
    for (std::uint64_t key = 100; !done; ++key) {
      all.add(key, queues_[key % 3], ready::writable);
      std::this_thread::yield();
      all.remove(key);
    }
  }};
  for (std::size_t i = 0; i < 3; ++i) all.add(i, queues_[i]);
  long sum = 0;
  for (int open = 3; open > 0;) {
    const auto key = all.wait();
    if (!key || *key >= 3) continue;
    if (const auto got = queues_[*key].try_pop()) {
      sum += *got;
    } else if (queues_[*key].drained()) {
      all.remove(*key);
      --open;
    }
  }
  done = true;
  changer.join();
  join();
  EXPECT_EQ(sum, expected);
}

}  // namespace
}  // namespace hawser
