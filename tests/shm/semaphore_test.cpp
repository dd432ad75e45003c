#include "segment_support.hpp"
#include <hawser/shm/lock.hpp>
#include <hawser/shm/queue.hpp>
#include <hawser/shm/registry.hpp>
#include <hawser/shm/semaphore.hpp>
#include <hawser/shm/wait_any.hpp>

#include <gtest/gtest.h>

#include <string>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using test::unique_name;

TEST(SemaphoreTest, PermitsGoOutAndComeBack) {
  shm::semaphore s{create_only, unique_name(), {.permits = 3}};
  EXPECT_EQ(s.permits(), 3U);
  s.acquire();
  s.acquire(2);
  EXPECT_EQ(s.available(), 0U);
  EXPECT_EQ(s.held(), 3U);
  EXPECT_FALSE(s.try_acquire());
  s.release(2);
  EXPECT_FALSE(s.try_acquire(3));
  EXPECT_TRUE(s.try_acquire(2));
  s.release(3);
  EXPECT_EQ(s.available(), 3U);
  EXPECT_EQ(s.held(), 0U);
  EXPECT_EQ(s.counters().acquired, 5U);
  EXPECT_EQ(s.counters().reclaimed, 0U);
}

TEST(SemaphoreTest, ReleasingMoreThanHeldIsAnErrorAndChangesNothing) {
  const std::string name = unique_name();
  shm::semaphore s{create_only, name, {.permits = 3}}, other{open_only, name};
  other.acquire(2);
  EXPECT_ERROR(errc::not_held, "", s.release());
  s.acquire();
  EXPECT_ERROR(errc::not_held, "", s.release(2));
  EXPECT_EQ(s.held(), 1U);
  EXPECT_EQ(s.available(), 0U);
  EXPECT_EQ(std::string{test::error_of([&] { s.release(2); }).what()},
            "cannot release semaphore \"" + name +
                "\": this process holds 1, not 2; release what was acquired, once");
}

TEST(SemaphoreTest, NumbersNobodyCanHaveAreErrors) {
  shm::semaphore s{create_only, unique_name(), {.permits = 3}};
  EXPECT_ERROR(errc::bad_argument, "", s.acquire(4));
  EXPECT_ERROR(errc::bad_argument, "", s.acquire(0));
  EXPECT_ERROR(errc::bad_argument, "", (void)s.try_acquire(std::size_t{1} << 40));
  EXPECT_ERROR(errc::bad_argument, "", shm::semaphore{create_only, unique_name(), {.permits = 0}});
  EXPECT_ERROR(errc::bad_argument, "",
               shm::semaphore{create_only, unique_name(), {.permits = std::size_t{1} << 40}});
}

TEST(SemaphoreTest, TimedFormsEnd) {
  shm::semaphore s{create_only, unique_name()};
  EXPECT_TRUE(s.try_acquire_for(0ms));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(s.try_acquire_for(20ms));
  EXPECT_FALSE(s.try_acquire_until(std::chrono::steady_clock::now() + 20ms));
  EXPECT_FALSE(s.try_acquire_until(std::chrono::system_clock::now() + 20ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 60ms);
  EXPECT_FALSE(s.try_acquire_for(-1ms));
  s.release();
  EXPECT_TRUE(s.try_acquire_for(20ms));
  EXPECT_GE(s.counters().waits, 3U);
}

TEST(SemaphoreTest, PermitGivesBackOnceWhenItEnds) {
  shm::semaphore s{create_only, unique_name(), {.permits = 4}};
  {
    auto one = s.hold();
    auto two = s.try_hold(2);
    ASSERT_TRUE(two);
    EXPECT_EQ(two.count(), 2U);
    EXPECT_FALSE(s.try_hold(2));
    EXPECT_FALSE(s.hold_for(1ms, 2));
    EXPECT_FALSE(s.hold_until(std::chrono::steady_clock::now() + 1ms, 2));
    one.release();
    one.release();
    EXPECT_FALSE(one);
    auto moved = std::move(two);
    EXPECT_EQ(s.held(), 2U);
    one = std::move(moved);
    EXPECT_EQ(s.held(), 2U);
  }
  EXPECT_EQ(s.held(), 0U);
  EXPECT_EQ(s.available(), 4U);
}

TEST(SemaphoreTest, PermitOutlivesTheObjectItCameFrom) {
  const std::string name = unique_name();
  shm::semaphore other{create_only, name};
  shm::permit kept;
  {
    shm::semaphore s{open_only, name};
    kept = s.hold();
  }
  EXPECT_EQ(other.available(), 0U);
  kept.release();
  EXPECT_EQ(other.available(), 1U);
  EXPECT_EQ(other.counters().reclaimed, 0U);
}

TEST(SemaphoreTest, LeavingGivesBackWhatIsHeld) {
  const std::string name = unique_name();
  shm::semaphore other{create_only, name, {.permits = 5}};
  {
    shm::semaphore s{open_only, name};
    s.acquire(3);
    EXPECT_EQ(other.available(), 2U);
  }
  EXPECT_EQ(other.available(), 5U);
  EXPECT_TRUE(other.try_acquire(5));
  EXPECT_EQ(other.counters().reclaimed, 3U);
}

TEST(SemaphoreTest, WhatIsOpenedMustFit) {
  const std::string name = unique_name();
  shm::semaphore s{open_or_create, name, {.permits = 2}};
  EXPECT_ERROR(errc::capacity_mismatch, "", shm::semaphore{open_or_create, name, {.permits = 3}});
  EXPECT_ERROR(errc::already_exists, "", shm::semaphore{create_only, name, {.permits = 2}});
  EXPECT_ERROR(errc::kind_mismatch, "", shm::lock{open_only, name});
  EXPECT_ERROR(errc::kind_mismatch, "", shm::queue<int>{open_only, name});
  EXPECT_ERROR(errc::not_found, "", shm::semaphore{open_only, name + ".not"});
  EXPECT_EQ((shm::semaphore{open_only, name}.permits()), 2U);
}

TEST(SemaphoreTest, KeptOneOutlivesItsProcesses) {
  const std::string name = unique_name();
  { shm::semaphore{create_only, name, {.permits = 2, .keep = true}}.acquire(); }
  {
    shm::semaphore again{open_only, name};
    EXPECT_EQ(again.available(), 2U);
    EXPECT_EQ(again.counters().acquired, 1U);
  }
  EXPECT_TRUE(shm::remove(name));
}

TEST(SemaphoreTest, IsShownFromOutside) {
  const std::string name = unique_name();
  shm::semaphore s{create_only, name, {.permits = 4}}, other{open_only, name};
  s.acquire(2);
  other.acquire();
  const auto seen = shm::find_channel(name);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->problem, "");
  EXPECT_EQ(seen->kind, "semaphore");
  std::string figures;
  for (const auto& one : seen->details) figures += one.name + " " + std::to_string(one.value) + " ";
  for (const auto& one : seen->counters)
    figures += one.name + " " + std::to_string(one.value) + " ";
  EXPECT_EQ(figures, "permits 4 available 1 holders 2 waiting 0 acquired 3 waits 0 reclaimed 0 ");
}

TEST(SemaphoreTest, IsWaitedForBesideOtherChannels) {
  const std::string name = unique_name();
  shm::semaphore s{create_only, name}, other{open_only, name};
  shm::queue<int> q{create_only, name + ".queue"};
  other.acquire();
  q.push(1);
  EXPECT_EQ(shm::wait_any(s, q), 1U);
  (void)q.pop();
  other.release();
  EXPECT_EQ(shm::wait_any(s, q), 0U);
}

TEST(SemaphoreTest, LastOneToLeaveRemovesIt) {
  const std::string name = unique_name();
  { shm::semaphore s{create_only, name}; }
  EXPECT_FALSE(test::exists_in_shm(name));
}

}  // namespace
}  // namespace hawser
