// Resources that are, or may be, bad.

#include "table_support.hpp"

namespace hawser::actors::detail {
namespace {

using ResourceCareTest = ResourceTest;

TEST_F(ResourceCareTest, WhatADeadHolderHadIsCheckedBeforeItIsLentAgain) {
  make({"a"}, {.can_check = true});
  get(1, 1, "a");
  wait(2, 2, "a");
  t->holder_gone(1, "killed", now);
  const auto all = steps();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].what, kind::reclaimed);
  EXPECT_EQ(all[1].what, kind::check);
  t->checked(0, true, {}, now);
  EXPECT_EQ(granted(), tickets{2});
  t->checked(0, false, "late", now);  // nobody has asked
  EXPECT_TRUE(steps().empty());
}

TEST_F(ResourceCareTest, WhatIsReturnedIsCheckedIfSoWanted) {
  for (const bool wanted : {false, true}) {
    make({"a"}, {.can_check = true, .check_returned = wanted});
    t->release(get(1, 1, "a"), false, now);
    EXPECT_EQ(steps().size(), wanted ? 2U : 1U);
  }
}

TEST_F(ResourceCareTest, ABadOneIsReplaced) {
  make({"a"}, {.can_check = true, .can_make = true});
  get(1, 1, "a");
  wait(2, 2, "a");
  t->holder_gone(1, "killed", now);
  steps();
  t->checked(0, false, "broken pipe", now);
  const auto all = steps();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].what, kind::broken);
  EXPECT_EQ(all[0].text, "broken pipe");
  EXPECT_EQ(all[1].what, kind::make);
  t->made(0, true, {}, now);
  EXPECT_EQ(granted(), tickets{2});
  EXPECT_EQ(t->counts().replaced, 1U);
  t->made(0, true, {}, now);
  EXPECT_TRUE(steps().empty());
}

TEST_F(ResourceCareTest, WhatCannotBeMadeIsTriedLaterAndLater) {
  make({"a"}, {.retry_first = ms{10}, .retry_most = ms{35}, .can_make = true});
  t->release(get(1, 1, "a"), true, now);
  EXPECT_EQ(steps().back().what, kind::make);
  wait(2, 2, "a", 1, now + ms{100});
  for (const int pause : {10, 20, 35, 35}) {
    t->made(0, false, "no space", now);
    EXPECT_EQ(step().what, kind::broken);
    EXPECT_EQ(t->resources()[0].now, table::state::resting);
    EXPECT_EQ(t->next_time(),
              std::min(now + ms{pause}, table::time{std::chrono::hours{1}} + ms{100}));
    now += ms{pause};
    t->expire(now);
    if (now < table::time{std::chrono::hours{1}} + ms{100}) {
      EXPECT_EQ(step().what, kind::make);
    }
  }
  const auto all = steps();  // and who waits hears so in time
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].what, kind::refused);
  EXPECT_EQ(all[0].text, "\"a\": 0 free, 0 held, 1 out of service; 1 wait");
  t->made(0, true, {}, now);
  EXPECT_EQ(t->resources()[0].now, table::state::free);
}

TEST_F(ResourceCareTest, WhatNobodyMakesMayGetWell) {
  make({"a"}, {.retry_first = ms{10}, .can_check = true});
  t->release(get(1, 1, "a"), true, now);
  EXPECT_EQ(steps().back().what, kind::broken);
  now += ms{10};
  t->expire(now);
  EXPECT_EQ(step().what, kind::check);
  t->checked(0, true, {}, now);
  steps();
  get(1, 2, "a");
}

TEST_F(ResourceCareTest, WhatIsGoneForGoodKeepsNobodyWaiting) {
  make({"a", "a", "b"});
  const auto one = get(1, 1, "a");
  get(3, 1, "a");
  wait(2, 2, "a", 2);
  wait(4, 3, "a");
  t->release(one, true, now);
  const auto all = steps();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[1].what, kind::broken);
  EXPECT_EQ(all[2].ticket, 2U);
  EXPECT_EQ(all[2].why, refusal::out_of_service);
  EXPECT_EQ(t->line().size(), 1U);
  ask(2, 4, "a", 2);
  EXPECT_EQ(step().why, refusal::out_of_service);
}

TEST_F(ResourceCareTest, WhatIsGoneForGoodMayCloseACycle) {
  make({"a", "a"});
  get(1, 1, "a");
  const auto other = get(2, 1, "a");
  wait(1, 2, "a");
  t->release(other, true, now);
  const auto all = steps();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[2].why, refusal::deadlock);
}

TEST_F(ResourceCareTest, FreeOnesAreCheckedFromTimeToTimeAndAtTheStart) {
  make({"a", "b"}, {.check_every = ms{100}, .can_check = true});
  t->expire(now);
  EXPECT_EQ(steps().size(), 2U);
  t->checked(0, true, {}, now);
  t->checked(1, true, {}, now);
  const auto token = get(1, 1, "a");
  now += ms{100};
  t->expire(now);
  EXPECT_EQ(step().resources, std::vector<table::index>{1});  // a is held
  wait(2, 2, "b");
  t->checked(1, true, {}, now);
  EXPECT_EQ(granted(), tickets{2});
  t->release(token, false, now);
  steps();
  EXPECT_EQ(t->next_time(), now + ms{100});
}

TEST_F(ResourceCareTest, ABadCheckedOneOfSeveralCostsOnlyItself) {
  make({"a", "a"}, {.can_check = true, .can_make = true});
  get(1, 1, "a", 2);
  t->holder_gone(1, "killed", now);
  steps();
  t->checked(0, false, "bad", now);
  t->checked(1, true, {}, now);
  steps();
  get(2, 1, "a");
  ask(2, 2, "a", 1, now);
  EXPECT_EQ(step().why, refusal::timed_out);
}

}  // namespace
}  // namespace hawser::actors::detail
