// Grants, the line, times, deaths, deadlocks.

#include "table_support.hpp"

namespace hawser::actors::detail {
namespace {

using ResourceTableTest = ResourceTest;

TEST_F(ResourceTableTest, GrantsWhatIsFreeAndTellsWhichAndWithLargerTokens) {
  make({"a", "b", "b"}, {.first_token = 100});
  ask(1, 1, "b");
  const auto first = step();
  EXPECT_EQ(first.token, 100U);
  EXPECT_EQ(first.resources, std::vector<table::index>{1});
  EXPECT_EQ(get(2, 1, "b"), 101U);
  EXPECT_EQ(get(2, 2, "a"), 102U);
  EXPECT_EQ(t->counts().held, 3U);
}

TEST_F(ResourceTableTest, AnyIsAnyName) {
  make({"a", "b"});
  get(1, 1, "");
  get(1, 2, "");
  ask(2, 1, "", 1, now);
  EXPECT_EQ(step().why, refusal::timed_out);
}

TEST_F(ResourceTableTest, WhatWasUsedLongestAgoComesFirst) {
  make({"a", "a"});
  const auto one = get(1, 1, "a");
  t->release(one, false, now);
  steps();
  ask(1, 2, "a");
  EXPECT_EQ(step().resources, std::vector<table::index>{1});
}

TEST_F(ResourceTableTest, ReleasesOnceAndOnlyWhatIsHeld) {
  make({"a"});
  const auto token = get(1, 1, "a");
  EXPECT_FALSE(t->release(token + 1, false, now));
  now += ms{5};
  EXPECT_TRUE(t->release(token, false, now));
  const auto ended = step();
  EXPECT_EQ(ended.what, kind::returned);
  EXPECT_EQ(ended.took, ms{5});
  EXPECT_FALSE(t->release(token, false, now));
  EXPECT_TRUE(steps().empty());
  EXPECT_EQ(t->counts().returned, 1U);
}

TEST_F(ResourceTableTest, RefusesWhatCanNeverBe) {
  make({"a", "b"});
  ask(1, 1, "c");
  EXPECT_EQ(step().why, refusal::no_such);
  ask(1, 1, "a", 0);
  EXPECT_EQ(step().why, refusal::bad_count);
  ask(1, 1, "a", 2);
  const auto too_many = step();
  EXPECT_EQ(too_many.why, refusal::bad_count);
  EXPECT_EQ(too_many.text, "2 of \"a\" are asked for, and there are 1");
  ask(1, 1, "", 3);
  EXPECT_EQ(step().why, refusal::bad_count);
}

TEST_F(ResourceTableTest, ServesInTheOrderInWhichTheyCame) {
  make({"a"});
  auto token = get(1, 1, "a");
  for (std::uint64_t i = 2; i <= 4; ++i) wait(i, i, "a");
  for (std::uint64_t i = 2; i <= 4; ++i) {
    t->release(token, false, now);
    const auto all = steps();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[1].ticket, i);
    token = all[1].token;
  }
}

TEST_F(ResourceTableTest, ManyAtOnceAreAllOrNothingAndNotStarved) {
  make({"a", "a", "a"});
  const auto one = get(1, 1, "a"), two = get(2, 1, "a");
  wait(3, 7, "a", 3);
  wait(4, 8, "a");  // one is free, but not for those behind
  t->release(one, false, now);
  EXPECT_EQ(granted(), tickets{});
  t->release(two, false, now);
  EXPECT_EQ(granted(), tickets{7});
}

TEST_F(ResourceTableTest, WhoWantsAnotherNamePassesBy) {
  make({"a", "b"});
  get(1, 1, "a");
  wait(2, 1, "a");
  get(3, 1, "b");
}

TEST_F(ResourceTableTest, AnyDoesNotTakeWhatAnEarlierOneWaitsForAndClosesAllNames) {
  make({"a", "a", "b"});
  get(1, 1, "a");
  wait(2, 2, "a", 2);
  get(3, 3, "");   // b, not the free a
  wait(4, 4, "");  // nothing of b left, and a is not open to it
  ask(3, 5, "b", 1, now);
  EXPECT_EQ(step().why, refusal::timed_out);
  EXPECT_EQ(t->line().size(), 2U);
}

TEST_F(ResourceTableTest, ATryDoesNotOvertake) {
  make({"a", "a"});
  get(1, 1, "a");
  wait(2, 1, "a", 2);
  ask(3, 1, "a", 1, now);
  const auto refused = step();
  EXPECT_EQ(refused.why, refusal::timed_out);
  EXPECT_EQ(refused.text, "\"a\": 1 free, 1 held, 0 out of service; 1 wait");
}

TEST_F(ResourceTableTest, WaitsForAsLongAsItIsTold) {
  make({"a", "a"});
  get(1, 1, "a");
  wait(2, 2, "a", 2, now + ms{10});
  wait(3, 3, "a", 1, now + ms{20});
  EXPECT_EQ(t->next_time(), now + ms{10});
  now += ms{9};
  t->expire(now);
  EXPECT_TRUE(steps().empty());
  now += ms{1};
  t->expire(now);
  const auto all = steps();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].ticket, 2U);
  EXPECT_EQ(all[0].why, refusal::timed_out);
  EXPECT_EQ(all[0].took, ms{10});
  EXPECT_EQ(all[1].ticket, 3U);  // it no longer stands in the way
  EXPECT_EQ(all[1].what, kind::granted);
  EXPECT_EQ(t->next_time(), std::nullopt);
}

TEST_F(ResourceTableTest, ADeadHolderLosesAllAndWaitsNoMore) {
  make({"a", "a", "b"});
  get(1, 1, "a", 2);
  get(2, 1, "b");
  wait(1, 2, "b");
  wait(3, 3, "a", 2);
  t->holder_gone(1, "killed", now);
  auto all = steps();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].what, kind::reclaimed);
  EXPECT_EQ(all[0].text, "killed");
  EXPECT_EQ(all[1].ticket, 3U);
  EXPECT_TRUE(t->line().empty());
  EXPECT_EQ(t->counts().reclaimed, 2U);
  t->holder_gone(1, "killed", now);
  EXPECT_TRUE(steps().empty());
}

TEST_F(ResourceTableTest, TakesBackWhatIsHeldForTooLong) {
  make({"a"}, {.lease_max = ms{50}});
  const auto token = get(1, 1, "a");
  wait(2, 2, "a");
  now += ms{50};
  t->expire(now);
  const auto all = steps();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].what, kind::revoked);
  EXPECT_EQ(all[0].token, token);
  EXPECT_EQ(all[1].ticket, 2U);
  EXPECT_GT(all[1].token, token);
  EXPECT_FALSE(t->release(token, false, now));
  EXPECT_EQ(t->next_time(), now + ms{50});
  t->release(all[1].token, false, now);
  steps();
  EXPECT_EQ(t->next_time(), std::nullopt);
}

TEST_F(ResourceTableTest, ACancelEndsTheRequestOrWhatCameOfIt) {
  make({"a"});
  get(1, 1, "a");
  wait(2, 2, "a");
  wait(3, 3, "a");
  EXPECT_TRUE(t->cancel(2, 2, now));
  EXPECT_TRUE(steps().empty());
  EXPECT_TRUE(t->cancel(1, 1, now));  // it was granted: returned
  EXPECT_EQ(granted(), tickets{3});
  EXPECT_FALSE(t->cancel(1, 1, now));
  EXPECT_FALSE(t->cancel(2, 2, now));
  EXPECT_FALSE(t->cancel(9, 9, now));
  EXPECT_EQ(t->counts().returned, 1U);
}

TEST_F(ResourceTableTest, ACancelledOneNoLongerStandsInTheWay) {
  make({"a", "a"});
  get(1, 1, "a");
  wait(2, 2, "a", 2);
  wait(3, 3, "a");
  t->cancel(2, 2, now);
  EXPECT_EQ(granted(), tickets{3});
}

TEST_F(ResourceTableTest, AClosedOneRefusesAllAndStillTakesBack) {
  make({"a"});
  const auto token = get(1, 1, "a");
  wait(2, 2, "a");
  t->close("it ends", now);
  const auto refused = step();
  EXPECT_EQ(refused.ticket, 2U);
  EXPECT_EQ(refused.why, refusal::closed);
  ask(3, 3, "a");
  EXPECT_EQ(step().text, "it ends");
  EXPECT_TRUE(t->release(token, false, now));
}

TEST_F(ResourceTableTest, WhoClosesACycleIsRefusedInWords) {
  make({"x", "y"});
  get(1, 1, "x");
  get(2, 1, "y");
  wait(1, 2, "y");
  ask(2, 2, "x");
  const auto refused = step();
  EXPECT_EQ(refused.who, 2U);
  EXPECT_EQ(refused.why, refusal::deadlock);
  EXPECT_EQ(refused.text, "B waits for \"x\", which A holds; A waits for \"y\", which B holds");
  EXPECT_EQ(t->line().size(), 1U);  // the other one goes on waiting, and gets it
  EXPECT_EQ(t->counts().deadlocks, 1U);
}

TEST_F(ResourceTableTest, ACycleOfFourIsFound) {
  make({"w", "x", "y", "z"});
  const std::vector<std::string> names{"w", "x", "y", "z"};
  for (std::uint64_t i = 0; i < 4; ++i) get(i + 1, 1, names[i]);
  for (std::uint64_t i = 0; i < 3; ++i) wait(i + 1, 2, names[i + 1]);
  ask(4, 2, "w");
  EXPECT_EQ(
      step().text,
      "D waits for \"w\", which A holds; A waits for \"x\", which B holds; B waits for \"y\", "
      "which C holds; C waits for \"z\", which D holds");
}

TEST_F(ResourceTableTest, WhoWaitsForItselfIsRefused) {
  make({"x"});
  get(1, 1, "x");
  ask(1, 2, "x");
  EXPECT_EQ(step().text, "A waits for \"x\", and nobody but itself holds what is missing");
}

TEST_F(ResourceTableTest, WhoeverElseCanStillServeItIsNoDeadlock) {
  make({"x", "x", "y"});
  get(1, 1, "x");
  const auto others = get(3, 1, "x");
  get(2, 1, "y");
  wait(1, 2, "y");
  wait(2, 2, "x");  // C will give one back
  t->release(others, false, now);
  EXPECT_EQ(granted(), tickets{2});
}

TEST_F(ResourceTableTest, ACycleByTheOrderOfTheLineIsOne) {
  make({"x", "x"});
  get(1, 1, "x");
  wait(2, 1, "x", 2);
  ask(1, 2, "x");  // one is free, but B stands before it, and waits for A's
  const auto refused = step();
  EXPECT_EQ(refused.why, refusal::deadlock);
  EXPECT_EQ(refused.text, "A waits for \"x\" behind B; B waits for 2 of \"x\", which A holds");
}

TEST_F(ResourceTableTest, TwoWhoEachHoldOneOfTwoAndWantAnotherAreNamed) {
  make({"x", "x"});
  get(1, 1, "x");
  get(2, 1, "x");
  wait(1, 2, "x");
  ask(2, 2, "x");
  EXPECT_EQ(step().text, "B waits for \"x\", which A holds; A waits for \"x\", which B holds");
}

TEST_F(ResourceTableTest, ThreadsOfOneHolderWaitForEachOther) {
  make({"x", "y"});
  get(1, 1, "x");
  party = 2;
  const auto y = get(1, 2, "y");
  party = 1;
  wait(1, 3, "y");  // the other one will give it back
  party = 2;
  ask(1, 4, "x");
  EXPECT_EQ(step().text, "A waits for \"x\", which A holds; A waits for \"y\", which A holds");
  t->release(y, false, now);
  EXPECT_EQ(granted(), tickets{3});
}

TEST_F(ResourceTableTest, WhoGivesBackWhileItWaitsMayWaitForItself) {
  make({"x"});
  party = 0;
  const auto x = get(1, 1, "x");
  wait(1, 2, "x");
  wait(1, 3, "x");
  t->release(x, false, now);
  EXPECT_EQ(granted(), tickets{2});
}

TEST_F(ResourceTableTest, DeadlocksAreLeftAloneIfSoWanted) {
  make({"x", "y"}, {.find_deadlocks = false});
  get(1, 1, "x");
  get(2, 1, "y");
  wait(1, 2, "y");
  ask(2, 2, "x", 1, now + ms{1});
  std::vector<table::step> none;
  t->take_steps(none);
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(t->stuck().size(), 2U);
}

}  // namespace
}  // namespace hawser::actors::detail
