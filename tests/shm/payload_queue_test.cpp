// Payloads through a queue in one process: who holds them, what comes out, what is refused.

#include "../crash/raw_segment.hpp"
#include "payload_support.hpp"
#include "segment_support.hpp"
#include <hawser/shm/detail/payload_link.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::payload;
using shm::payload_pool;
using shm::payload_queue;
using shm::push_status;
using shm::take_status;
using test::fill;
using test::holds;
using test::unique_name;

struct frame {
  std::uint32_t width, height;
  double seconds;
};

class PayloadQueueTest : public testing::Test {
 protected:
  std::size_t in_use() const { return pool.counters().classes[0].in_use; }
  payload filled(std::uint64_t id) {
    payload one = pool.loan(256);
    fill(one, id);
    return one;
  }

  std::string name = unique_name();
  payload_pool pool{create_only, name, {.classes = {{256, 4}}, .large = 2, .references = 4}};
  payload_queue<frame> q{pool, create_only, name + ".q", {.capacity = 2}};
};

TEST_F(PayloadQueueTest, ALeaseReadsInPlaceAndItsAckReleases) {
  payload one = filled(1);
  const std::byte* const where = one.bytes().data();
  ASSERT_EQ(q.push({640, 480, 1.5}, std::move(one)), push_status::ok);
  EXPECT_FALSE(one);
  EXPECT_EQ(in_use(), 1U);
  auto got = q.lease();
  ASSERT_TRUE(got);
  EXPECT_EQ(got.meta().width, 640U);
  EXPECT_EQ(got.meta().seconds, 1.5);
  EXPECT_EQ(got.bytes().data(), where);
  EXPECT_TRUE(holds(got.bytes(), 1));
  got->ack();
  EXPECT_EQ(in_use(), 0U);
  EXPECT_EQ(q.try_lease().status(), take_status::empty);
}

TEST_F(PayloadQueueTest, NackGivesTheMessageToTheNextOne) {
  (void)q.push({1, 1, 0}, filled(3));
  { const auto dropped = q.lease(); }
  auto again = q.try_lease();
  ASSERT_TRUE(again);
  EXPECT_EQ(again.attempts(), 2U);
  EXPECT_TRUE(holds(again.bytes(), 3));
  again.ack();
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(PayloadQueueTest, APoppedPayloadIsOwnedAndCanBeSentOn) {
  (void)q.push({1, 2, 0}, filled(4));
  for (int i = 0; i < 20; ++i) {
    auto got = q.pop();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->meta.height, 2U);
    ASSERT_EQ(got->data.writable().size(), 256U);
    ASSERT_TRUE(holds(got->data.bytes(), i == 0 ? 4U : static_cast<unsigned>(i)));
    fill(got->data, static_cast<unsigned>(i) + 1);
    ASSERT_EQ(q.try_push({1, 2, 0}, std::move(got->data)), push_status::ok);
  }
  EXPECT_EQ(in_use(), 1U);
  EXPECT_EQ(pool.counters().loans, 1U);
  (void)q.pop();
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(PayloadQueueTest, APayloadThatWasNotTakenIsTheCallersStill) {
  (void)q.push({}, filled(1));
  (void)q.push({}, filled(2));
  payload third = filled(3);
  EXPECT_EQ(q.try_push({}, std::move(third)), push_status::full);
  EXPECT_TRUE(third);
  EXPECT_EQ(q.push_for({}, std::move(third), 5ms), push_status::timed_out);
  EXPECT_TRUE(holds(third.bytes(), 3));
  fill(third, 4);
  q.close();
  EXPECT_EQ(q.push({}, std::move(third)), push_status::closed);
  EXPECT_TRUE(third);
  EXPECT_EQ(in_use(), 3U);
  third.release();
  EXPECT_EQ(in_use(), 2U);
}

TEST_F(PayloadQueueTest, OnePayloadGoesToSeveralReaders) {
  payload_queue<> a{pool, create_only, name + ".a"}, b{pool, create_only, name + ".b"};
  payload one = filled(9);
  payload two = one.share();
  ASSERT_EQ(a.push(std::move(one)), push_status::ok);
  ASSERT_EQ(b.push(std::move(two)), push_status::ok);
  auto at_a = a.lease(), at_b = b.lease();
  EXPECT_EQ(at_a.bytes().data(), at_b.bytes().data());
  at_a.ack();
  EXPECT_TRUE(holds(at_b.bytes(), 9));
  EXPECT_EQ(in_use(), 1U);
  std::vector<payload> others;
  while (auto more = pool.try_loan(256)) {
    EXPECT_NE(more->bytes().data(), at_b.bytes().data());
    others.push_back(std::move(*more));
  }
  EXPECT_EQ(others.size(), 3U);
  at_b.ack();
  EXPECT_EQ(in_use(), 3U);
  EXPECT_TRUE(pool.try_loan(256));
}

TEST_F(PayloadQueueTest, ASharedPayloadStaysReadOnlyAtItsReceiver) {
  payload one = filled(9);
  const payload kept = one.share();
  (void)q.push({}, std::move(one));
  auto got = q.pop();
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->data.shared());
  EXPECT_TRUE(got->data.writable().empty());
}

TEST_F(PayloadQueueTest, LargePayloadsTravelToo) {
  const auto before = test::pages_of(name);
  for (std::size_t bytes : {300UL, 1UL << 20, 5UL << 20}) {
    payload one = pool.loan(bytes);
    fill(one, bytes);
    (void)q.push({}, std::move(one));
    payload_pool other{open_only, name};
    payload_queue<frame> its{other, open_only, name + ".q"};
    auto got = its.lease();
    ASSERT_TRUE(got);
    ASSERT_EQ(got.bytes().size(), bytes);
    EXPECT_TRUE(holds(got.bytes(), bytes));
    got.ack();
    EXPECT_EQ(test::pages_of(name), before);
  }
}

TEST_F(PayloadQueueTest, DeadLettersKeepTheirPayload) {
  payload_queue<> limited{pool, create_only, name + ".l", {.capacity = 2, .attempts_max = 1}};
  (void)limited.push(filled(6));
  { const auto dropped = limited.lease(); }
  EXPECT_EQ(limited.try_lease().status(), take_status::empty);
  EXPECT_EQ(in_use(), 1U);
  payload_queue<> dead{pool, open_only, name + ".l.dead"};
  auto letter = dead.try_pop();
  ASSERT_TRUE(letter);
  EXPECT_TRUE(holds(letter->data.bytes(), 6));
  letter->data.release();
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(PayloadQueueTest, PayloadsOfAQueueThatIsGoneAreFree) {
  {
    payload_queue<> short_lived{pool, create_only, name + ".s"};
    for (std::uint64_t i = 0; i < 3; ++i) (void)short_lived.push(filled(i));
    EXPECT_EQ(in_use(), 3U);
  }
  EXPECT_EQ(in_use(), 0U);
  EXPECT_EQ(pool.counters().reclaimed, 3U);
}

TEST_F(PayloadQueueTest, PayloadsOfAKeptQueueWaitForItsNextReader) {
  const std::string kept = name + ".k";
  {
    payload_queue<> first{pool, create_only, kept, {.capacity = 4, .keep = true}};
    (void)first.push(filled(8));
  }
  EXPECT_EQ(in_use(), 1U);
  payload_queue<> second{pool, open_only, kept};
  auto got = second.try_lease();
  ASSERT_TRUE(got);
  EXPECT_TRUE(holds(got.bytes(), 8));
  got.ack();
  shm::remove(kept);
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(PayloadQueueTest, RoutesAreUsedAgain) {
  for (int i = 0; i < 200; ++i) {
    payload_queue<> one{pool, create_only, name + ".r" + std::to_string(i), {.capacity = 1}};
    (void)one.push(filled(1));
    auto got = one.try_lease();
    ASSERT_TRUE(got) << i;
    got.ack();
  }
  std::vector<std::optional<payload_queue<>>> many(62);
  int count = 0;
  for (auto& one : many) one.emplace(pool, create_only, name + ".m" + std::to_string(++count));
  EXPECT_ERROR(errc::no_resources, "63 channels", payload_queue<>(pool, create_only, name + ".m0"));
  many.pop_back();
  payload_queue<> fits{pool, create_only, name + ".m0"};
  (void)fits.push(filled(2));
  EXPECT_TRUE(fits.try_pop());
}

TEST_F(PayloadQueueTest, ALeaseKeepsItsQueueAndPool) {
  std::optional<payload_queue<>> other;
  other.emplace(pool, create_only, name + ".o");
  (void)other->push(filled(5));
  auto got = other->lease();
  other.reset();
  EXPECT_TRUE(holds(got.bytes(), 5));
  got.ack();
  EXPECT_EQ(in_use(), 0U);
  EXPECT_FALSE(test::exists_in_shm(name + ".o"));
}

TEST_F(PayloadQueueTest, RefusesForeignPayloads) {
  payload_pool second{create_only, unique_name(), {.classes = {{256, 1}}}};
  payload its = second.loan(256);
  EXPECT_ERROR(errc::bad_argument, "another pool", (void)q.push({}, std::move(its)));
  EXPECT_TRUE(its);
  EXPECT_ERROR(errc::bad_argument, "empty", (void)q.push({}, payload{}));
  EXPECT_ERROR(errc::type_mismatch, second.name(),
               payload_queue<frame>(second, open_only, q.name()));
  EXPECT_ERROR(errc::type_mismatch, "nothing", payload_queue<>(pool, open_only, q.name()));
  EXPECT_ERROR(errc::type_mismatch, "payloads of pool", shm::queue<frame>(open_only, q.name()));
}

TEST_F(PayloadQueueTest, AStaleOrDamagedHandleIsDroppedAndCounted) {
  const test::raw_segment raw{q.name()};
  const auto message = [&](std::uint64_t position) {
    return reinterpret_cast<shm::detail::payload_message*>(raw.payload(position));
  };
  const auto spoil = [&](auto&& change) {
    const std::uint64_t position = raw.queue().tail.load();
    (void)q.push({}, filled(1));
    change(*message(position));
    (void)q.push({}, filled(2));
    auto good = q.try_lease();
    ASSERT_TRUE(good);
    EXPECT_TRUE(holds(good.bytes(), 2));
    good.ack();
    EXPECT_EQ(q.try_lease().status(), take_status::empty);
  };
  spoil([](auto& m) { m.handle += 1; });                 // another generation
  spoil([](auto& m) { m.handle = ~std::uint64_t{0}; });  // no such reference
  spoil([](auto& m) { m.size = 257; });                  // more than a chunk has
  EXPECT_EQ(pool.counters().stale, 3U);
  // What was damaged in size only is known and was freed; the others go with their sender.
  EXPECT_EQ(in_use(), 2U);
}

TEST_F(PayloadQueueTest, ATakenPayloadIsNotFoundByALateHandle) {
  const test::raw_segment raw{q.name()};
  const std::uint64_t position = raw.queue().tail.load();
  (void)q.push({}, filled(1));
  const auto old = *reinterpret_cast<shm::detail::payload_message*>(raw.payload(position));
  auto mine = q.pop();  // the same reference, with a new generation, goes into the queue again
  const std::uint64_t next = raw.queue().tail.load();
  (void)q.push({}, std::move(mine->data));
  auto& message = *reinterpret_cast<shm::detail::payload_message*>(raw.payload(next));
  EXPECT_NE(message.handle, old.handle);
  const auto right = message;
  message = old;
  EXPECT_EQ(q.try_lease().status(), take_status::empty);
  EXPECT_EQ(pool.counters().stale, 1U);
  EXPECT_NE(right.handle, old.handle);
}

}  // namespace
}  // namespace hawser
