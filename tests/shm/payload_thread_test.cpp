// Payloads between threads of one process: the twin that ThreadSanitizer can judge.

#include "payload_support.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using shm::payload;
using shm::payload_pool;
using shm::payload_queue;
using test::unique_name;

/// Without slices: a lost wake-up is a hang here, not a delay.
class PayloadThreadTest : public testing::Test {
 protected:
  PayloadThreadTest() { shm::detail::set_wait_slices(false); }
  ~PayloadThreadTest() override { shm::detail::set_wait_slices(true); }

  // Fewer chunks than slots: the loans wait, not the pushes.
  const std::string name = unique_name();
  payload_pool pool{create_only, name, {.classes = {{256, 3}}, .large = 1, .references = 2}};
};

void write(payload& one, std::uint64_t id) {
  auto* const words = reinterpret_cast<std::uint64_t*>(one.writable().data());
  for (std::size_t i = 0; i < one.size() / 8; ++i) words[i] = id;
}

void expect_whole(std::span<const std::byte> bytes, std::uint64_t id) {
  const auto* const words = reinterpret_cast<const std::uint64_t*>(bytes.data());
  for (std::size_t i = 0; i < bytes.size() / 8; ++i) ASSERT_EQ(words[i], id);
}

TEST_F(PayloadThreadTest, EveryPayloadArrivesOnceAndWhole) {
  payload_queue<std::uint64_t> q{pool, create_only, name + ".q", {.capacity = 4}};
  constexpr std::uint64_t each = 4000, producers = 2;
  std::vector<std::atomic<int>> seen(each * producers);
  std::vector<std::thread> senders, readers;
  for (std::uint64_t p = 0; p < producers; ++p)
    senders.emplace_back([&, p] {
      for (std::uint64_t i = 0; i < each; ++i) {
        payload one = pool.loan(i % 500 == 0 ? 5000 : 256);
        write(one, p * each + i);
        q.push(p * each + i, std::move(one));
      }
    });
  for (int c = 0; c < 3; ++c)
    readers.emplace_back([&, c] {
      for (;;) {
        if (c != 0) {
          auto got = q.lease();
          if (!got) break;
          expect_whole(got.bytes(), got.meta());
          ++seen[got.meta()];
          got.ack();
        } else {
          auto got = q.pop();
          if (!got) break;
          expect_whole(got->data.bytes(), got->meta);
          write(got->data, 0);
          ++seen[got->meta];
        }
      }
    });
  for (auto& one : senders) one.join();
  q.close();
  for (auto& one : readers) one.join();
  for (const auto& count : seen) ASSERT_EQ(count, 1);
  EXPECT_EQ(pool.counters().classes[0].in_use, 0U);
  EXPECT_EQ(pool.counters().stale, 0U);
}

TEST_F(PayloadThreadTest, ASharedPayloadIsWrittenAgainOnlyAfterItsLastReader) {
  payload_queue<std::uint64_t> a{pool, create_only, name + ".a", {.capacity = 2}};
  payload_queue<std::uint64_t> b{pool, create_only, name + ".b", {.capacity = 2}};
  constexpr std::uint64_t rounds = 4000;
  const auto read = [](payload_queue<std::uint64_t>& q) {
    while (auto got = q.lease()) {
      expect_whole(got.bytes(), got.meta());
      got.ack();
    }
  };
  std::thread at_a{[&] { read(a); }}, at_b{[&] { read(b); }};
  for (std::uint64_t i = 0; i < rounds; ++i) {
    payload one = pool.loan(i % 200 == 0 ? 5000 : 256);
    write(one, i);
    payload two = one.share();
    a.push(i, std::move(one));
    if (two) b.push(i, std::move(two));
  }
  a.close();
  b.close();
  at_a.join();
  at_b.join();
  EXPECT_EQ(pool.counters().classes[0].in_use, 0U);
  EXPECT_EQ(pool.counters().references_in_use, 0U);
}

// Whoever releases it gives its pages back afterwards, when the next may have it already.
TEST_F(PayloadThreadTest, ALargeChunkHasOneHolder) {
  std::atomic<int> holders{0}, crowds{0}, without_pages{0};
  std::vector<std::thread> borrowers;
  for (std::uint64_t me = 0; me < 3; ++me)
    borrowers.emplace_back([&, me] {
      for (int i = 0; i < 4000; ++i) {
        payload one = pool.loan(5000);
        crowds += holders++ != 0;
        if (one.writable().data() == nullptr) {
          ++without_pages;
        } else {
          write(one, me);
          expect_whole(one.bytes(), me);
        }
        --holders;
      }
    });
  for (auto& one : borrowers) one.join();
  EXPECT_EQ(crowds, 0);
  EXPECT_EQ(without_pages, 0);
  EXPECT_EQ(pool.counters().classes[1].in_use, 0U);
}

TEST_F(PayloadThreadTest, CollectingDoesNotDisturbTheLiving) {
  payload_queue<std::uint64_t> q{pool, create_only, name + ".q", {.capacity = 4}};
  std::atomic<bool> done{false};
  std::thread collector{[&] {
    // Each closes a route, which looks through all queues for what nobody moves any more.
    while (!done) {
      payload_pool other{open_only, name};
      payload_queue<std::uint64_t> its{other, open_only, name + ".q"};
      if (auto one = other.try_loan(256)) {
        write(*one, 0);
        (void)its.try_push(0, std::move(*one));
      }
    }
  }};
  std::thread reader{[&] {
    while (auto got = q.lease()) {
      expect_whole(got.bytes(), got.meta());
      got.ack();
    }
  }};
  for (std::uint64_t i = 0; i < 4000; ++i) {
    payload one = pool.loan(256);
    write(one, i);
    q.push(i, std::move(one));
  }
  done = true;
  collector.join();
  q.close();
  reader.join();
  EXPECT_EQ(pool.counters().classes[0].in_use, 0U);
  EXPECT_EQ(pool.counters().stale, 0U);
}

}  // namespace
}  // namespace hawser
