// Payloads through a pipe between processes: what is free, and what arrives, when one is killed.

#include "payload_support.hpp"
#include <hawser/shm/payload_pipe.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::payload;
using shm::payload_pool;
using shm::push_status;
using test::child;
using test::eventually;
using test::fill;
using test::holds;
using test::unique_name;

class PayloadPipeProcessTest : public testing::Test {
 protected:
  using pipe = shm::payload_pipe<std::uint64_t>;

  std::size_t in_use() const { return pool.counters().classes[0].in_use; }
  std::size_t large_in_use() const { return pool.counters().classes[1].in_use; }
  payload filled(std::uint64_t id, std::size_t bytes = 4096) {
    payload one = pool.loan(bytes);
    fill(one, id);
    return one;
  }
  /// A child that does `work` at the other end, reports, and waits for its end.
  auto peer(const std::function<void(payload_pool&, pipe&)>& work) {
    return [this, work](const child::report& ready) {
      payload_pool its{open_only, name};
      pipe end{its, open_only, name + ".p"};
      work(its, end);
      ready();
      pause();
      return 0;
    };
  }

  std::string name = unique_name();
  payload_pool pool{create_only, name, {.classes = {{4096, 8}}, .large = 2, .references = 4}};
  std::optional<pipe> mine{std::in_place, pool, create_only, name + ".p",
                           shm::payload_pipe_options{.capacity = 8}};
};

TEST_F(PayloadPipeProcessTest, WhatAKilledProcessSentArrivesAndThenTheEnd) {
  child sender{peer([](payload_pool& its, pipe& end) {
    for (std::uint64_t i = 0; i < 5; ++i) {
      payload one = its.loan(i == 4 ? 100'000 : 4096);
      fill(one, i);
      end.send(i, std::move(one));
    }
  })};
  ASSERT_TRUE(sender.await_report());
  sender.kill_and_join();
  { const auto swept = pool.loan_for(4096, test::patience); }
  for (std::uint64_t i = 0; i < 5; ++i) {
    const auto got = mine->receive_for(test::patience);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->meta, i);
    EXPECT_TRUE(holds(got->data.bytes(), i));
  }
  EXPECT_FALSE(mine->receive());
  EXPECT_TRUE(eventually([&] { return in_use() + large_in_use() == 0; }));
  EXPECT_EQ(pool.counters().stale, 0U);
}

TEST_F(PayloadPipeProcessTest, WhatWaitsForAKilledReceiverIsFreeAtOnce) {
  shm::detail::set_wait_slices(false);
  std::optional<shm::received_payload<std::uint64_t>> held;
  child receiver{peer([&](payload_pool&, pipe& end) { held = end.receive(); })};
  for (std::uint64_t i = 0; i < 8; ++i) mine->send(i, filled(i));
  ASSERT_TRUE(receiver.await_report());
  EXPECT_EQ(in_use(), 8U);
  // The loaner sleeps, with nothing to do with the pipe.
  child loaner{[&](const child::report& ready) {
    payload_pool its{open_only, name};
    ready();
    std::vector<payload> all;
    for (int i = 0; i < 8; ++i) all.push_back(its.loan(4096));
    return 0;
  }};
  ASSERT_TRUE(loaner.await_report());
  ASSERT_TRUE(loaner.await_state('S'));
  receiver.signal(SIGKILL);
  EXPECT_EQ(loaner.join(), 0);
  EXPECT_TRUE(eventually([&] { return in_use() == 0; }));
  // The loaner may have heard of the death before we do.
  EXPECT_TRUE(eventually([&] { return mine->send(9, filled(9)) == push_status::closed; }));
  shm::detail::set_wait_slices(true);
}

TEST_F(PayloadPipeProcessTest, ASenderThatWaitsForMemoryGetsWhatItSentToAKilledOne) {
  child receiver{peer([](payload_pool&, pipe&) {})};
  ASSERT_TRUE(receiver.await_report());
  for (std::uint64_t i = 0; i < 8; ++i) mine->send(i, filled(i));
  EXPECT_FALSE(pool.try_loan(4096));
  receiver.signal(SIGKILL);
  std::vector<payload> all;
  for (int i = 0; i < 8; ++i) {
    auto one = pool.loan_for(4096, test::patience);
    ASSERT_TRUE(one);
    all.push_back(std::move(*one));
  }
  EXPECT_FALSE(pool.try_loan(4096));
  EXPECT_EQ(pool.counters().reclaimed, 8U);
}

TEST_F(PayloadPipeProcessTest, WhatAKilledProcessHadReceivedIsFree) {
  for (std::uint64_t i = 0; i < 4; ++i) mine->send(i, filled(i));
  std::vector<shm::received_payload<std::uint64_t>> held;
  child receiver{peer([&](payload_pool&, pipe& end) {
    for (int i = 0; i < 3; ++i) held.push_back(std::move(*end.receive()));
  })};
  ASSERT_TRUE(receiver.await_report());
  EXPECT_EQ(in_use(), 4U);
  receiver.kill_and_join();
  { payload_pool another{open_only, name}; }  // who comes sweeps
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(PayloadPipeProcessTest, WhatLiesInAPipeWhoseProcessesWereAllKilledIsFree) {
  child both{[&](const child::report& ready) {
    payload_pool its{open_only, name};
    pipe a{its, create_only, name + ".other"}, b{its, open_only, name + ".other"};
    for (std::uint64_t i = 0; i < 4; ++i) {
      a.send(i, its.loan(4096));
      b.send(i, its.loan(4096));
    }
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(both.await_report());
  EXPECT_EQ(in_use(), 8U);
  both.kill_and_join();
  EXPECT_TRUE(pool.loan_for(4096, test::patience));
  EXPECT_TRUE(eventually([&] { return in_use() == 0; }));
  shm::remove(name + ".other");  // it was stale
}

TEST_F(PayloadPipeProcessTest, InAForkTheEndIsTheParents) {
  mine->send(1, filled(1));
  child fork{[&](const child::report&) {
    payload own = pool.loan(4096);
    try {
      mine->send(2, std::move(own));
      return 1;
    } catch (const error& e) {
      if (e.code() != errc::not_supported || !own) return 2;
    }
    mine->close();
    mine.reset();
    return 0;
  }};
  EXPECT_EQ(fork.join(), 0);
  pipe end{pool, open_only, name + ".p"};
  const auto got = end.receive();
  ASSERT_TRUE(got && holds(got->data.bytes(), 1));
  EXPECT_TRUE(eventually([&] { return in_use() == 1; }));
}

TEST_F(PayloadPipeProcessTest, AnEchoReturnsEveryPayloadOnceAndWhole) {
  shm::detail::set_wait_slices(false);
  constexpr std::uint64_t all = 4000;
  child echo{[&](const child::report&) {
    payload_pool its{open_only, name};
    pipe end{its, open_only, name + ".p"};
    while (auto got = end.receive()) {
      if (!holds(got->data.bytes(), got->meta)) return 1;
      fill(got->data, got->meta + 1);
      if (end.send(got->meta, std::move(got->data)) != push_status::ok) return 2;
    }
    return 0;
  }};
  std::thread sender{[&] {
    for (std::uint64_t i = 0; i < all; ++i) mine->send(i, filled(i, i % 100 == 0 ? 10'000 : 500));
    mine->close_sending();
  }};
  for (std::uint64_t i = 0; i < all; ++i) {
    const auto got = mine->receive();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->meta, i);
    EXPECT_TRUE(holds(got->data.bytes(), i + 1));
  }
  sender.join();
  EXPECT_EQ(echo.join(), 0);
  EXPECT_EQ(in_use() + large_in_use(), 0U);
  EXPECT_EQ(pool.counters().stale, 0U);
  EXPECT_EQ(pool.counters().reclaimed, 0U);
  shm::detail::set_wait_slices(true);
}

TEST_F(PayloadPipeProcessTest, KilledInTheMiddleOfAnExchangeNothingIsLostOrHeldTwice) {
  std::mt19937 random{7};
  for (int round = 0; round < 30; ++round) {
    const std::string other = name + "." + std::to_string(round);
    std::optional<pipe> end{std::in_place, pool, create_only, other,
                            shm::payload_pipe_options{.capacity = 3}};
    child echo{[&](const child::report&) {
      payload_pool its{open_only, name};
      pipe back{its, open_only, other};
      while (auto got = back.receive()) {
        if (!holds(got->data.bytes(), got->meta)) return 1;
        back.send(got->meta, std::move(got->data));
      }
      return 0;
    }};
    const std::uint64_t until = random() % 300;
    std::uint64_t returned = 0;
    std::thread sender{[&] {
      for (std::uint64_t i = 0;; ++i) {
        payload one = pool.loan(4096);
        fill(one, i);
        if (end->send(i, std::move(one)) != push_status::ok) break;
      }
    }};
    while (const auto got = end->receive()) {
      EXPECT_EQ(got->meta, returned++);
      EXPECT_TRUE(holds(got->data.bytes(), got->meta));
      if (returned == until + 1) echo.signal(SIGKILL);
    }
    sender.join();
    echo.join();
    end.reset();
    // Every chunk is there, and each only once.
    std::vector<payload> all;
    for (int i = 0; i < 8; ++i) {
      auto one = pool.loan_for(4096, test::patience);
      ASSERT_TRUE(one) << round;
      all.push_back(std::move(*one));
    }
    EXPECT_FALSE(pool.try_loan(4096));
  }
  EXPECT_EQ(pool.counters().stale, 0U);
}

}  // namespace
}  // namespace hawser
