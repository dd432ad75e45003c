// The pipe between threads. Its two ends map the segment each for itself, and ThreadSanitizer takes
// two addresses of one byte for two bytes; so the protocol's twin runs on the two halves of one ring
// in the same memory. The test after it is of whole pipes, each end used by two threads at once.

#include "../support/child.hpp"
#include <hawser/shm/detail/pipe_ring.hpp>
#include <hawser/shm/pipe.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using namespace shm::detail;
using test::unique_name;

/// A ring as a pipe has it, with its event counts, in memory of our own.
struct lone_ring {
  explicit lone_ring(std::size_t ring_bytes)
      : bytes(ring_bytes), memory(std::make_unique<std::uint64_t[]>(ring_bytes / 8)) {}
  std::byte* ring() const { return reinterpret_cast<std::byte*>(memory.get()); }

  std::size_t bytes;
  std::unique_ptr<std::uint64_t[]> memory;
  pipe_direction direction{};
  event_count data{}, space{};
  std::string name = "twin";
};

void fill(std::vector<std::byte>& message, std::size_t number, std::size_t bytes) {
  message.resize(bytes);
  for (std::size_t i = 0; i < bytes; ++i) message[i] = static_cast<std::byte>(number + i * 7);
}

bool is_whole(const ring_record& record, std::size_t number) {
  for (std::size_t i = 0; i < record.bytes; ++i)
    if (record.data[i] != static_cast<std::byte>(number + i * 7)) return false;
  return true;
}

struct traffic {
  std::size_t ring_bytes, batch;
  std::size_t count;
};

class PipeRingThreadTest : public testing::TestWithParam<traffic> {};

TEST_P(PipeRingThreadTest, EveryRecordArrivesWholeAndInOrder) {
  const traffic t = GetParam();
  lone_ring r(t.ring_bytes);
  const auto size_of = [&](std::size_t number) {
    return number * 13 % (part_bytes(t.ring_bytes) + 1);
  };
  std::thread sending{[&] {
    ring_sender sender{r.direction, r.ring(), r.bytes, r.name};
    std::vector<std::byte> message;
    const auto commit = [&] {
      sender.commit();
      if (r.data.wanted()) r.data.wake();
    };
    std::size_t staged = 0;
    for (std::size_t number = 0; number < t.count; ++number) {
      fill(message, number, size_of(number));
      const auto stage = [&] {
        return sender.stage(message.data(), message.size(), record_header::first);
      };
      if (!stage()) {
        if (std::exchange(staged, 0) != 0) commit();
        while (!stage()) {
          const std::uint32_t key = r.space.announce();
          if (stage()) break;
          futex_wait(r.space.word, key, std::chrono::nanoseconds{-1});
        }
      }
      if (++staged == t.batch || number + 1 == t.count) {
        commit();
        staged = 0;
      }
    }
  }};
  ring_receiver receiver{r.direction, r.ring(), r.bytes, r.name};
  ring_record record;
  for (std::size_t number = 0; number < t.count; ++number) {
    while (!receiver.peek(record)) {
      const std::uint32_t key = r.data.announce();
      if (receiver.peek(record)) break;
      futex_wait(r.data.word, key, std::chrono::nanoseconds{-1});
    }
    ASSERT_EQ(record.bytes, size_of(number));
    ASSERT_TRUE(is_whole(record, number)) << number;
    receiver.pass(record.begin, record.end);
    receiver.publish(1);
    if (r.space.wanted()) r.space.wake();
  }
  sending.join();
  EXPECT_EQ(r.direction.sent.load(), t.count);
  EXPECT_EQ(r.direction.received.load(), t.count);
  EXPECT_EQ(r.direction.head.load(), r.direction.tail.load());
}

// Each of the two ways to hear of a record is enough, without anything else between the threads.
TEST(PipeRingWaysTest, ARecordIsWholeForWhoSeesItsHeaderAndForWhoSeesTheTail) {
  for (const bool by_tail : {true, false}) {
    constexpr std::size_t count = 2'000;
    lone_ring r(4096);
    std::thread sending{[&] {
      ring_sender sender{r.direction, r.ring(), r.bytes, r.name};
      std::vector<std::byte> message;
      for (std::size_t number = 0; number < count; ++number) {
        fill(message, number, number % 100);
        while (!sender.stage(message.data(), message.size(), record_header::first))
          std::this_thread::yield();
        sender.commit();
      }
    }};
    ring_receiver receiver{r.direction, r.ring(), r.bytes, r.name};
    ring_record record;
    for (std::size_t number = 0; number < count; ++number) {
      if (by_tail) {
        // Relaxed: what it orders is left to the receiver, whose first look is at the tail.
        while (r.direction.tail.load(std::memory_order_relaxed) <= record.end)
          std::this_thread::yield();
        EXPECT_TRUE(receiver.peek(record));
      } else {
        do receiver.look_closely();
        while (!receiver.peek(record));
      }
      EXPECT_EQ(record.bytes, number % 100);
      EXPECT_TRUE(is_whole(record, number)) << number;
      receiver.pass(record.begin, record.end);
      receiver.publish(1);
    }
    sending.join();
  }
}

INSTANTIATE_TEST_SUITE_P(Traffic, PipeRingThreadTest,
                         testing::Values(traffic{256, 1, 4'000}, traffic{256, 3, 4'000},
                                         traffic{1024, 1, 4'000}, traffic{4096, 16, 4'000},
                                         traffic{65536, 7, 500}));

std::string text_of(std::size_t number) {
  std::string text = std::to_string(number) + ":";
  for (std::size_t i = 0; i < number * 31 % 400; ++i)
    text += static_cast<char>('a' + (number + i * i) % 26);
  return text;
}

/// Without slices: a lost wake-up is a hang here, not a delay.
class PipeThreadTest : public testing::Test {
 protected:
  PipeThreadTest() { shm::detail::set_wait_slices(false); }
  ~PipeThreadTest() override { shm::detail::set_wait_slices(true); }
};

TEST_F(PipeThreadTest, EachEndSendsAndReceivesAtOnce) {
  constexpr std::size_t count = 5'000;
  const std::string name = unique_name();
  shm::pipe<std::string> a{create_only, name, {.bytes = 512}};
  shm::pipe<std::string> b{open_only, name};
  const auto send = [&](shm::pipe<std::string>& end) {
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(end.send(text_of(i)), shm::push_status::ok);
    end.close_sending();
  };
  const auto receive = [&](shm::pipe<std::string>& end) {
    std::size_t next = 0;
    while (const auto text = end.receive()) ASSERT_EQ(*text, text_of(next++));
    EXPECT_EQ(next, count);
  };
  std::thread threads[] = {std::thread{send, std::ref(a)}, std::thread{receive, std::ref(b)},
                           std::thread{send, std::ref(b)}};
  receive(a);
  for (auto& thread : threads) thread.join();
}

TEST_F(PipeThreadTest, ClosingFromAnotherThreadEndsBothWaits) {
  for (int round = 0; round < 50; ++round) {
    const std::string name = unique_name();
    shm::pipe<std::string> a{create_only, name, {.bytes = 256}};
    shm::pipe<std::string> b{open_only, name};
    std::thread sending{[&] {
      while (a.send("text") == shm::push_status::ok) continue;
    }};
    std::thread receiving{[&] { EXPECT_FALSE(a.receive()); }};
    while (a.counters().waits < static_cast<std::uint64_t>(round % 3)) std::this_thread::yield();
    // Of either end.
    if (round % 2 == 0) a.close();
    else b.close();
    sending.join();
    receiving.join();
  }
}

}  // namespace
}  // namespace hawser
