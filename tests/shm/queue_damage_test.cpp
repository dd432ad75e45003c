// A queue whose memory somebody writes over: what tests/fuzz found, and what it would need long to
// find, each built by hand.

#include "../crash/raw_segment.hpp"
#include "segment_support.hpp"
#include <hawser/shm/queue.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <thread>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using test::child;
using test::raw_segment;
using test::unique_name;

constexpr auto huge = std::numeric_limits<std::uint64_t>::max();

TEST(QueueDamageTest, AMessageSizeThatWrapsRoundIsRefused) {
  const std::string name = unique_name();
  const shm::queue<std::string> q{create_only, name, {.capacity = 4, .message_bytes_max = 64}};
  const raw_segment memory{name};
  // With the length in front of each message it would be 0 again.
  for (const std::uint64_t bytes : {huge, huge - 7, huge - 8}) {
    memory.queue().payload_bytes = bytes;
    EXPECT_ERROR(errc::damaged, "sizes do not fit", shm::queue<std::string>(open_only, name));
  }
}

TEST(QueueDamageTest, SlotsThatDoNotKeepTheAlignmentAreRefused) {
  struct alignas(64) wide {
    std::uint64_t number;
  };
  const std::string name = unique_name();
  const shm::queue<wide> q{create_only, name, {.capacity = 4}};
  const raw_segment memory{name};
  memory.queue().slots = 1;
  memory.queue().slot_bytes += 8;
  EXPECT_ERROR(errc::damaged, "aligned", shm::queue<wide>(open_only, name));
}

TEST(QueueDamageTest, SizesThatChangeBehindAnOpenViewDoNotCount) {
  const std::string name = unique_name();
  shm::queue<std::string> q{create_only, name, {.capacity = 4, .message_bytes_max = 16}};
  const raw_segment memory{name};
  memory.queue().slots = memory.queue().slot_bytes = memory.queue().payload_offset =
      memory.queue().payload_bytes = huge;
  EXPECT_EQ(q.capacity(), 4U);
  EXPECT_ERROR(errc::too_large, "takes 16", q.push(std::string(17, 'x')));
  for (int i = 0; i < 8; ++i) {
    ASSERT_EQ(q.try_push("still here"), shm::push_status::ok);
    ASSERT_EQ(q.try_pop(), "still here");
  }
}

TEST(QueueDamageTest, ALengthBeyondItsSlotIsCut) {
  const std::string name = unique_name();
  shm::queue<std::string> q{create_only, name, {.capacity = 4, .message_bytes_max = 16}};
  const raw_segment memory{name};
  const std::uint64_t first = memory.queue().tail.load();
  for (int i = 0; i < 2; ++i) ASSERT_EQ(q.try_push("short"), shm::push_status::ok);
  for (const std::uint64_t at : {first, first + 1})
    *reinterpret_cast<std::uint64_t*>(memory.payload(at)) = huge - at;
  EXPECT_EQ(q.try_lease().message().size(), 16U);
  EXPECT_EQ(q.try_pop()->size(), 16U);
}

TEST(QueueDamageTest, AHeadThatWasThrownBackIsNoLoopWithoutEnd) {
  const std::string name = unique_name();
  child consumer{[&](const child::report&) {
    shm::queue<int> q{create_only, name, {.capacity = 4}};
    const raw_segment memory{name};
    memory.queue().skipped_until = huge;
    memory.queue().head = std::uint64_t{1} << 40;
    memory.queue().tail = (std::uint64_t{1} << 40) + 2;
    if (q.pop_for(1ms)) return 1;
    memory.queue().head = 0;
    return q.pop_for(1ms) ? 2 : 0;
  }};
  EXPECT_EQ(consumer.join(), 0);
}

TEST(QueueDamageTest, ThreadsThatALockNoLongerKeepsApartDoNotBreakTheirProcess) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name, {.capacity = 64}};
  const raw_segment memory{name};
  const auto work = [&] {
    for (const auto end = std::chrono::steady_clock::now() + 300ms;
         std::chrono::steady_clock::now() < end;) {
      memory.queue().producers.owner = memory.queue().consumers.owner = 0;
      std::ignore = q.push_for(1, 0ms);
      // Given back at once, so that everybody searches for what came back.
      std::ignore = q.lease_batch_for(20, 0ms);
    }
  };
  std::thread one{work}, other{work};
  one.join();
  other.join();
  EXPECT_LE(q.size(), q.capacity());
}

TEST(QueueDamageTest, ALeaseKeepsItsQueueWhateverTheMemorySaysOfIt) {
  const std::string name = unique_name();
  std::optional<shm::queue<int>> q{std::in_place, create_only, name};
  const raw_segment memory{name};
  const std::uint64_t first = memory.queue().tail.load();
  ASSERT_EQ(q->try_push(7), shm::push_status::ok);
  auto lease = q->try_lease();
  ASSERT_TRUE(lease);
  memory.slot_state(first) = 0;  // free
  q.reset();
  EXPECT_EQ(*lease, 7);
  lease.ack();
  q.emplace(open_or_create, name);
  EXPECT_EQ(q->try_push(8), shm::push_status::ok);
  EXPECT_EQ(q->try_pop(), 8);
}

TEST(QueueDamageTest, ALockThatNamesALivingProcessIsWaitedForUntilTheDeadline) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name, {.capacity = 4}};
  const shm::queue<int> other{open_only, name};
  const raw_segment memory{name};
  // The tag of the second view, like one that was stopped inside.
  memory.queue().producers.owner = memory.queue().consumers.owner = 1U << 8 | 2U;
  EXPECT_EQ(q.push_for(1, 1ms), shm::push_status::timed_out);
  EXPECT_EQ(q.lease_for(1ms).status(), shm::take_status::timed_out);
  // Of nobody: free for whoever looks.
  memory.queue().producers.owner = memory.queue().consumers.owner = 9U << 8 | 9U;
  EXPECT_EQ(q.push_for(1, 10s), shm::push_status::ok);
  EXPECT_EQ(q.pop_for(10s), 1);
}

}  // namespace
}  // namespace hawser
