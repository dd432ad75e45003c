// The queue between processes: blocking, closing, and processes that are killed, stopped, forked.

#include "../support/child.hpp"
#include <hawser/shm/queue.hpp>

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::push_status;
using shm::take_status;
using test::child;
using test::eventually;
using test::unique_name;
using clock = std::chrono::steady_clock;

TEST(QueueProcessTest, ManyProducersAndConsumersMoveEveryMessageOnce) {
  shm::detail::set_wait_slices(false);  // also for the children: a lost wake-up is a hang
  const std::string name = unique_name();
  constexpr int each = 20'000, producers = 2, consumers = 2;
  shm::queue<std::int64_t> jobs{create_only, name, {.capacity = 8}};
  shm::queue<std::int64_t> sums{create_only, name + ".sums"};
  std::vector<std::unique_ptr<child>> all;
  for (int p = 0; p < producers; ++p)
    all.push_back(std::make_unique<child>([&, p](const child::report&) {
      shm::queue<std::int64_t> q{open_only, name};
      for (std::int64_t i = 0; i < each; ++i) q.push(p * each + i);
      return 0;
    }));
  std::vector<std::unique_ptr<child>> readers;
  for (int c = 0; c < consumers; ++c)
    readers.push_back(std::make_unique<child>([&](const child::report&) {
      shm::queue<std::int64_t> q{open_only, name};
      std::int64_t sum = 0, count = 0;
      while (auto lease = q.lease()) {
        sum += *lease;
        ++count;
        lease.ack();
      }
      shm::queue<std::int64_t>{open_only, name + ".sums"}.push_batch(std::vector{sum, count});
      return 0;
    }));
  for (auto& one : all) EXPECT_EQ(one->join(), 0);
  jobs.close();
  for (auto& one : readers) EXPECT_EQ(one->join(), 0);
  std::int64_t sum = 0, count = 0;
  for (int c = 0; c < consumers; ++c) {
    sum += sums.pop().value();
    count += sums.pop().value();
  }
  constexpr std::int64_t total = producers * each;
  EXPECT_EQ(count, total);
  EXPECT_EQ(sum, total * (total - 1) / 2);
  shm::detail::set_wait_slices(true);
}

TEST(QueueProcessTest, LeaseOfAKilledHolderGoesToAWaitingConsumer) {
  for (int round = 0; round < 20; ++round) {
    const std::string name = unique_name();
    shm::queue<int> q{create_only, name};
    q.push(7);
    child holder{[&](const child::report& ready) {
      shm::queue<int> mine{open_only, name};
      const auto held = mine.lease();
      ready();
      pause();
      return 0;
    }};
    ASSERT_TRUE(holder.await_report());
    EXPECT_EQ(q.try_lease().status(), take_status::empty);
    holder.signal(SIGKILL);
    auto again = q.lease_for(test::patience);
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, 7);
    EXPECT_EQ(again.attempts(), 2U);
    again.ack();
    EXPECT_EQ(q.counters().reclaimed, 1U);
  }
}

TEST(QueueProcessTest, TryLeaseAloneFindsWhatAKilledHolderLeft) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  q.push(7);
  child holder{[&](const child::report& ready) {
    shm::queue<int> mine{open_only, name};
    const auto held = mine.lease();
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(holder.await_report());
  holder.kill_and_join();
  EXPECT_TRUE(eventually([&] { return bool{q.try_lease()}; }));
}

TEST(QueueProcessTest, ZombieIsDead) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  q.push(7);
  child holder{[&](const child::report& ready) {
    shm::queue<int> mine{open_only, name};
    const auto held = mine.lease();
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(holder.await_report());
  holder.signal(SIGKILL);  // and not reaped before the end of the test
  EXPECT_TRUE(q.lease_for(test::patience));
  EXPECT_TRUE(holder.await_state('Z'));
}

TEST(QueueProcessTest, StoppedHolderIsAliveAndKeepsItsLease) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  q.push(7);
  child holder{[&](const child::report& ready) {
    shm::queue<int> mine{open_only, name};
    auto held = mine.lease();
    ready();
    raise(SIGSTOP);
    held.ack();
    return 0;
  }};
  ASSERT_TRUE(holder.await_report());
  ASSERT_TRUE(holder.await_state('T'));
  EXPECT_EQ(q.lease_for(100ms).status(), take_status::timed_out);
  holder.signal(SIGCONT);
  EXPECT_EQ(holder.join(), 0);
  EXPECT_EQ(q.counters().acked, 1U);
  EXPECT_EQ(q.try_lease().status(), take_status::empty);
}

TEST(QueueProcessTest, CloseWakesEverybody) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name, {.capacity = 1}};
  q.push(1);
  auto only = q.lease();  // now there is neither space nor a message
  child producer{[&](const child::report&) {
    shm::detail::set_wait_slices(false);
    return shm::queue<int>{open_only, name}.push(2) == push_status::closed ? 0 : 1;
  }};
  child consumer{[&](const child::report&) {
    shm::detail::set_wait_slices(false);
    return shm::queue<int>{open_only, name}.pop() == std::nullopt ? 0 : 1;
  }};
  ASSERT_TRUE(eventually([&] { return q.counters().waits >= 2; }));
  ASSERT_TRUE(producer.await_state('S'));
  ASSERT_TRUE(consumer.await_state('S'));
  q.close();
  EXPECT_EQ(producer.join(), 0);
  only.ack();
  EXPECT_EQ(consumer.join(), 0);
}

TEST(QueueProcessTest, ConsumersLearnTheEndWhenTheLastLeaseIsAckedElsewhere) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  q.push(1);
  auto last = q.lease();
  child waiting{[&](const child::report& ready) {
    shm::detail::set_wait_slices(false);
    shm::queue<int> mine{open_only, name};
    ready();
    return mine.lease().status() == take_status::closed ? 0 : 1;
  }};
  ASSERT_TRUE(waiting.await_report());
  q.close();
  ASSERT_TRUE(eventually([&] { return q.counters().waits > 0; }));
  last.ack();
  EXPECT_EQ(waiting.join(), 0);
}

TEST(QueueProcessTest, PoisonMessageThatKillsItsConsumersEndsAsADeadLetter) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name, {.attempts_max = 3}};
  shm::queue<int> dead{open_only, name + ".dead"};
  q.push(666);
  for (int turn = 0; turn < 3; ++turn) {
    child victim{[&](const child::report&) {
      shm::queue<int> mine{open_only, name};
      const auto lease = mine.lease();
      raise(SIGKILL);
      return 0;
    }};
    EXPECT_EQ(victim.join(), -SIGKILL);
  }
  auto letter = dead.lease_for(test::patience);
  ASSERT_TRUE(letter);
  EXPECT_EQ(*letter, 666);
  EXPECT_EQ(q.try_lease().status(), take_status::empty);
}

TEST(QueueProcessTest, DeadLetterOfAKilledReaderStaysADeadLetter) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name, {.attempts_max = 1}};
  q.push(1);
  q.lease().nack();
  child reader{[&](const child::report& ready) {
    shm::queue<int> dead{open_only, name + ".dead"};
    const auto held = dead.lease();
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(reader.await_report());
  shm::queue<int> dead{open_only, name + ".dead"};
  EXPECT_EQ(dead.size(), 0U);
  reader.signal(SIGKILL);
  auto letter = dead.lease_for(test::patience);
  ASSERT_TRUE(letter);
  EXPECT_EQ(q.try_lease().status(), take_status::empty);
}

TEST(QueueProcessTest, KilledSleepersCostNobodyAnything) {
  // Boost's message_queue hangs here: the next send signals a dead waiter.
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  const auto sleeper = [&](const child::report& ready) {
    shm::queue<int> mine{open_only, name};
    ready();
    return mine.pop() == 5 ? 0 : 1;
  };
  for (int round = 0; round < 10; ++round) {
    child first{sleeper}, second{sleeper};
    ASSERT_TRUE(first.await_report());
    ASSERT_TRUE(second.await_report());
    ASSERT_TRUE(first.await_state('S'));
    first.kill_and_join();
    ASSERT_EQ(q.push_for(5, test::patience), push_status::ok);
    EXPECT_EQ(second.join(), 0);
  }
}

TEST(QueueProcessTest, ForkedChildTakesAPlaceOfItsOwn) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name, {.capacity = 4}};
  q.push(1);
  auto held = q.lease();
  child forked{[&](const child::report& ready) {
    held.ack();  // the parent's: nothing happens
    if (q.push(2) != push_status::ok) return 1;
    const auto mine = q.lease();
    if (!mine || *mine != 2) return 2;
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(forked.await_report());
  EXPECT_EQ(q.size(), 0U);
  forked.signal(SIGKILL);
  auto second = q.lease_for(test::patience);
  ASSERT_TRUE(second);
  EXPECT_EQ(*second, 2);
  second.ack();
  held.nack();
  EXPECT_EQ(q.pop(), 1);
}

TEST(QueueProcessTest, ForkOfADeadParentDoesNotKeepItAlive) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  q.push(3);
  child parent{[&](const child::report& ready) {
    shm::queue<int> mine{open_only, name};
    const auto held = mine.lease();
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      ready();
      // Ends with the test: the queue's end is its sign.
      while (!q.closed()) poll(nullptr, 0, 1);
      _exit(0);
    }
    pause();
    return 0;
  }};
  ASSERT_TRUE(parent.await_report());
  parent.kill_and_join();
  EXPECT_TRUE(q.lease_for(test::patience));
  q.close();
}

TEST(QueueProcessTest, IdleConsumerUsesNoProcessorTime) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  child idle{[&](const child::report& ready) {
    shm::queue<int> mine{open_only, name};
    ready();
    std::ignore = mine.pop_for(2s);
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec == 0 && used.tv_nsec < 40'000'000 ? 0 : 1;  // 2 %, start-up included
  }};
  EXPECT_EQ(idle.join(), 0);
}

}  // namespace
}  // namespace hawser
