/// Who is restarted, when and how often, with the time given.
#include "supervisor/restart_policy.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>

using namespace std::chrono_literals;
using namespace hawser::actors;
using detail::child_range;
using detail::restart_delay;
using detail::restart_intensity;

namespace {

constexpr detail::supervisor_clock::time_point start{1h};

child_end ended(end_kind kind) {
  child_end end;
  end.kind = kind;
  return end;
}

}  // namespace

TEST(RestartPolicyTest, EachStrategyRestartsItsOwnRange) {
  for (std::size_t count = 1; count <= 5; ++count) {
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(detail::restarted_with(one_for_one, i, count), (child_range{i, i + 1}));
      EXPECT_EQ(detail::restarted_with(one_for_all, i, count), (child_range{0, count}));
      EXPECT_EQ(detail::restarted_with(rest_for_one, i, count), (child_range{i, count}));
    }
  }
}

TEST(RestartPolicyTest, PermanentIsAlwaysRestartedTransientAfterAnAbnormalEndTemporaryNever) {
  for (const auto kind : {end_kind::normal, end_kind::stopped}) {
    EXPECT_TRUE(detail::is_to_restart(permanent, ended(kind)));
    EXPECT_FALSE(detail::is_to_restart(transient, ended(kind)));
    EXPECT_FALSE(detail::is_to_restart(temporary, ended(kind)));
  }
  for (const auto kind :
       {end_kind::code, end_kind::exception, end_kind::signal, end_kind::out_of_memory,
        end_kind::hung, end_kind::start_failed, end_kind::gave_up, end_kind::unknown}) {
    EXPECT_TRUE(detail::is_to_restart(permanent, ended(kind)));
    EXPECT_TRUE(detail::is_to_restart(transient, ended(kind)));
    EXPECT_FALSE(detail::is_to_restart(temporary, ended(kind)));
  }
}

TEST(RestartIntensityTest, OneMoreThanAllowedWithinTheTimeIsTooMany) {
  restart_intensity three{3, 10s};
  EXPECT_TRUE(three.add(start));
  EXPECT_TRUE(three.add(start + 1s));
  EXPECT_TRUE(three.add(start + 2s));
  EXPECT_EQ(three.count(), 3U);
  EXPECT_FALSE(three.add(start + 10s));
}

TEST(RestartIntensityTest, WhatIsLongerAgoThanTheTimeIsForgotten) {
  restart_intensity three{3, 10s};
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(three.add(start + i * 4s)) << i;
    EXPECT_LE(three.count(), 3U);
  }
}

TEST(RestartIntensityTest, ZeroAllowsNone) {
  restart_intensity none{0, 10s};
  EXPECT_FALSE(none.add(start));
}

TEST(RestartDelayTest, TheFirstIsAtOnceFurtherOnesDoubleUpToTheLongest) {
  restart_delay delay{{.first = 20ms, .longest = 100ms, .jitter = 0, .reset_after = 10s}};
  delay.started(start);
  for (const auto expected : {0ms, 20ms, 40ms, 80ms, 100ms, 100ms})
    EXPECT_EQ(delay.next(start + 1s, 0.5), expected);
}

TEST(RestartDelayTest, JitterLeavesOutAPartAndNeverAdds) {
  restart_delay delay{{.first = 100ms, .longest = 100ms, .jitter = 0.5, .reset_after = 10s}};
  delay.started(start);
  EXPECT_EQ(delay.next(start, 0.9), 0ms);
  EXPECT_EQ(delay.next(start, 0.0), 100ms);
  EXPECT_EQ(delay.next(start, 0.5), 75ms);
  EXPECT_EQ(delay.next(start, 0.999), 50ms);
}

TEST(RestartDelayTest, ALifeLongEnoughMakesTheNextRestartAFirstOne) {
  restart_delay delay{{.first = 20ms, .longest = 5s, .jitter = 0, .reset_after = 10s}};
  delay.started(start);
  EXPECT_EQ(delay.next(start + 1s, 0), 0ms);
  delay.started(start + 1s);
  EXPECT_EQ(delay.next(start + 2s, 0), 20ms);
  delay.started(start + 2s);
  EXPECT_EQ(delay.next(start + 12s - 1ns, 0), 40ms);
  delay.started(start + 12s);
  EXPECT_EQ(delay.next(start + 22s, 0), 0ms);
  EXPECT_EQ(delay.next(start + 22s, 0), 0ms) << "it was not started since";
}

TEST(RestartDelayTest, TheLongestPossibleTimesDoNotOverflow) {
  constexpr auto most = std::chrono::milliseconds{std::numeric_limits<std::int32_t>::max()};
  restart_delay delay{{.first = 1ms, .longest = most, .jitter = 0, .reset_after = 1h}};
  delay.started(start);
  std::chrono::milliseconds before{-1};
  for (int i = 0; i < 100; ++i) {
    const auto next = delay.next(start, 0);
    EXPECT_GE(next, before);
    before = next;
  }
  EXPECT_EQ(before, most);
}
