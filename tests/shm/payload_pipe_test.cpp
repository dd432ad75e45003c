// Payloads through a pipe in one process: who holds them, what comes out, what is refused.

#include "payload_support.hpp"
#include "segment_support.hpp"
#include <hawser/shm/payload_pipe.hpp>
#include <hawser/shm/payload_queue.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::payload;
using shm::payload_pipe;
using shm::payload_pool;
using shm::push_status;
using test::fill;
using test::holds;
using test::unique_name;

struct frame {
  std::uint32_t width, height;
  double seconds;
};

class PayloadPipeTest : public testing::Test {
 protected:
  std::size_t in_use() const { return pool.counters().classes[0].in_use; }
  payload filled(std::uint64_t id, std::size_t bytes = 256) {
    payload one = pool.loan(bytes);
    fill(one, id);
    return one;
  }
  using pipe = payload_pipe<frame>;

  std::string name = unique_name();
  payload_pool pool{create_only, name, {.classes = {{256, 32}}, .large = 2, .references = 4}};
  std::optional<pipe> a{std::in_place, pool, create_only, name + ".p",
                        shm::payload_pipe_options{.capacity = 4}};
  std::optional<pipe> b{std::in_place, pool, open_only, name + ".p"};
};

TEST_F(PayloadPipeTest, WhatIsSentIsReadWhereItWasWritten) {
  payload one = filled(1);
  const std::byte* const where = one.bytes().data();
  ASSERT_EQ(a->send({640, 480, 1.5}, std::move(one)), push_status::ok);
  EXPECT_FALSE(one);
  EXPECT_EQ(in_use(), 1U);
  {
    const auto got = b->receive();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->meta.width, 640U);
    EXPECT_EQ(got->meta.seconds, 1.5);
    EXPECT_EQ(got->data.bytes().data(), where);
    EXPECT_TRUE(holds(got->data.bytes(), 1));
    EXPECT_EQ(in_use(), 1U);
  }
  EXPECT_EQ(in_use(), 0U);
  EXPECT_FALSE(b->try_receive());
  EXPECT_FALSE(b->ended());
}

TEST_F(PayloadPipeTest, WhatIsReceivedCanBeSentBackAgainAndAgain) {
  a->send({1, 2, 0}, filled(0));
  pipe* from = &*b;
  for (std::uint64_t i = 0; i < 200; ++i) {
    auto got = from->receive();
    ASSERT_TRUE(got);
    ASSERT_TRUE(holds(got->data.bytes(), i));
    fill(got->data, i + 1);
    ASSERT_EQ(from->send(got->meta, std::move(got->data)), push_status::ok);
    from = from == &*b ? &*a : &*b;
  }
  EXPECT_EQ(in_use(), 1U);
  EXPECT_EQ(a->counters().sent + b->counters().sent, 201U);
  EXPECT_EQ(pool.counters().stale, 0U);
}

TEST_F(PayloadPipeTest, APayloadThatFindsNoRoomStaysItsSenders) {
  std::uint64_t sent = 0;
  payload one = filled(sent);
  while (a->try_send({}, std::move(one)) == push_status::ok) one = filled(++sent);
  EXPECT_GE(sent, 4U);
  EXPECT_TRUE(holds(one.bytes(), sent));
  EXPECT_EQ(a->send_for({}, std::move(one), 1ms), push_status::timed_out);
  EXPECT_TRUE(holds(one.bytes(), sent));
  EXPECT_EQ(in_use(), sent + 1);
  std::uint64_t id = 0;
  do {
    const auto got = b->try_receive();
    ASSERT_TRUE(got && holds(got->data.bytes(), id++));
  } while (a->try_send({}, std::move(one)) != push_status::ok);
  EXPECT_LE(id, 2U);  // where the ring ends there may be a gap
  for (; id <= sent; ++id) {
    const auto got = b->try_receive();
    ASSERT_TRUE(got && holds(got->data.bytes(), id));
  }
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(PayloadPipeTest, TheCapacityIsRoomForSoManyWhereverThePositionIs) {
  for (std::size_t capacity : {1U, 2U, 3U, 7U, 20U}) {
    const std::string other = unique_name();
    payload_pipe<std::array<std::uint64_t, 9>> c{pool, create_only, other, {.capacity = capacity}};
    payload_pipe<std::array<std::uint64_t, 9>> d{pool, open_only, other};
    for (int lap = 0; lap < 50; ++lap) {
      for (std::size_t i = 0; i < capacity; ++i)
        ASSERT_EQ(c.try_send({}, pool.loan(8)), push_status::ok) << capacity << ' ' << lap;
      for (std::size_t i = 0; i < capacity; ++i) ASSERT_TRUE(d.try_receive());
      if (lap % 3 == 0) {
        c.send({}, pool.loan(8));
        ASSERT_TRUE(d.receive());
      }
    }
  }
  EXPECT_ERROR(errc::bad_argument, "capacity is 0",
               payload_pipe<>(pool, create_only, name + ".zero", {.capacity = 0}));
  EXPECT_ERROR(errc::bad_argument, "4 GiB",
               payload_pipe<>(pool, create_only, name + ".huge", {.capacity = ~std::size_t{0}}));
}

TEST_F(PayloadPipeTest, AfterTheSendersEndIsClosedWhatItSentArrivesAndThenTheEnd) {
  for (std::uint64_t id = 0; id < 3; ++id) a->send({}, filled(id));
  a.reset();
  EXPECT_EQ(in_use(), 3U);
  for (std::uint64_t id = 0; id < 3; ++id) {
    const auto got = b->receive();
    ASSERT_TRUE(got && holds(got->data.bytes(), id));
  }
  EXPECT_FALSE(b->receive());
  EXPECT_TRUE(b->ended());
  payload late = filled(9);
  EXPECT_EQ(b->send({}, std::move(late)), push_status::closed);
  EXPECT_TRUE(holds(late.bytes(), 9));
  late.release();
  EXPECT_EQ(in_use(), 0U);
  EXPECT_EQ(pool.counters().stale, 0U);
}

TEST_F(PayloadPipeTest, WhatWaitsForAnEndThatIsClosedIsFree) {
  for (std::uint64_t id = 0; id < 3; ++id) a->send({}, filled(id));
  b->send({}, filled(7));
  payload large = pool.loan(10'000);
  a->send({}, std::move(large));
  b->close();
  EXPECT_EQ(in_use(), 1U);
  EXPECT_EQ(pool.counters().classes[1].in_use, 0U);
  EXPECT_EQ(pool.counters().reclaimed, 4U);
  EXPECT_FALSE(b->try_receive());
  const auto got = a->receive();  // what it had sent before
  ASSERT_TRUE(got && holds(got->data.bytes(), 7));
  EXPECT_FALSE(a->receive());
}

TEST_F(PayloadPipeTest, WhatIsLeftWhenBothEndsAreGoneIsFree) {
  for (std::uint64_t id = 0; id < 3; ++id) a->send({}, filled(id));
  for (std::uint64_t id = 0; id < 2; ++id) b->send({}, filled(id));
  a.reset();
  EXPECT_EQ(in_use(), 3U);
  b.reset();
  EXPECT_EQ(in_use(), 0U);
  EXPECT_FALSE(test::exists_in_shm(name + ".p"));
}

TEST_F(PayloadPipeTest, WhatWasSentBeforeTheOtherEndCameWaitsForIt) {
  pipe c{pool, create_only, name + ".later"};
  c.send({3, 4, 5}, filled(1));
  { const payload other = filled(2); }
  pipe d{pool, open_only, name + ".later"};
  const auto got = d.receive();
  ASSERT_TRUE(got && holds(got->data.bytes(), 1));
  EXPECT_EQ(got->meta.height, 4U);
}

TEST_F(PayloadPipeTest, WithoutEverASecondEndWhatWasSentIsFreeInTheEnd) {
  {
    pipe c{pool, create_only, name + ".alone"};
    c.send({}, filled(1));
    EXPECT_EQ(in_use(), 1U);
  }
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(PayloadPipeTest, CloseSendingEndsOneDirectionOnly) {
  a->send({}, filled(1));
  a->close_sending();
  payload more = filled(2);
  EXPECT_EQ(a->try_send({}, std::move(more)), push_status::closed);
  EXPECT_TRUE(b->receive());
  EXPECT_FALSE(b->receive());
  EXPECT_EQ(b->send({}, std::move(more)), push_status::ok);
  const auto got = a->receive();
  ASSERT_TRUE(got && holds(got->data.bytes(), 2));
}

TEST_F(PayloadPipeTest, ReadersOfASharedPayloadGetItThroughTwoPipes) {
  payload_pipe<> c{pool, create_only, name + ".2"}, d{pool, open_only, name + ".2"};
  payload one = filled(5);
  a->send({}, one.share());
  c.send(std::move(one));
  auto first = b->receive();
  auto second = d.receive();
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(first->data.shared());
  EXPECT_EQ(first->data.writable().size(), 0U);
  EXPECT_EQ(first->data.bytes().data(), second->data.bytes().data());
  first.reset();
  EXPECT_EQ(in_use(), 1U);
  second.reset();
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(PayloadPipeTest, WhatDoesNotFitIsRefused) {
  payload_pool other{create_only, name + ".other", {.classes = {{256, 2}}}};
  EXPECT_ERROR(errc::bad_argument, "another pool", a->send({}, other.loan(1)));
  EXPECT_ERROR(errc::bad_argument, "is empty", a->send({}, payload{}));
  const std::string free = name + ".free";
  pipe one{pool, create_only, free};
  EXPECT_ERROR(errc::type_mismatch, "payloads of pool", payload_pipe<int>(pool, open_only, free));
  EXPECT_ERROR(errc::type_mismatch, "payloads of pool", pipe(other, open_only, free));
  EXPECT_ERROR(errc::type_mismatch, "payloads of pool", shm::pipe<frame>(open_only, free));
  EXPECT_ERROR(errc::kind_mismatch, "it is a pipe",
               shm::payload_queue<frame>(pool, open_only, free));
  EXPECT_ERROR(errc::capacity_mismatch, "its ring",
               pipe(pool, open_or_create, free, {.capacity = 10'000}));
  EXPECT_ERROR(errc::too_many_participants, "ends were taken", pipe(pool, open_only, name + ".p"));
  pipe two{pool, open_or_create, free};
  EXPECT_TRUE(two.peer_alive());
}

TEST_F(PayloadPipeTest, ACallbackSaysThatSomethingCanBeReceived) {
  std::promise<void> called;
  const auto handle = b->async_wait(shm::ready::readable, [&] { called.set_value(); });
  a->send({}, filled(1));
  EXPECT_EQ(called.get_future().wait_for(test::patience), std::future_status::ready);
  EXPECT_TRUE(b->try_receive());
}

TEST_F(PayloadPipeTest, RemovingTheNameDropsWhatWaitsWhenBothEndsAreClosed) {
  a->send({}, filled(1));
  a->send({}, filled(2));
  EXPECT_TRUE(shm::remove(name + ".p"));
  EXPECT_TRUE(b->receive());
  b.reset();
  a.reset();
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(PayloadPipeTest, AnEndOutlivesThePoolObjectAndMoves) {
  std::optional<payload_pool> other{std::in_place, open_only, name};
  std::optional<pipe> c{std::in_place, *other, create_only, name + ".moved"};
  payload one = other->loan(100);
  fill(one, 1);
  other.reset();
  pipe d{pool, open_only, name + ".moved"};
  pipe moved = std::move(*c);
  c.reset();
  moved.send({}, std::move(one));
  const auto got = d.receive();
  EXPECT_TRUE(got && holds(got->data.bytes(), 1));
}

}  // namespace
}  // namespace hawser
