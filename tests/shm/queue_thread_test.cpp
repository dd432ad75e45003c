// The queue between threads of one process: the twin that ThreadSanitizer can judge.

#include "../support/child.hpp"
#include <hawser/shm/queue.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using test::unique_name;

struct stamped {
  int producer;
  int number;
  int bytes[12];  // more than one word, to be torn if anything is out of order
};

stamped make(int producer, int number) {
  stamped message{producer, number, {}};
  for (int& word : message.bytes) word = producer * 1'000'000 + number;
  return message;
}

void expect_whole(const stamped& message) {
  for (const int word : message.bytes)
    ASSERT_EQ(word, message.producer * 1'000'000 + message.number);
}

struct traffic {
  std::size_t capacity;
  int producers, consumers, each;
  std::size_t batch;  // 1: single operations
  bool leases;
};

/// Without slices: a lost wake-up is a hang here, not a delay.
class WithoutSlices {
 public:
  WithoutSlices() { shm::detail::set_wait_slices(false); }
  ~WithoutSlices() { shm::detail::set_wait_slices(true); }
};

class QueueThreadTest : public testing::TestWithParam<traffic>, WithoutSlices {};
class QueueThreadLeaseTest : public testing::Test, WithoutSlices {};

TEST_P(QueueThreadTest, EveryMessageArrivesOnceWholeAndInOrderOfItsProducer) {
  const traffic t = GetParam();
  const std::string name = unique_name();
  shm::queue<stamped> q{create_only, name, {.capacity = t.capacity}};
  std::vector<std::vector<std::atomic<int>>> seen(static_cast<std::size_t>(t.producers));
  for (auto& numbers : seen)
    numbers = std::vector<std::atomic<int>>(static_cast<std::size_t>(t.each));
  std::vector<std::thread> producers, consumers;
  for (int p = 0; p < t.producers; ++p)
    producers.emplace_back([&, p] {
      // Every other producer through an object of its own: another participant.
      shm::queue<stamped> own{open_only, name};
      shm::queue<stamped>& to = p % 2 == 0 ? q : own;
      if (t.batch == 1) {
        for (int i = 0; i < t.each; ++i) to.push(make(p, i));
        return;
      }
      std::vector<stamped> batch;
      for (int i = 0; i < t.each; ++i) {
        batch.push_back(make(p, i));
        if (batch.size() == t.batch || i + 1 == t.each) {
          ASSERT_EQ(to.push_batch(batch), batch.size());
          batch.clear();
        }
      }
    });
  for (int c = 0; c < t.consumers; ++c)
    consumers.emplace_back([&, c] {
      shm::queue<stamped> own{open_only, name};
      shm::queue<stamped>& from = c % 2 == 0 ? q : own;
      std::vector<int> last(static_cast<std::size_t>(t.producers), -1);
      const auto count = [&](const stamped& message) {
        expect_whole(message);
        int& before = last[static_cast<std::size_t>(message.producer)];
        EXPECT_LT(before, message.number);  // one consumer sees one producer in order
        before = message.number;
        ++seen[static_cast<std::size_t>(message.producer)]
              [static_cast<std::size_t>(message.number)];
      };
      if (!t.leases) {
        while (const auto message = from.pop()) count(*message);
      } else if (t.batch == 1) {
        while (auto lease = from.lease()) {
          count(*lease);
          lease.ack();
        }
      } else {
        for (auto leases = from.lease_batch(t.batch); !leases.empty();
             leases = from.lease_batch(t.batch))
          for (auto& lease : leases) {
            count(*lease);
            lease.ack();
          }
      }
    });
  for (auto& thread : producers) thread.join();
  q.close();
  for (auto& thread : consumers) thread.join();
  for (const auto& numbers : seen)
    for (const auto& times : numbers) ASSERT_EQ(times, 1);
  const auto all = q.counters();
  EXPECT_EQ(all.pushed, static_cast<std::uint64_t>(t.producers * t.each));
  EXPECT_EQ(all.acked, all.pushed);
  EXPECT_TRUE(q.drained());
}

INSTANTIATE_TEST_SUITE_P(
    Traffic, QueueThreadTest,
    testing::Values(traffic{1, 1, 1, 2000, 1, true}, traffic{2, 1, 1, 5000, 1, false},
                    traffic{64, 1, 1, 20000, 1, true}, traffic{64, 1, 1, 20000, 16, true},
                    traffic{3, 2, 2, 3000, 1, true}, traffic{64, 3, 3, 5000, 1, false},
                    traffic{64, 2, 3, 5000, 7, true}, traffic{1024, 4, 1, 5000, 16, true}));

TEST_F(QueueThreadLeaseTest, NackedMessagesAreDeliveredUntilAcked) {
  shm::queue<int> q{create_only, unique_name(), {.capacity = 8}};
  constexpr int total = 2000;
  std::vector<std::atomic<int>> acks(total);
  std::thread producer{[&] {
    for (int i = 0; i < total; ++i) q.push(i);
    q.close();
  }};
  std::vector<std::thread> consumers;
  for (int c = 0; c < 3; ++c)
    consumers.emplace_back([&] {
      for (int turn = 0; auto lease = q.lease(); ++turn) {
        if (turn % 3 == 0 && lease.attempts() < 5) {
          lease.nack();
        } else {
          ++acks[static_cast<std::size_t>(*lease)];
          lease.ack();
        }
      }
    });
  producer.join();
  for (auto& thread : consumers) thread.join();
  for (const auto& times : acks) ASSERT_EQ(times, 1);
}

TEST_F(QueueThreadLeaseTest, LeasesHeldAcrossLapsDoNotTearOrBlock) {
  shm::queue<stamped> q{create_only, unique_name(), {.capacity = 8}};
  std::thread producer{[&] {
    for (int i = 0; i < 3000; ++i) q.push(make(1, i));
    q.close();
  }};
  std::vector<shm::lease<stamped>> held;
  std::vector<int> seen(3000);
  for (int turn = 0; auto lease = q.lease(); ++turn) {
    expect_whole(*lease);
    ++seen[static_cast<std::size_t>((*lease).number)];
    if (turn % 2 == 0) held.push_back(std::move(lease));
    else lease.ack();
    if (held.size() == 7) {
      expect_whole(*held.front());
      held.front().ack();
      held.erase(held.begin());
    }
    // The end comes only when nothing is leased, and that includes what we hold ourselves.
    if (turn + 1 == 3000)
      for (auto& one : held) one.ack();
  }
  producer.join();
  for (const int times : seen) ASSERT_EQ(times, 1);
}

TEST_F(QueueThreadLeaseTest, ALeaseEndsWhileItsQueueObjectGoes) {
  shm::queue<int> other{create_only, unique_name(), {.capacity = 2}};
  for (int round = 0; round < 500; ++round) {
    auto q = std::make_unique<shm::queue<int>>(create_only, unique_name(),
                                               shm::queue_options{.capacity = 2});
    q->push(round);
    auto lease = q->lease();
    // Half of the time it has gone before: then another queue that goes looks after it.
    if (round % 2 == 0) q.reset();
    std::atomic<int> ready{0};
    const auto meet = [&ready] {
      ++ready;
      while (ready != 2) {
      }
    };
    std::thread holder{[&meet, held = std::move(lease), round]() mutable {
      meet();
      if (round % 4 < 2) held.ack();
      else held.nack();
    }};
    auto next = std::make_unique<shm::queue<int>>(open_only, other.name());
    meet();
    q.reset();
    next.reset();
    holder.join();
  }
}

}  // namespace
}  // namespace hawser
