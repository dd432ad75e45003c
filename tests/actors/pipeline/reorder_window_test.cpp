// Numbers that come in any order, and more than once.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include <pipeline/reorder_window.hpp>

namespace hawser::actors::detail {
namespace {

TEST(ReorderWindowTest, GivesThemInOrderOrAsTheyCome) {
  reorder_window<int> ordered{4, true}, as_they_come{4, false};
  for (auto* const one : {&ordered, &as_they_come}) {
    EXPECT_TRUE(one->put(2, 102));
    EXPECT_TRUE(one->put(0, 100));
  }
  EXPECT_EQ(ordered.take(), 100);
  EXPECT_EQ(ordered.take(), std::nullopt);
  EXPECT_EQ(as_they_come.take(), 102);
  EXPECT_EQ(as_they_come.take(), 100);
  EXPECT_EQ(as_they_come.take(), std::nullopt);
  EXPECT_TRUE(ordered.put(1, 101));
  EXPECT_EQ(ordered.take(), 101);
  EXPECT_EQ(ordered.take(), 102);
  EXPECT_EQ(ordered.taken(), 3U);
}

TEST(ReorderWindowTest, WhatHasComeBeforeIsRefused) {
  for (const bool ordered : {false, true}) {
    reorder_window<int> window{4, ordered};
    EXPECT_TRUE(window.put(1, 1));
    EXPECT_FALSE(window.put(1, 2));
    EXPECT_TRUE(window.put(0, 0));
    EXPECT_EQ(window.take(), ordered ? 0 : 1);
    EXPECT_EQ(window.take(), ordered ? 1 : 0);
    EXPECT_FALSE(window.put(0, 3));
    EXPECT_FALSE(window.put(1, 4));
    EXPECT_EQ(window.take(), std::nullopt);
  }
}

TEST(ReorderWindowTest, HasRoomForItsSizeBeyondTheFirstThatIsAwaited) {
  for (const bool ordered : {false, true}) {
    reorder_window<int> window{3, ordered};
    EXPECT_TRUE(window.has_room(2));
    EXPECT_FALSE(window.has_room(3));
    EXPECT_FALSE(window.put(3, 3));
    EXPECT_TRUE(window.put(1, 1));
    EXPECT_TRUE(window.put(2, 2));
    EXPECT_FALSE(window.has_room(3));
    EXPECT_TRUE(window.put(0, 0));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(window.take());
    EXPECT_TRUE(window.has_room(5));
    EXPECT_FALSE(window.has_room(6));
  }
}

TEST(ReorderWindowTest, WhatItKeepsIsLetGoOfWhenItIsTaken) {
  const auto value = std::make_shared<int>(1);
  reorder_window<std::shared_ptr<int>> window{4, true};
  window.put(1, value);
  window.put(0, value);
  EXPECT_EQ(value.use_count(), 3);
  (void)window.take();
  (void)window.take();
  EXPECT_EQ(value.use_count(), 1);
}

TEST(ReorderWindowTest, RandomArrivalsWithRepetitions) {
  std::mt19937 random{4711};
  for (int round = 0; round < 200; ++round) {
    const bool ordered = round % 2 == 0;
    const std::size_t size = 1 + random() % 20;
    reorder_window<std::uint64_t> window{size, ordered};
    std::uint64_t next = 0, taken = 0;
    constexpr std::uint64_t all = 500;
    std::vector<std::uint64_t> on_the_way, came;
    std::vector<bool> seen(all, false);
    while (taken < all) {
      while (next < all && window.has_room(next)) on_the_way.push_back(next++);
      ASSERT_LE(next - taken, size + (ordered ? 0 : size));
      if (!came.empty() && random() % 3 == 0) {
        ASSERT_FALSE(window.put(came[random() % came.size()], 0));
        continue;
      }
      ASSERT_FALSE(on_the_way.empty());
      const auto at =
          on_the_way.begin() + static_cast<std::ptrdiff_t>(random() % on_the_way.size());
      ASSERT_TRUE(window.put(*at, *at));
      came.push_back(*at);
      on_the_way.erase(at);
      while (const auto one = window.take()) {
        if (ordered) {
          ASSERT_EQ(*one, taken);
        }
        ASSERT_FALSE(seen[*one]);
        seen[*one] = true;
        ++taken;
      }
    }
    ASSERT_EQ(window.low(), all);
  }
}

}  // namespace
}  // namespace hawser::actors::detail
