// What goes to one peer, without a peer.

#include "outbox_support.hpp"

#include <future>

namespace test {
namespace {

TEST_F(OutboxTest, WhatWaitsForAConnectionGoesFirstAndInOrder) {
  for (std::uint64_t i = 1; i <= 3; ++i)
    EXPECT_EQ(box.send(frame(i, 40), outbox::urgency::message), outbox::result::taken);
  EXPECT_EQ(backlogs, 1);
  EXPECT_TRUE(box.has_backlog());
  connect();
  EXPECT_FALSE(box.has_backlog());
  EXPECT_EQ(box.send(frame(4, 40), outbox::urgency::message), outbox::result::taken);
  EXPECT_EQ(take(),
            (std::vector{frame(0, 32), frame(1, 40), frame(2, 40), frame(3, 40), frame(4, 40)}));
}

TEST_F(OutboxTest, AFullRingIsNoEndAndNoFrameOvertakes) {
  connect();
  std::vector<frame_buffer> sent{frame(0, 32)}, got;
  for (std::uint64_t i = 1; i <= 40; ++i) {
    sent.push_back(frame(i, i % 7 == 0 ? 700 : 64));  // some of them in parts
    ASSERT_EQ(box.send(sent.back(), outbox::urgency::protocol), outbox::result::taken);
  }
  EXPECT_TRUE(box.has_backlog());
  EXPECT_FALSE(box.can_flush());
  while (got.size() < sent.size()) {
    for (auto& one : take()) got.push_back(std::move(one));
    EXPECT_GT(rooms, 0);  // whoever fills the ring is told that it is read
    box.flush();
  }
  EXPECT_EQ(got, sent);
  EXPECT_FALSE(box.has_backlog());
  EXPECT_EQ(box.counters().waiting_bytes, 0U);
}

TEST_F(OutboxTest, BeyondTwiceTheMarkAMessageIsRefusedAndWhatKeepsThePromiseIsNot) {
  connect();
  while (box.send(frame(1, 512), outbox::urgency::message) == outbox::result::taken)
    ASSERT_LE(box.counters().waiting_bytes, 2 * mark + 512);
  EXPECT_GE(box.counters().waiting_bytes, 2 * mark);
  EXPECT_EQ(box.counters().refused, 1U);
  EXPECT_EQ(box.send(frame(2, 64), outbox::urgency::protocol), outbox::result::taken);
  outbox strict{options(actors::backlog_policy::reject), [] {}};
  while (strict.send(frame(1, 512), outbox::urgency::may_wait) == outbox::result::taken)
    ASSERT_LE(strict.counters().waiting_bytes, mark + 512);
  EXPECT_LT(strict.counters().waiting_bytes, mark + 512);
}

TEST_F(OutboxTest, WhoMayWaitWaitsUntilThereIsRoom) {
  connect();
  while (box.counters().waiting_bytes < mark) box.send(frame(1, 512), outbox::urgency::message);
  auto waiting = std::async(std::launch::async,
                            [&] { return box.send(frame(2, 64), outbox::urgency::may_wait); });
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds{10}), std::future_status::timeout);
  while (box.has_backlog()) take(), box.flush();
  EXPECT_EQ(waiting.get(), outbox::result::taken);
  frame_buffer last;
  for (bool again = true; again; box.flush()) {
    again = box.has_backlog();
    for (auto& one : take()) last = std::move(one);
  }
  EXPECT_EQ(last, frame(2, 64));
}

TEST_F(OutboxTest, RoomIsToldOnceAndAtTheEndToo) {
  connect();
  int told = 0;
  box.when_room([&] { ++told; });
  EXPECT_EQ(told, 1);  // there is some
  while (box.counters().waiting_bytes < mark) box.send(frame(1, 512), outbox::urgency::message);
  box.when_room([&] { ++told; });
  EXPECT_EQ(told, 1);
  while (box.has_backlog()) take(), box.flush();
  EXPECT_EQ(told, 2);
  while (box.counters().waiting_bytes < mark) box.send(frame(1, 512), outbox::urgency::message);
  box.when_room([&] { ++told; });
  box.close();
  EXPECT_EQ(told, 3);
  EXPECT_EQ(box.send(frame(1, 64), outbox::urgency::message), outbox::result::closed);
  EXPECT_GT(box.counters().dropped, 0U);
}

TEST_F(OutboxTest, ALoanWaitsUntilThePeerCanTakeIt) {
  connect();
  ASSERT_EQ(lend(1, {100}), outbox::result::taken);
  EXPECT_EQ(backlogs, 1);
  EXPECT_TRUE(box.wants_loans());
  EXPECT_TRUE(box.can_flush());
  EXPECT_EQ(box.send(frame(2, 40), outbox::urgency::message), outbox::result::taken);
  box.await_loans();
  EXPECT_FALSE(box.wants_loans());
  EXPECT_FALSE(box.can_flush());
  // The question overtakes what waits for its answer.
  EXPECT_EQ(box.send(frame(3, 40), outbox::urgency::ahead), outbox::result::taken);
  EXPECT_EQ(take(), (std::vector{frame(0, 32), frame(3, 40)}));
  open_loans();
  const auto got = take();
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[1], frame(2, 40));
  const auto loan = borrower->try_receive();
  ASSERT_TRUE(loan);
  EXPECT_EQ(loan->meta.value, 0U);
  EXPECT_EQ(loan->data.size(), 100U);
  EXPECT_EQ(loan->data.bytes()[99], std::byte{1});
  EXPECT_EQ(box.counters().lent, 1U);
}

TEST_F(OutboxTest, WithoutAPipeOfLoansTheyAreInTheFrame) {
  connect();
  lend(7, {300, 0, 500});
  box.use_loans(nullptr);
  lend(8, {1});
  std::vector<frame_buffer> got = take();
  while (box.has_backlog()) {
    box.flush();
    for (auto& one : take()) got.push_back(std::move(one));
  }
  ASSERT_EQ(got.size(), 3U);
  frame_header header{};
  std::memcpy(&header, got[1].data(), sizeof header);
  EXPECT_EQ(header.flags & frame_header::lent, 0);
  EXPECT_EQ(header.loans, 3U);
  ASSERT_EQ(got[1].size(), sizeof header + 800 + 3 * sizeof(loan_size));
  EXPECT_EQ(got[1][sizeof header], 7);
  EXPECT_EQ(got[1][sizeof header + 799], 7);
  loan_size last = 0;
  std::memcpy(&last, got[1].data() + got[1].size() - sizeof last, sizeof last);
  EXPECT_EQ(last, 500U);
  EXPECT_EQ(pool.counters().classes.back().in_use, 0U);
}

TEST_F(OutboxTest, WhatIsLentCountsUntilItsFrameIsRead) {
  connect();
  open_loans();
  ASSERT_EQ(lend(1, {mark}), outbox::result::taken);
  EXPECT_FALSE(box.has_backlog());
  EXPECT_EQ(box.counters().waiting_bytes, mark);
  int told = 0;
  box.when_room([&] { ++told; });
  auto waiting = std::async(std::launch::async,
                            [&] { return box.send(frame(2, 64), outbox::urgency::may_wait); });
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds{10}), std::future_status::timeout);
  EXPECT_EQ(told, 0);
  EXPECT_FALSE(box.can_flush());
  EXPECT_EQ(take().size(), 2U);
  EXPECT_GT(rooms, 0);  // the peer rings when it has read it
  EXPECT_TRUE(box.can_flush());
  box.flush();
  EXPECT_EQ(told, 1);
  EXPECT_EQ(waiting.get(), outbox::result::taken);
  EXPECT_EQ(box.counters().waiting_bytes, 0U);
}

TEST_F(OutboxTest, WhatIsKeptIsKeptUntilItsFrameIsRead) {
  connect();
  const auto kept = std::make_shared<const int>(1);
  luggage with;
  with.kept.push_back(kept);
  ASSERT_EQ(box.send(frame(1, 40), outbox::urgency::message, std::move(with)),
            outbox::result::taken);
  EXPECT_EQ(kept.use_count(), 2);
  take();
  EXPECT_TRUE(box.can_flush());
  box.flush();
  EXPECT_EQ(kept.use_count(), 1);
  EXPECT_FALSE(box.can_flush());
}

TEST_F(OutboxTest, MoreLoansThanTheirPipeHoldsGoInTurns) {
  connect();
  open_loans();
  std::vector<std::uint64_t> got;
  std::uint64_t sent = 0;
  const auto lend_one = [&] {
    luggage with;
    with.loans.push_back(shared.share());
    frame_buffer all;
    append(
        all,
        frame_header{
            .kind = frame_kind::message, .flags = frame_header::lent, .loans = 1, .mid = ++sent});
    append(all, loan_size{1});
    ASSERT_EQ(box.send(all, outbox::urgency::protocol, std::move(with)), outbox::result::taken);
  };
  shared = pool.loan(1);
  for (int i = 0; i < 250; ++i) lend_one();
  EXPECT_TRUE(box.has_backlog());
  while (got.size() < sent) {
    const std::size_t before = got.size();
    for (const auto& one : take()) {
      frame_header header{};
      std::memcpy(&header, one.data(), sizeof header);
      if (header.loans == 0) continue;
      const auto loan = borrower->try_receive();
      ASSERT_TRUE(loan);
      EXPECT_EQ(loan->meta.value, got.size());
      got.push_back(header.mid);
      EXPECT_EQ(header.mid, got.size());
    }
    ASSERT_GT(got.size(), before);
    box.flush();
  }
  EXPECT_FALSE(box.has_backlog());
}

TEST_F(OutboxTest, TheEndGivesBackWhatWaits) {
  lend(1, {100});
  lend(2, {100});
  EXPECT_EQ(pool.counters().classes.back().in_use, 2U);
  box.close();
  EXPECT_EQ(pool.counters().classes.back().in_use, 0U);
  EXPECT_EQ(box.counters().dropped, 2U);
  EXPECT_EQ(lend(3, {100}), outbox::result::closed);
}

}  // namespace
}  // namespace test
