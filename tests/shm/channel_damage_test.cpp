// Channels whose memory somebody writes over: what tests/fuzz found, and what it would need long to
// find, each built by hand. (Queues: queue_damage_test.cpp, pipes: pipe_damage_test.cpp.)

#include "../crash/raw_segment.hpp"
#include "pipe_memory.hpp"
#include "segment_support.hpp"
#include <hawser/shm/array.hpp>
#include <hawser/shm/payload_queue.hpp>
#include <hawser/shm/pipe.hpp>
#include <hawser/shm/queue.hpp>
#include <hawser/shm/topic.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <unistd.h>

namespace hawser::test {

/// Decoded by code that looks at its bytes twice. Somebody writes between the looks.
struct note {
  static inline std::function<void()> meanwhile;
  std::uint64_t first = 0, second = 0;
};

}  // namespace hawser::test

template <>
struct hawser::shm::codec<hawser::test::note> {
  static void encode(const test::note& value, std::vector<std::byte>& out) {
    out.resize(sizeof value.first);
    std::memcpy(out.data(), &value.first, sizeof value.first);
  }
  static test::note decode(std::span<const std::byte> bytes) {
    test::note value;
    std::memcpy(&value.first, bytes.data(), sizeof value.first);
    test::note::meanwhile();
    std::memcpy(&value.second, bytes.data(), sizeof value.second);
    return value;
  }
};

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::take_status;
using shm::detail::array_layout;
using shm::detail::array_part;
using shm::detail::pool_layout;
using shm::detail::pool_reference;
using shm::detail::topic_layout;
using test::child;
using test::note;
using test::raw_segment;
using test::ring_of;
using test::unique_name;

// Encoded messages.

TEST(CodecDamageTest, DecodesWhatNobodyElseWrites) {
  const std::string name = unique_name();
  shm::queue<note> q{create_only, name, {.capacity = 4}};
  ASSERT_EQ(q.try_push({7}), shm::push_status::ok);
  const raw_segment memory{name};
  std::byte* const here = memory.payload(memory.queue().tail.load() - 1);
  note::meanwhile = [&] { ++*reinterpret_cast<std::uint64_t*>(here + 8); };
  EXPECT_EQ(q.try_lease().message().second, 7U);
  EXPECT_EQ(q.try_pop()->second, 8U);  // what was written before it was copied

  const std::string pipe_name = unique_name();
  shm::pipe<note> a{create_only, pipe_name}, b{open_only, pipe_name};
  const raw_segment pipe_memory{pipe_name};
  ASSERT_EQ(a.try_send({7}), shm::push_status::ok);
  note::meanwhile = [&] { ++ring_of(pipe_memory)[1]; };
  EXPECT_EQ(b.try_read().message().second, 7U);
  ASSERT_EQ(a.try_send({9}), shm::push_status::ok);
  note::meanwhile = [&] { ++ring_of(pipe_memory)[3]; };
  EXPECT_EQ(b.try_receive()->second, 9U);

  const std::string topic_name = unique_name();
  shm::topic<note> t{create_only, topic_name, {.capacity = 1, .message_bytes_max = 8}};
  auto s = t.subscribe();
  ASSERT_EQ(t.try_publish({7}), shm::push_status::ok);
  const raw_segment topic_memory{topic_name};
  auto& topic = topic_memory.body<topic_layout>();
  note::meanwhile = [&] {
    ++*reinterpret_cast<std::uint64_t*>(reinterpret_cast<std::byte*>(&topic + 1) +
                                        topic.payload_offset + 8);
  };
  EXPECT_EQ(s.try_read().message().second, 7U);
}

// Topics.

TEST(TopicDamageTest, WhoWasCutOffIsInTimeAlthoughAPublisherIsStopped) {
  const std::string name = unique_name();
  shm::topic<int> t{create_only, name, {.capacity = 2}};
  auto s = t.subscribe({.patience = 0ns});
  for (int i = 0; i < 3; ++i) ASSERT_EQ(t.try_publish(i), shm::push_status::ok);
  ASSERT_EQ(t.counters().cut_off, 1U);
  const raw_segment memory{name};
  auto& owner = memory.body<topic_layout>().publishers.owner;
  owner.store(memory.own_tag());  // the first one here: the topic's
  EXPECT_EQ(s.take_for(5ms), std::nullopt);
  EXPECT_EQ(s.status(), take_status::timed_out);
  EXPECT_EQ(s.try_take(), std::nullopt);
  EXPECT_EQ(s.status(), take_status::empty);
  owner.store(0);
  EXPECT_EQ(s.take_for(5ms), std::nullopt);
  EXPECT_EQ(s.status(), take_status::cut_off);
}

TEST(TopicDamageTest, ATimeBeforeAllTimeCutsNobodyOff) {
  const std::string name = unique_name();
  shm::topic<int> t{create_only, name, {.capacity = 2}};
  const auto s = t.subscribe({.patience = 1h});
  for (int i = 0; i < 2; ++i) ASSERT_EQ(t.try_publish(i), shm::push_status::ok);
  ASSERT_EQ(t.try_publish(2), shm::push_status::full);
  const raw_segment memory{name};
  for (const std::int64_t since :
       {-(std::int64_t{1} << 60), std::numeric_limits<std::int64_t>::min()}) {
    for (auto& row : memory.body<topic_layout>().rows) row.stuck_since_ns.store(since);
    bool called = false;
    const auto waits = t.async_wait(shm::ready::writable, [&] { called = true; });
    EXPECT_EQ(t.publish_for(2, 2ms), shm::push_status::timed_out);
    EXPECT_FALSE(called);
  }
  EXPECT_EQ(t.counters().cut_off, 0U);
}

// Arrays.

TEST(ArrayDamageTest, AViewThatOnlyReadsFinishesTheUpdateOfTheDead) {
  const std::string name = unique_name();
  std::optional<shm::array<int>> a{std::in_place, create_only, name, 8};
  const raw_segment memory{name};
  shm::array<const int> reader{open_only, name};
  child updater{[&](const child::report& ready) {
    shm::array<int> own{open_only, name};
    own.update(2, 1, [&](std::span<int> copy) {
      copy[0] = 7;
      ready();
      pause();
    });
    return 0;
  }};
  ASSERT_TRUE(updater.await_report());
  a.reset();  // it would sweep it, too
  auto& part = *reinterpret_cast<array_part*>(&memory.body<array_layout>() + 1);
  part.first.store(2);
  part.count.store(1);
  part.committed.store(1);
  updater.kill_and_join();
  EXPECT_TRUE(reader.lock_range(0));
  EXPECT_EQ(reader[2], 7);
}

// Payload pools.

TEST(PoolDamageTest, ALoanIsInTimeAlthoughTheLockIsHeld) {
  const std::string name = unique_name();
  shm::payload_pool pool{create_only, name, {.classes = {{100, 2}}}};
  const shm::payload_pool other{open_only, name};
  const raw_segment memory{name};
  auto& owner = memory.body<pool_layout>().lock.owner;
  owner.store(1U << 8 | 2U);  // the other one's
  EXPECT_FALSE(pool.loan_for(10, 5ms));
  owner.store(0);
  EXPECT_TRUE(pool.loan_for(10, 5ms));
}

TEST(PoolDamageTest, ALargePayloadBehindTheEndOfTheFileIsDropped) {
  const std::string name = unique_name();
  shm::payload_pool pool{create_only, name, {.classes = {}, .large = 1, .references = 0}};
  shm::payload_queue<> q{pool, create_only, name + ".queue", {.capacity = 1}};
  ASSERT_EQ(q.try_push(pool.loan(5000)), shm::push_status::ok);
  const raw_segment memory{name + ".queue"}, chunks{name};
  constexpr std::uint64_t huge = std::uint64_t{1} << 30;
  reinterpret_cast<std::uint64_t*>(memory.payload(1))[1] = huge;
  reinterpret_cast<pool_reference*>(&chunks.body<pool_layout>() + 1)->pages.store(huge);
  EXPECT_EQ(q.try_lease().status(), take_status::empty);
  EXPECT_EQ(pool.counters().stale, 1U);
}

}  // namespace
}  // namespace hawser
