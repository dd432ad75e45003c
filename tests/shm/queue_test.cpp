#include "../support/child.hpp"
#include "../support/made_range.hpp"
#include <hawser/shm/queue.hpp>

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using shm::push_status;
using shm::take_status;
using namespace std::chrono_literals;

struct job {
  int id;
  char file[16];
};

/// Of variable size, with a codec of its own.
struct order {
  int id = 0;
  std::string text;
};

}  // namespace
}  // namespace hawser

template <>
struct hawser::shm::codec<hawser::order> {
  static void encode(const order& value, std::vector<std::byte>& out) {
    if (value.id < 0) throw std::runtime_error("negative order");
    const auto* id = reinterpret_cast<const std::byte*>(&value.id);
    const auto* text = reinterpret_cast<const std::byte*>(value.text.data());
    out.insert(out.end(), id, id + sizeof value.id);
    out.insert(out.end(), text, text + value.text.size());
  }
  static order decode(std::span<const std::byte> bytes) {
    order value;
    if (bytes.size() < sizeof value.id) throw std::runtime_error("not an order");
    std::memcpy(&value.id, bytes.data(), sizeof value.id);
    if (value.id == 666) throw std::runtime_error("unreadable order");
    value.text.assign(reinterpret_cast<const char*>(bytes.data()) + sizeof value.id,
                      bytes.size() - sizeof value.id);
    return value;
  }
};

namespace hawser {
namespace {

using test::unique_name;

TEST(QueueTest, TryPushReturnsFullAndWritesNothingAtCapacity) {
  shm::queue<int> q{create_only, unique_name(), {.capacity = 2}};
  ASSERT_EQ(q.try_push(1), push_status::ok);
  ASSERT_EQ(q.try_push(2), push_status::ok);

  EXPECT_EQ(q.try_push(3), push_status::full);

  EXPECT_EQ(q.try_pop(), 1);
  EXPECT_EQ(q.try_pop(), 2);
  EXPECT_EQ(q.try_pop(), std::nullopt);
}

TEST(QueueTest, KeepsOrderOverManyLapsAtEveryCapacity) {
  for (const std::size_t capacity : {1U, 2U, 3U, 5U, 8U, 100U}) {
    shm::queue<std::uint64_t> q{create_only, unique_name(), {.capacity = capacity}};
    std::uint64_t in = 0, out = 0;
    for (int round = 0; round < 1000; ++round) {
      for (int i = 0; i < round % 7; ++i)
        if (q.try_push(in) == push_status::ok) ++in;
      EXPECT_EQ(q.size(), in - out);
      for (int i = 0; i < round % 5; ++i)
        if (const auto message = q.try_pop()) {
          ASSERT_EQ(*message, out++);
        }
    }
  }
}

TEST(QueueTest, LeasedMessageIsReadInPlaceAndGoneAfterAck) {
  shm::queue<job> q{create_only, unique_name()};
  q.push({42, "resize.png"});
  auto message = q.lease();
  ASSERT_TRUE(message);
  EXPECT_EQ((*message).id, 42);
  EXPECT_STREQ((*message).file, "resize.png");
  EXPECT_EQ(message->attempts(), 1U);
  EXPECT_EQ(q.size(), 0U);

  message->ack();

  EXPECT_FALSE(message);
  EXPECT_EQ(q.try_lease().status(), take_status::empty);
  EXPECT_EQ(q.counters().acked, 1U);
}

TEST(QueueTest, NackedMessageComesBackBeforeNewerOnesAndCountsItsAttempts) {
  shm::queue<int> q{create_only, unique_name()};
  for (const int i : {1, 2, 3}) q.push(i);
  { auto dropped = q.lease(); }  // the destructor gives it back
  auto second = q.lease();
  EXPECT_EQ(*second, 1);
  EXPECT_EQ(second.attempts(), 2U);
  auto other = q.lease();
  EXPECT_EQ(*other, 2);
  other.nack();
  second.nack();

  EXPECT_EQ(q.pop(), 1);  // the oldest first, whatever came back last
  EXPECT_EQ(q.pop(), 2);
  EXPECT_EQ(q.pop(), 3);
  EXPECT_EQ(q.counters().redelivered, 3U);
}

TEST(QueueTest, LongLeaseDoesNotStopProducers) {
  shm::queue<int> q{create_only, unique_name(), {.capacity = 3}};
  q.push(-1);
  auto held = q.lease();
  for (int i = 0; i < 50; i += 2) {
    ASSERT_EQ(q.try_push(i), push_status::ok);
    ASSERT_EQ(q.try_push(i + 1), push_status::ok);
    ASSERT_EQ(q.try_push(99), push_status::full);
    ASSERT_EQ(q.pop(), i);
    ASSERT_EQ(q.pop(), i + 1);
  }
  EXPECT_EQ(*held, -1);
  held.ack();
  for (const int i : {1, 2, 3}) EXPECT_EQ(q.try_push(i), push_status::ok);
  EXPECT_EQ(q.try_push(4), push_status::full);
  for (const int i : {1, 2, 3}) EXPECT_EQ(q.pop(), i);
}

TEST(QueueTest, LeaseIsReturnedInOrderAfterManyLaps) {
  shm::queue<int> q{create_only, unique_name(), {.capacity = 4}};
  q.push(1);
  q.push(2);
  auto first = q.lease(), second = q.lease();
  for (int i = 100; i < 200; ++i) {
    q.push(i);
    ASSERT_EQ(q.pop(), i);
  }
  q.push(3);
  second.nack();
  first.nack();
  EXPECT_EQ(q.pop(), 1);
  EXPECT_EQ(q.pop(), 2);
  EXPECT_EQ(q.pop(), 3);
}

TEST(QueueTest, BatchIsPushedAndLeasedInOrder) {
  shm::queue<int> q{create_only, unique_name(), {.capacity = 100}};
  std::vector<int> values(64);
  std::iota(values.begin(), values.end(), 0);
  EXPECT_EQ(q.push_batch(values), 64U);
  EXPECT_EQ(q.try_push_batch(values), 36U);
  EXPECT_EQ(q.size(), 100U);

  auto leases = q.lease_batch(64);
  ASSERT_EQ(leases.size(), 64U);
  for (int i = 0; i < 64; ++i) EXPECT_EQ(*leases[static_cast<std::size_t>(i)], i);
  for (auto& lease : leases) lease.ack();
  EXPECT_EQ(q.try_lease_batch(64).size(), 36U);  // and given back
  EXPECT_EQ(q.size(), 36U);
  EXPECT_EQ(q.pop(), 0);
}

TEST(QueueTest, BatchOfElementsThatAreMadeWhenLookedAtIsWhatTheyWere) {
  shm::queue<std::string> texts{create_only, unique_name(), {.capacity = 64}};
  const auto text_of = [](int i) { return std::string(100, static_cast<char>('a' + i)); };
  EXPECT_EQ(texts.push_batch(test::made_range{26, text_of}), 26U);
  for (int i = 0; i < 26; ++i) ASSERT_EQ(texts.pop(), text_of(i));

  shm::queue<int> numbers{create_only, unique_name(), {.capacity = 64}};
  const auto refuse = [](int i) { return i == 3 ? throw std::runtime_error{"no three"} : i; };
  const test::made_range all{5, refuse};
  EXPECT_THROW(numbers.push_batch(all), std::runtime_error);
  EXPECT_TRUE(numbers.empty());
  EXPECT_EQ(numbers.push_batch(test::made_range{3, [](int i) { return i; }}), 3U);
  EXPECT_EQ(numbers.push_batch(std::deque<int>{3, 4}), 2U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(numbers.pop(), i);
}

TEST(QueueTest, BatchOfNothingIsThereAtOnce) {
  shm::queue<int> q{create_only, unique_name(), {.capacity = 4}};
  EXPECT_TRUE(q.lease_batch(0).empty());
  q.push(1);
  EXPECT_TRUE(q.lease_batch(0).empty());
  EXPECT_TRUE(q.lease_batch_for(0, 1h).empty());
  EXPECT_EQ(q.pop(), 1);
}

TEST(QueueTest, BatchPassesOverLeasedSlots) {
  shm::queue<int> q{create_only, unique_name(), {.capacity = 8}};
  for (int i = 0; i < 8; ++i) q.push(i);
  std::vector<shm::lease<int>> held;
  for (int i = 0; i < 8; ++i) {
    auto lease = q.lease();
    if (i % 2 == 0) held.push_back(std::move(lease));
    else lease.ack();
  }
  const std::vector<int> more{10, 11, 12, 13, 14};
  EXPECT_EQ(q.try_push_batch(more), 4U);
  for (const int i : {10, 11, 12, 13}) EXPECT_EQ(q.try_pop(), i);
  for (auto& lease : held) lease.ack();
  EXPECT_EQ(q.try_push_batch(std::vector<int>(20, 7)), 8U);
}

TEST(QueueTest, CloseLetsConsumersDrainAndThenReportsTheEnd) {
  shm::queue<int> q{create_only, unique_name()};
  q.push(1);
  q.push(2);
  q.close();

  EXPECT_EQ(q.push(3), push_status::closed);
  EXPECT_EQ(q.try_push(3), push_status::closed);
  EXPECT_EQ(q.push_batch(std::vector<int>{3}), 0U);
  EXPECT_EQ(q.pop(), 1);
  auto last = q.lease();
  EXPECT_FALSE(q.drained());
  EXPECT_EQ(q.try_lease().status(), take_status::empty);  // it may still come back
  last.nack();
  EXPECT_EQ(q.pop(), 2);
  EXPECT_TRUE(q.drained());
  EXPECT_EQ(q.lease().status(), take_status::closed);
  EXPECT_EQ(q.pop(), std::nullopt);
}

TEST(QueueTest, WaitsEndAtTheirDeadline) {
  shm::queue<int> q{create_only, unique_name(), {.capacity = 1}};
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(q.lease_for(20ms).status(), take_status::timed_out);
  EXPECT_EQ(q.pop_for(20ms), std::nullopt);
  EXPECT_TRUE(q.lease_batch_for(4, 20ms).empty());
  q.push(1);
  EXPECT_EQ(q.push_for(2, 20ms), push_status::timed_out);
  EXPECT_EQ(q.push_until(2, std::chrono::system_clock::now() + 20ms), push_status::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 100ms);
  EXPECT_EQ(q.size(), 1U);
}

TEST(QueueTest, TimesAreAsFarAwayAsTheirTypesAllow) {
  using steady = std::chrono::steady_clock;
  using system = std::chrono::system_clock;
  shm::queue<int> q{create_only, unique_name(), {.capacity = 1}};
  EXPECT_EQ(q.pop_until(steady::time_point::min()), std::nullopt);
  EXPECT_EQ(q.pop_until(system::time_point::min()), std::nullopt);
  EXPECT_EQ(q.pop_until(std::chrono::sys_days::min()), std::nullopt);
  EXPECT_EQ(q.pop_for(std::chrono::hours::min()), std::nullopt);
  EXPECT_EQ(q.pop_for(std::chrono::duration<double>{-1e300}), std::nullopt);
  q.push(1);
  EXPECT_EQ(q.push_until(2, steady::time_point::min()), push_status::timed_out);
  EXPECT_EQ(q.push_for(2, std::chrono::nanoseconds::min()), push_status::timed_out);
  EXPECT_EQ(q.pop_until(steady::time_point::max()), 1);
  for (const bool by_time : {true, false}) {
    std::thread later{[&] {
      std::this_thread::sleep_for(5ms);
      q.push(2);
    }};
    EXPECT_EQ(
        by_time ? q.pop_until(std::chrono::sys_days::max()) : q.pop_for(std::chrono::hours::max()),
        2);
    later.join();
  }
}

TEST(QueueTest, MessageReturnedTooOftenBecomesADeadLetter) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name, {.capacity = 4, .attempts_max = 3}};
  shm::queue<int> dead{open_only, name + ".dead"};
  EXPECT_EQ(dead.name(), name + ".dead");
  q.push(13);
  q.push(14);
  for (unsigned attempt = 1; attempt <= 3; ++attempt) {
    auto lease = q.lease();
    ASSERT_EQ(*lease, 13);
    EXPECT_EQ(lease.attempts(), attempt);
    lease.nack();
  }
  EXPECT_EQ(q.pop(), 14);
  EXPECT_EQ(q.try_lease().status(), take_status::empty);
  EXPECT_EQ(dead.size(), 1U);

  auto letter = dead.lease();
  EXPECT_EQ(*letter, 13);
  EXPECT_EQ(letter.attempts(), 4U);
  letter.nack();
  EXPECT_EQ(dead.size(), 1U);
  EXPECT_EQ(q.size(), 0U);
  for (const int i : {1, 2, 3}) EXPECT_EQ(q.try_push(i), push_status::ok);
  EXPECT_EQ(q.try_push(4), push_status::full);  // a dead letter keeps its slot
  EXPECT_EQ(dead.pop(), 13);
  for (const int i : {1, 2, 3}) EXPECT_EQ(q.pop(), i);
  for (const int i : {5, 6, 7, 8}) EXPECT_EQ(q.try_push(i), push_status::ok);
}

TEST(QueueTest, DeadLettersEndWhenTheQueueIsClosedAndEmpty) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name, {.attempts_max = 1}};
  shm::queue<int> dead{open_only, name + ".dead"};
  q.push(1);
  q.lease().nack();
  q.close();
  EXPECT_TRUE(q.drained());
  EXPECT_EQ(q.pop(), std::nullopt);
  EXPECT_FALSE(dead.drained());
  EXPECT_EQ(dead.pop(), 1);
  EXPECT_EQ(dead.pop(), std::nullopt);
}

TEST(QueueTest, StringsAreReadInPlaceUpToTheStatedMaximum) {
  shm::queue<std::string> q{create_only, unique_name(), {.capacity = 4, .message_bytes_max = 10}};
  q.push("");
  q.push("0123456789");
  try {
    q.push("0123456789x");
    ADD_FAILURE() << "a message above the maximum was taken";
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::too_large);
    EXPECT_NE(std::string{e.what()}.find("11 bytes"), std::string::npos) << e.what();
  }
  EXPECT_EQ(q.pop(), "");
  auto lease = q.lease();
  const std::string_view text = *lease;
  EXPECT_EQ(text, "0123456789");
  lease.ack();
  EXPECT_TRUE(q.empty());
}

TEST(QueueTest, RangesTravelByTheirElements) {
  shm::queue<std::vector<double>> q{create_only, unique_name(), {.message_bytes_max = 800}};
  q.push({1.5, 2.5});
  q.push({});
  q.push_batch(std::vector<std::vector<double>>{{3}, {4, 5}});
  auto lease = q.lease();
  ASSERT_EQ((*lease).size(), 2U);
  EXPECT_EQ((*lease)[1], 2.5);
  lease.ack();
  EXPECT_EQ(q.pop(), std::vector<double>{});
  EXPECT_EQ(q.pop(), std::vector<double>{3});
  EXPECT_EQ(q.pop(), (std::vector<double>{4, 5}));
}

TEST(QueueTest, TypesWithACodecAreEncodedOutsideTheLock) {
  shm::queue<order> q{create_only, unique_name(), {.message_bytes_max = 32}};
  q.push({7, "seven"});
  EXPECT_THROW(q.push({-1, "refused by its codec"}), std::runtime_error);
  EXPECT_THROW(q.push({1, std::string(29, 'x')}), error);
  auto lease = q.lease();
  EXPECT_EQ((*lease).id, 7);
  EXPECT_EQ((*lease).text, "seven");
  lease.ack();
  EXPECT_TRUE(q.empty());
}

TEST(QueueTest, MessageThatCannotBeDecodedStays) {
  const std::string name = unique_name();
  shm::queue<order> q{create_only, name, {.message_bytes_max = 32, .attempts_max = 2}};
  q.push({666, ""});
  q.push({1, "fine"});
  EXPECT_THROW((void)q.lease(), std::runtime_error);
  EXPECT_THROW((void)q.lease_batch(2), std::runtime_error);
  EXPECT_EQ(q.size(), 1U);
  auto fine = q.lease();
  EXPECT_EQ((*fine).text, "fine");
  fine.ack();
  EXPECT_EQ((shm::queue<order>{open_only, name + ".dead"}.size()), 1U);
}

TEST(QueueTest, OverAlignedMessagesKeepTheirAlignment) {
  struct alignas(64) line {
    std::array<int, 16> numbers;
  };
  shm::queue<line> q{create_only, unique_name(), {.capacity = 3}};
  for (int i = 0; i < 9; ++i) {
    q.push({{i}});
    auto lease = q.lease();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*lease) % 64, 0U);
    EXPECT_EQ((*lease).numbers[0], i);
    lease.ack();
  }
}

TEST(QueueTest, LeaseOutlivesItsQueueObject) {
  const std::string name = unique_name();
  shm::queue<int> other{create_only, name};
  {
    std::optional<shm::lease<int>> lease;
    {
      shm::queue<int> q{open_only, name};
      q.push(5);
      lease.emplace(q.lease());
    }
    EXPECT_EQ(**lease, 5);
    EXPECT_EQ(other.try_lease().status(), take_status::empty);
    lease->ack();
  }
  EXPECT_EQ(other.counters().acked, 1U);
  EXPECT_EQ(other.counters().reclaimed, 0U);
}

TEST(QueueTest, MovedQueueGoesOn) {
  shm::queue<int> a{create_only, unique_name()};
  a.push(1);
  shm::queue<int> b{std::move(a)};
  b.push(2);
  a = std::move(b);
  EXPECT_EQ(a.pop(), 1);
  EXPECT_EQ(a.pop(), 2);
}

TEST(QueueTest, CountersAddUp) {
  shm::queue<int> q{create_only, unique_name()};
  for (int i = 0; i < 10; ++i) q.push(i);
  for (int i = 0; i < 3; ++i) std::ignore = q.pop();
  auto held = q.lease();
  q.lease().ack();
  q.lease().nack();
  const auto all = q.counters();
  EXPECT_EQ(all.pushed, 10U);
  EXPECT_EQ(all.delivered, 6U);
  EXPECT_EQ(all.acked, 4U);
  EXPECT_EQ(all.redelivered, 0U);
  EXPECT_EQ(all.reclaimed, 0U);
}

}  // namespace
}  // namespace hawser
