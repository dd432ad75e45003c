// Both ends of a pipe in one process: what is sent arrives, whole, in order, once.

#include "segment_support.hpp"
#include <hawser/shm/pipe.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <future>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::push_status;
using shm::take_status;
using test::unique_name;

struct point {
  int x, y;
  char name[12];
};
struct alignas(64) wide {
  std::uint64_t words[8];
};

/// Two ends of one pipe.
template <class T>
struct both {
  explicit both(shm::pipe_options options = {}) : a{create_only, name, options} {}
  std::string name = unique_name();
  shm::pipe<T> a;
  shm::pipe<T> b{open_only, name};
};

std::string text_of(std::size_t bytes, std::size_t number) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + (i + number) % 26);
  return text;
}

TEST(PipeTest, CarriesMessagesBothWays) {
  both<point> p;
  EXPECT_EQ(p.a.send({1, 2, "to b"}), push_status::ok);
  EXPECT_EQ(p.b.send({3, 4, "to a"}), push_status::ok);
  EXPECT_STREQ(p.b.receive().value().name, "to b");
  EXPECT_STREQ(p.a.receive().value().name, "to a");
  EXPECT_FALSE(p.a.try_receive());
  EXPECT_EQ(p.a.try_read().status(), take_status::empty);
}

TEST(PipeTest, KeepsOrderAndBytesOfEverySizeOverManyLaps) {
  for (const std::size_t bytes : {256U, 1024U, 4096U}) {
    both<std::string> p{{.bytes = bytes}};
    std::size_t in = 0, out = 0;
    for (int round = 0; round < 4000; ++round) {
      for (int i = 0; i < round % 5; ++i)
        if (p.a.try_send(text_of(in * 7 % (bytes / 4 - 8 + 1), in)) == push_status::ok) ++in;
      for (int i = 0; i < round % 4; ++i)
        if (const auto text = p.b.try_receive()) {
          ASSERT_EQ(*text, text_of(out * 7 % (bytes / 4 - 8 + 1), out));
          ++out;
        }
    }
    while (const auto text = p.b.try_receive()) {
      ASSERT_EQ(*text, text_of(out * 7 % (bytes / 4 - 8 + 1), out));
      ++out;
    }
    EXPECT_EQ(in, out);
    EXPECT_GT(in, 1000U);
    EXPECT_EQ(p.b.waiting_bytes(), 0U);
    EXPECT_EQ(p.a.counters().sent, in);
    EXPECT_EQ(p.b.counters().received, in);
  }
}

TEST(PipeTest, AnEmptyPipeTakesEveryOneRecordMessageWhereverItStands) {
  both<std::string> p{{.bytes = 256}};
  for (std::size_t shift = 0; shift < 200; ++shift)
    for (std::size_t bytes = 0; bytes <= 56; ++bytes) {
      ASSERT_EQ(p.a.try_send(text_of(bytes, shift)), push_status::ok) << shift << ' ' << bytes;
      ASSERT_EQ(p.b.try_receive(), text_of(bytes, shift));
    }
}

TEST(PipeTest, TrySendOnAFullPipeChangesNothing) {
  both<std::uint64_t> p{{.bytes = 256}};
  std::uint64_t sent = 0;
  while (p.a.try_send(sent) == push_status::ok) ++sent;
  EXPECT_EQ(sent, 15U);  // 16 bytes each, and 8
  EXPECT_EQ(p.a.try_send(99), push_status::full);
  EXPECT_EQ(p.a.send_for(99, 5ms), push_status::timed_out);
  for (std::uint64_t i = 0; i < sent; ++i) EXPECT_EQ(p.b.try_receive(), i);
  EXPECT_EQ(p.b.try_receive(), std::nullopt);
}

TEST(PipeTest, EmptyMessagesAreMessages) {
  both<std::string> p;
  p.a.send("");
  p.a.send("x");
  EXPECT_EQ(p.b.receive(), "");
  EXPECT_EQ(p.b.receive(), "x");
}

TEST(PipeTest, OverAlignedMessagesArriveAligned) {
  both<wide> p;
  p.a.send({{1, 2, 3, 4, 5, 6, 7, 8}});
  {
    const auto view = p.b.read();
    ASSERT_TRUE(view);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*view) % 64, 0U);
    EXPECT_EQ((*view).words[7], 8U);
  }
  p.a.send({{9}});
  EXPECT_EQ(p.b.receive().value().words[0], 9U);
}

TEST(PipeTest, AViewIsReadInPlaceAndTakenWhenItEnds) {
  both<std::string> p;
  p.a.send("first");
  p.a.send("second");
  {
    const auto view = p.b.read();
    ASSERT_TRUE(view);
    EXPECT_EQ(*view, "first");
    EXPECT_GT(p.b.waiting_bytes(), 0U);
  }
  auto view = p.b.read_for(1s);
  EXPECT_EQ(*view, "second");
  auto moved = std::move(view);
  EXPECT_FALSE(view);  // NOLINT: that is what is tested
  EXPECT_EQ(*moved, "second");
  moved.done();
  moved.done();
  EXPECT_EQ(p.b.waiting_bytes(), 0U);
  EXPECT_EQ(p.b.read_for(1ms).status(), take_status::timed_out);
}

TEST(PipeTest, AViewThatEndsLateTakesNothingElse) {
  both<int> p;
  p.a.send(1);
  p.a.send(2);
  auto late = p.b.read();
  EXPECT_EQ(p.b.receive(), 1);
  late.done();
  EXPECT_EQ(p.b.receive(), 2);
}

TEST(PipeTest, SendsMessagesLargerThanTheRing) {
  both<std::string> p{{.bytes = 1024}};
  for (const std::size_t bytes : {248U, 249U, 600U, 1024U, 5000U, 1'000'000U}) {
    auto sender =
        std::async(std::launch::async, [&, bytes] { return p.a.send(text_of(bytes, bytes)); });
    EXPECT_EQ(p.b.receive(), text_of(bytes, bytes));
    EXPECT_EQ(sender.get(), push_status::ok);
    sender = std::async(std::launch::async, [&, bytes] { return p.a.send(text_of(bytes, 1)); });
    {
      const auto view = p.b.read();
      EXPECT_EQ(*view, text_of(bytes, 1));
    }
    EXPECT_EQ(sender.get(), push_status::ok);
  }
  EXPECT_EQ(p.a.counters().sent, 12U);
  EXPECT_EQ(p.b.counters().received, 12U);
}

TEST(PipeTest, TrySendOfPartsIsAllOrNothing) {
  both<std::string> p{{.bytes = 1024}};
  EXPECT_EQ(p.a.try_send(text_of(700, 0)), push_status::ok);
  EXPECT_EQ(p.a.try_send(text_of(700, 1)), push_status::full);
  EXPECT_EQ(p.a.try_send(text_of(2000, 1)), push_status::full);
  EXPECT_EQ(p.b.try_receive(), text_of(700, 0));
  EXPECT_EQ(p.b.try_receive(), std::nullopt);
  EXPECT_EQ(p.a.try_send(text_of(700, 2)), push_status::ok);
  EXPECT_EQ(p.b.try_receive(), text_of(700, 2));
}

TEST(PipeTest, NothingOfAMessageThatTimedOutArrives) {
  both<std::string> p{{.bytes = 256}};
  EXPECT_EQ(p.a.send_for(text_of(5000, 0), 5ms), push_status::timed_out);
  EXPECT_EQ(p.b.try_receive(), std::nullopt);
  EXPECT_EQ(p.a.send_for(text_of(5000, 1), 5ms), push_status::timed_out);
  EXPECT_EQ(p.b.receive_for(5ms), std::nullopt);
  EXPECT_EQ(p.a.send("small"), push_status::ok);
  EXPECT_EQ(p.b.receive(), "small");
  EXPECT_EQ(p.a.send_for(text_of(5000, 2), 5ms), push_status::timed_out);
  p.a.close();
  EXPECT_EQ(p.b.receive(), std::nullopt);
  EXPECT_TRUE(p.b.ended());
}

TEST(PipeTest, PartsSurviveAReceiveThatTimedOut) {
  both<std::string> p{{.bytes = 256}};
  std::string big = text_of(3000, 0);
  auto sender = std::async(std::launch::async, [&] { return p.a.send(big); });
  std::optional<std::string> got;
  while (!got) got = p.b.receive_for(0ns);
  EXPECT_EQ(got, big);
  EXPECT_EQ(sender.get(), push_status::ok);
}

TEST(PipeTest, BatchesKeepTheirOrder) {
  both<std::string> p{{.bytes = 1024}};
  std::vector<std::string> all;
  for (std::size_t i = 0; i < 500; ++i) all.push_back(text_of(i * 13 % 600, i));
  auto sender = std::async(std::launch::async, [&] { return p.a.send_batch(all); });
  std::size_t next = 0;
  while (next < all.size())
    p.b.read_batch(7, [&](std::string_view text) { ASSERT_EQ(text, all[next++]); });
  EXPECT_EQ(sender.get(), all.size());
  EXPECT_EQ(p.b.counters().received, all.size());
  EXPECT_EQ(p.b.try_read_batch(7, [](std::string_view) {}), 0U);
  EXPECT_EQ(p.b.read_batch_for(7, 1ms, [](std::string_view) {}), 0U);
  EXPECT_EQ(p.b.read_batch(0, [](std::string_view) {}), 0U);
  EXPECT_EQ(p.b.read_batch_for(0, 1h, [](std::string_view) {}), 0U);
}

TEST(PipeTest, TrySendBatchSendsWhatFits) {
  both<std::uint64_t> p{{.bytes = 256}};
  std::vector<std::uint64_t> all(40);
  std::iota(all.begin(), all.end(), 0U);
  EXPECT_EQ(p.a.try_send_batch(all), 15U);
  EXPECT_EQ(p.a.try_send_batch(all), 0U);
  for (std::uint64_t i = 0; i < 15; ++i) EXPECT_EQ(p.b.try_receive(), i);
  EXPECT_EQ(p.b.try_receive(), std::nullopt);
}

TEST(PipeTest, WhatABatchVisitorThrowsAtIsTakenAndTheRestIsNot) {
  both<int> p;
  p.a.send_batch(std::vector{1, 2, 3});
  EXPECT_THROW(p.b.read_batch(3,
                              [](int number) {
                                if (number == 2) throw std::runtime_error{"two"};
                              }),
               std::runtime_error);
  EXPECT_EQ(p.b.try_receive(), 3);
}

TEST(PipeTest, AClosedPeerIsEndOfFileAfterWhatItSent) {
  both<int> p;
  p.a.send(1);
  p.a.send(2);
  p.b.send(3);
  p.a.close();
  EXPECT_EQ(p.a.send(4), push_status::closed);
  EXPECT_EQ(p.a.receive(), std::nullopt);
  EXPECT_EQ(p.b.send(5), push_status::closed);
  EXPECT_FALSE(p.b.ended());
  EXPECT_EQ(p.b.receive(), 1);
  EXPECT_EQ(p.b.receive(), 2);
  EXPECT_EQ(p.b.receive(), std::nullopt);
  EXPECT_EQ(p.b.read().status(), take_status::closed);
  EXPECT_TRUE(p.b.ended());
  EXPECT_TRUE(p.a.closed());
  EXPECT_FALSE(p.b.closed());
}

TEST(PipeTest, OneDirectionEndsAloneByCloseSending) {
  both<int> p;
  p.a.send(1);
  p.a.close_sending();
  EXPECT_EQ(p.a.send(2), push_status::closed);
  EXPECT_EQ(p.b.receive(), 1);
  EXPECT_EQ(p.b.receive(), std::nullopt);
  EXPECT_EQ(p.b.send(7), push_status::ok);
  EXPECT_EQ(p.a.receive(), 7);
}

TEST(PipeTest, WhatWasSentBeforeThePeerCameWaitsForIt) {
  const std::string name = unique_name();
  std::optional<shm::pipe<int>> a{std::in_place, create_only, name};
  EXPECT_FALSE(a->peer_alive());
  EXPECT_FALSE(a->wait_for_peer(0ms));
  EXPECT_EQ(a->send(1), push_status::ok);
  EXPECT_EQ(a->send(2), push_status::ok);
  a->close();
  shm::pipe<int> b{open_only, name};
  EXPECT_EQ(b.receive(), 1);
  a.reset();
  EXPECT_EQ(b.receive(), 2);
  EXPECT_EQ(b.receive(), std::nullopt);
}

TEST(PipeTest, HasExactlyTwoEnds) {
  const std::string name = unique_name();
  shm::pipe<int> a{create_only, name};
  {
    shm::pipe<int> b{open_only, name};
    EXPECT_TRUE(a.peer_alive());
    EXPECT_TRUE(a.wait_for_peer(0ms));
    EXPECT_ERROR(errc::too_many_participants, "both of its ends were taken",
                 shm::pipe<int>(open_only, name));
    EXPECT_ERROR(errc::too_many_participants, "both of its ends were taken",
                 shm::pipe<int>(open_or_create, name));
    b.send(5);
  }
  // An end is not taken twice, also when it was left.
  EXPECT_ERROR(errc::too_many_participants, "both of its ends were taken",
               shm::pipe<int>(open_only, name));
  EXPECT_FALSE(a.peer_alive());
  EXPECT_EQ(a.receive(), 5);
  EXPECT_EQ(a.send(1), push_status::closed);
}

TEST(PipeTest, OpenOrCreateDoesEither) {
  const std::string name = unique_name();
  shm::pipe<int> a{open_or_create, name, {.bytes = 1000}};
  EXPECT_EQ(a.capacity_bytes(), 1024U);
  EXPECT_ERROR(errc::capacity_mismatch, "its ring is 1024, not 2048",
               shm::pipe<int>(open_or_create, name, {.bytes = 2000}));
  EXPECT_ERROR(errc::capacity_mismatch, "message_bytes_max",
               shm::pipe<int>(open_or_create, name, {.bytes = 1024, .message_bytes_max = 9}));
  EXPECT_ERROR(errc::already_exists, name, shm::pipe<int>(create_only, name));
  shm::pipe<int> b{open_or_create, name, {.bytes = 1024}};
  b.send(1);
  EXPECT_EQ(a.receive(), 1);
}

TEST(PipeTest, SaysWhatIsWrongWhenItCannotBeHad) {
  const std::string name = unique_name();
  EXPECT_ERROR(errc::not_found, "cannot open pipe \"" + name + "\"",
               shm::pipe<int>(open_only, name));
  EXPECT_ERROR(errc::bad_argument, "4 GiB",
               shm::pipe<int>(create_only, name, {.bytes = std::size_t{1} << 33}));
  EXPECT_ERROR(errc::bad_argument, "message_bytes_max is 0",
               shm::pipe<int>(create_only, name, {.message_bytes_max = 0}));
  shm::pipe<int> a{create_only, name};
  EXPECT_ERROR(errc::type_mismatch, "int, not long", shm::pipe<long>(open_only, name));
  EXPECT_TRUE(test::exists_in_shm(name));
}

TEST(PipeTest, RefusesMessagesAboveItsMaximum) {
  both<std::string> p{{.message_bytes_max = 10}};
  EXPECT_ERROR(errc::too_large, "the message has 11 bytes, the pipe takes 10",
               p.a.send(text_of(11, 0)));
  EXPECT_EQ(p.a.send(text_of(10, 0)), push_status::ok);
}

TEST(PipeTest, AnAnonymousPipeLosesItsNameWhenBothEndsAreTaken) {
  auto a = shm::pipe<int>::anonymous();
  EXPECT_TRUE(test::exists_in_shm(a.name()));
  auto other = shm::pipe<int>::anonymous();
  EXPECT_NE(a.name(), other.name());
  shm::pipe<int> b{open_only, a.name()};
  EXPECT_FALSE(test::exists_in_shm(a.name()));
  b.send(1);
  a.send(2);
  EXPECT_EQ(a.receive(), 1);
  EXPECT_EQ(b.receive(), 2);
}

TEST(PipeTest, TheLastEndRemovesIt) {
  const std::string name = unique_name();
  {
    shm::pipe<int> a{create_only, name};
    std::optional<shm::pipe<int>> b{std::in_place, open_only, name};
    shm::pipe<int> moved = std::move(a);
    b.reset();
    EXPECT_TRUE(test::exists_in_shm(name));
    EXPECT_EQ(moved.receive(), std::nullopt);
  }
  EXPECT_FALSE(test::exists_in_shm(name));
}

TEST(PipeTest, CallsBackWhenReadableAndWritable) {
  both<std::string> p{{.bytes = 256}};
  {
    std::promise<void> called;
    const auto handle = p.b.async_wait(shm::ready::readable, [&] { called.set_value(); });
    auto future = called.get_future();
    EXPECT_EQ(future.wait_for(20ms), std::future_status::timeout);
    p.a.send("now");
    ASSERT_EQ(future.wait_for(test::patience), std::future_status::ready);
    EXPECT_EQ(p.b.receive(), "now");
  }
  while (p.a.try_send(text_of(40, 0)) == push_status::ok) continue;
  {
    std::promise<void> called;
    const auto handle = p.a.async_wait(shm::ready::writable, [&] { called.set_value(); });
    auto future = called.get_future();
    EXPECT_EQ(future.wait_for(20ms), std::future_status::timeout);
    while (p.b.try_receive()) continue;
    ASSERT_EQ(future.wait_for(test::patience), std::future_status::ready);
  }
  std::promise<void> called;
  const auto handle = p.b.async_wait(shm::ready::readable, [&] { called.set_value(); });
  p.a.close();
  ASSERT_EQ(called.get_future().wait_for(test::patience), std::future_status::ready);
  EXPECT_TRUE(p.b.ended());
}

}  // namespace
}  // namespace hawser
