// Payloads through a pipe between threads of one process: the twin that ThreadSanitizer can judge.

#include "payload_support.hpp"
#include <hawser/shm/payload_pipe.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace hawser {
namespace {

using shm::payload;
using shm::payload_pipe;
using shm::payload_pool;
using shm::push_status;
using test::unique_name;

/// Without slices: a lost wake-up is a hang here, not a delay.
class PayloadPipeThreadTest : public testing::Test {
 protected:
  PayloadPipeThreadTest() { shm::detail::set_wait_slices(false); }
  ~PayloadPipeThreadTest() override { shm::detail::set_wait_slices(true); }

  std::size_t in_use() const { return pool.counters().classes[0].in_use; }

  const std::string name = unique_name();
  // Fewer chunks than room: loans wait, not sends.
  payload_pool pool{create_only, name, {.classes = {{256, 5}}, .large = 1, .references = 2}};
};

void write(payload& one, std::uint64_t id) {
  auto* const words = reinterpret_cast<std::uint64_t*>(one.writable().data());
  for (std::size_t i = 0; i < one.size() / 8; ++i) words[i] = id;
}

void expect_whole(std::span<const std::byte> bytes, std::uint64_t id) {
  const auto* const words = reinterpret_cast<const std::uint64_t*>(bytes.data());
  for (std::size_t i = 0; i < bytes.size() / 8; ++i) ASSERT_EQ(words[i], id);
}

TEST_F(PayloadPipeThreadTest, BothDirectionsCarryEveryPayloadOnceAndInOrder) {
  constexpr std::uint64_t each = 4000;
  payload_pipe<std::uint64_t> a{pool, create_only, name + ".p", {.capacity = 8}};
  payload_pipe<std::uint64_t> b{pool, open_only, name + ".p"};
  const auto send = [&](payload_pipe<std::uint64_t>& end) {
    for (std::uint64_t i = 0; i < each; ++i) {
      payload one = pool.loan(i % 500 == 0 ? 5000 : 256);
      write(one, i);
      ASSERT_EQ(end.send(i, std::move(one)), push_status::ok);
    }
    end.close_sending();
  };
  const auto receive = [&](payload_pipe<std::uint64_t>& end) {
    std::uint64_t next = 0;
    while (auto got = end.receive()) {
      ASSERT_EQ(got->meta, next);
      expect_whole(got->data.bytes(), next++);
      write(got->data, 0);
    }
    ASSERT_EQ(next, each);
  };
  std::thread threads[] = {std::thread{[&] { send(a); }}, std::thread{[&] { send(b); }},
                           std::thread{[&] { receive(a); }}, std::thread{[&] { receive(b); }}};
  for (auto& one : threads) one.join();
  EXPECT_EQ(in_use(), 0U);
  EXPECT_EQ(pool.counters().stale, 0U);
  EXPECT_EQ(pool.counters().reclaimed, 0U);
}

TEST_F(PayloadPipeThreadTest, WhoeverClosesWheneverEveryPayloadIsFreeOnce) {
  // The sender fills the pipe, the receiver empties it, and a third thread closes one end, while
  // each loan that meets a used up pool waits for what the close sets free.
  for (int round = 0; round < 100; ++round) {
    payload_pipe<std::uint64_t> a{pool, create_only, name + ".p", {.capacity = 8}};
    payload_pipe<std::uint64_t> b{pool, open_only, name + ".p"};
    std::atomic<std::uint64_t> sent{0};
    std::thread sender{[&] {
      for (std::uint64_t i = 0;; ++i) {
        payload one = pool.loan(256);
        write(one, i);
        if (a.send(i, std::move(one)) != push_status::ok) break;
        sent = i + 1;
      }
      // Nobody takes any more: all but what is held is to be had.
      const payload all[] = {pool.loan(256), pool.loan(256), pool.loan(256), pool.loan(256)};
    }};
    std::thread receiver{[&] {
      std::uint64_t next = 0;
      while (auto got = b.receive()) {
        ASSERT_EQ(got->meta, next);
        expect_whole(got->data.bytes(), next++);
      }
    }};
    while (sent < static_cast<std::uint64_t>(round) * 3) std::this_thread::yield();
    b.close();
    sender.join();
    receiver.join();
    ASSERT_EQ(in_use(), 0U) << round;
  }
}

}  // namespace
}  // namespace hawser
