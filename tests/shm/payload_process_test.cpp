// Payloads between processes: what is free, and what is still there, when one of them is killed.

#include "payload_support.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::payload;
using shm::payload_pool;
using shm::payload_queue;
using shm::push_status;
using shm::take_status;
using test::child;
using test::eventually;
using test::fill;
using test::holds;
using test::unique_name;

class PayloadProcessTest : public testing::Test {
 protected:
  std::size_t in_use() const { return pool.counters().classes[0].in_use; }
  std::size_t large_in_use() const { return pool.counters().classes[1].in_use; }
  payload filled(std::uint64_t id, std::size_t bytes = 4096) {
    payload one = pool.loan(bytes);
    fill(one, id);
    return one;
  }
  /// A child that does `work` with views of its own, reports, and waits for its end.
  auto holder(const std::function<void(payload_pool&, payload_queue<int>&)>& work) {
    return [this, work](const child::report& ready) {
      payload_pool its{open_only, name};
      payload_queue<int> queue{its, open_only, name + ".q"};
      work(its, queue);
      ready();
      pause();
      return 0;
    };
  }

  std::string name = unique_name();
  payload_pool pool{create_only, name, {.classes = {{4096, 8}}, .large = 2, .references = 4}};
  payload_queue<int> q{pool, create_only, name + ".q", {.capacity = 8}};
};

TEST_F(PayloadProcessTest, WhatAKilledProcessHeldIsFree) {
  std::vector<payload> kept;
  child one{holder([&](payload_pool& its, payload_queue<int>&) {
    for (int i = 0; i < 8; ++i) kept.push_back(its.loan(4096));
    kept.push_back(its.loan(1 << 20));
  })};
  ASSERT_TRUE(one.await_report());
  EXPECT_EQ(in_use(), 8U);
  EXPECT_EQ(large_in_use(), 1U);
  EXPECT_FALSE(pool.try_loan(4096));
  one.signal(SIGKILL);
  EXPECT_TRUE(pool.loan_for(4096, test::patience));
  EXPECT_TRUE(eventually([&] { return in_use() == 0 && large_in_use() == 0; }));
  EXPECT_LT(test::pages_of(name), 200'000U);
  EXPECT_EQ(pool.counters().reclaimed, 9U);
}

TEST_F(PayloadProcessTest, WhatAKilledProcessSentArrives) {
  child sender{holder([](payload_pool& its, payload_queue<int>& queue) {
    for (int i = 0; i < 5; ++i) {
      payload one = its.loan(4096);
      fill(one, static_cast<std::uint64_t>(i));
      queue.push(i, std::move(one));
    }
    payload large = its.loan(100'000);
    fill(large, 5);
    queue.push(5, std::move(large));
  })};
  ASSERT_TRUE(sender.await_report());
  sender.kill_and_join();
  { const payload wait = *pool.loan_for(4096, test::patience); }
  for (int i = 0; i <= 5; ++i) {
    auto got = q.lease_for(test::patience);
    ASSERT_TRUE(got);
    EXPECT_EQ(got.meta(), i);
    EXPECT_TRUE(holds(got.bytes(), static_cast<std::uint64_t>(i)));
    got.ack();
  }
  EXPECT_TRUE(eventually([&] { return in_use() == 0 && large_in_use() == 0; }));
  EXPECT_EQ(pool.counters().stale, 0U);
}

TEST_F(PayloadProcessTest, WhatAKilledReaderHadLeasedGoesToTheNextOne) {
  for (int round = 0; round < 20; ++round) {
    q.push(round, filled(static_cast<std::uint64_t>(round)));
    std::optional<shm::payload_lease<int>> held;
    child reader{holder([&](payload_pool&, payload_queue<int>& queue) {
      held.emplace(queue.lease());
      if (!holds(held->bytes(), static_cast<std::uint64_t>(round))) _exit(1);
    })};
    ASSERT_TRUE(reader.await_report());
    EXPECT_EQ(q.try_lease().status(), take_status::empty);
    reader.signal(SIGKILL);
    auto again = q.lease_for(test::patience);
    ASSERT_TRUE(again);
    EXPECT_EQ(again.attempts(), 2U);
    EXPECT_TRUE(holds(again.bytes(), static_cast<std::uint64_t>(round)));
    again.ack();
    EXPECT_EQ(in_use(), 0U);
  }
  EXPECT_EQ(pool.counters().stale, 0U);
}

TEST_F(PayloadProcessTest, AReferenceOfAKilledReaderIsCountedNoMore) {
  payload one = filled(3);
  q.push(1, one.share());
  std::optional<shm::received_payload<int>> popped;
  child reader{holder([&](payload_pool&, payload_queue<int>& queue) { popped = queue.pop(); })};
  ASSERT_TRUE(reader.await_report());
  one.release();
  EXPECT_EQ(in_use(), 1U);  // the reader's
  reader.signal(SIGKILL);
  std::vector<payload> all;
  for (int i = 0; i < 8; ++i) {
    auto more = pool.loan_for(4096, test::patience);  // the last one waits for the death
    ASSERT_TRUE(more);
    all.push_back(std::move(*more));
  }
  EXPECT_FALSE(pool.try_loan(4096));
}

TEST_F(PayloadProcessTest, ALoanWaitsForTheDeathOfAHolder) {
  shm::detail::set_wait_slices(false);
  std::vector<payload> kept;
  child one{holder([&](payload_pool& its, payload_queue<int>&) {
    for (int i = 0; i < 8; ++i) kept.push_back(its.loan(4096));
  })};
  ASSERT_TRUE(one.await_report());
  child waiter{[&](const child::report& ready) {
    payload_pool its{open_only, name};
    ready();
    return its.loan(4096) ? 0 : 1;
  }};
  ASSERT_TRUE(waiter.await_report());
  ASSERT_TRUE(waiter.await_state('S'));
  one.signal(SIGKILL);
  EXPECT_EQ(waiter.join(), 0);
  shm::detail::set_wait_slices(true);
}

TEST_F(PayloadProcessTest, AForkedChildHasPlacesOfItsOwnAndReleasesNothingOfItsParents) {
  payload mine = filled(1);
  q.push(7, filled(2));
  auto leased = q.try_lease();
  {
    child fork{[&](const child::report&) {
      if (!holds(mine.bytes(), 1) || !holds(leased.bytes(), 2)) return 1;
      leased.ack();    // the parent's: does nothing
      mine.release();  // likewise
      payload own = pool.loan(4096);
      fill(own, 3);
      return q.push(8, std::move(own)) == push_status::ok ? 0 : 2;
    }};
    EXPECT_EQ(fork.join(), 0);
  }
  EXPECT_TRUE(eventually([&] { return !pool.try_loan(5000) || in_use() == 3; }));
  EXPECT_EQ(in_use(), 3U);
  auto its = q.lease_for(test::patience);
  ASSERT_TRUE(its);
  EXPECT_EQ(its.meta(), 8);
  EXPECT_TRUE(holds(its.bytes(), 3));
  its.ack();
  leased.ack();
  mine.release();
  EXPECT_TRUE(eventually([&] { return in_use() == 0; }));
}

TEST_F(PayloadProcessTest, PayloadsInAQueueWhoseProcessesWereAllKilledAreFree) {
  child both{[&](const child::report& ready) {
    payload_pool its{open_only, name};
    payload_queue<> other{its, create_only, name + ".other"};
    for (int i = 0; i < 8; ++i) other.push(its.loan(4096));
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(both.await_report());
  EXPECT_EQ(in_use(), 8U);
  both.kill_and_join();
  EXPECT_TRUE(pool.loan_for(4096, test::patience));
  EXPECT_TRUE(eventually([&] { return in_use() == 0; }));
  EXPECT_TRUE(shm::remove(name + ".other"));  // it was stale
}

TEST_F(PayloadProcessTest, ProducersAndConsumersMoveEveryPayloadOnceAndWhole) {
  shm::detail::set_wait_slices(false);
  constexpr int each = 3000, producers = 2, consumers = 2;
  std::vector<std::unique_ptr<child>> senders, readers;
  for (int p = 0; p < producers; ++p)
    senders.push_back(std::make_unique<child>([&, p](const child::report&) {
      payload_pool its{open_only, name};
      payload_queue<int> queue{its, open_only, name + ".q"};
      for (int i = 0; i < each; ++i) {
        payload one = its.loan(i % 100 == 0 ? 10'000U : 500U);
        fill(one, static_cast<std::uint64_t>(p * each + i));
        queue.push(p * each + i, std::move(one));
      }
      return 0;
    }));
  shm::queue<std::int64_t> sums{create_only, name + ".sums"};
  for (int c = 0; c < consumers; ++c)
    readers.push_back(std::make_unique<child>([&, c](const child::report&) {
      payload_pool its{open_only, name, {.read_only_payloads = c == 0}};
      payload_queue<int> queue{its, open_only, name + ".q"};
      std::int64_t sum = 0;
      for (;;) {
        if (c == 0) {
          auto got = queue.lease();
          if (!got) break;
          if (!holds(got.bytes(), static_cast<std::uint64_t>(got.meta()))) return 1;
          sum += got.meta();
          got.ack();
        } else {
          auto got = queue.pop();
          if (!got) break;
          if (!holds(got->data.bytes(), static_cast<std::uint64_t>(got->meta))) return 1;
          sum += got->meta;
        }
      }
      shm::queue<std::int64_t>{open_only, name + ".sums"}.push(sum);
      return 0;
    }));
  for (auto& one : senders) EXPECT_EQ(one->join(), 0);
  q.close();
  for (auto& one : readers) EXPECT_EQ(one->join(), 0);
  constexpr std::int64_t total = producers * each;
  EXPECT_EQ(sums.pop().value_or(0) + sums.pop().value_or(0), total * (total - 1) / 2);
  EXPECT_EQ(in_use() + large_in_use(), 0U);
  EXPECT_EQ(pool.counters().stale, 0U);
  EXPECT_EQ(pool.counters().reclaimed, 0U);
  shm::detail::set_wait_slices(true);
}

}  // namespace
}  // namespace hawser
