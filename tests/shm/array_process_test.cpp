// The shared array between processes: shared work, and processes that are killed, stopped, forked.

#include "segment_support.hpp"
#include <hawser/shm/array.hpp>

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <numeric>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using test::child;
using test::eventually;
using test::unique_name;

TEST(ArrayProcessTest, ProcessesWorkOnOneArrayInPlace) {
  shm::detail::set_wait_slices(false);  // also for the children: a lost wake-up is a hang
  const std::string name = unique_name();
  shm::array<std::int64_t> a{create_only, name, 100'000, {.ranges = 8}};
  std::iota(a.begin(), a.end(), 0);
  std::vector<std::unique_ptr<child>> all;
  for (std::size_t p = 0; p < 4; ++p)
    all.push_back(std::make_unique<child>([&, p](const child::report&) {
      shm::array<std::int64_t> own{open_only, name};
      for (std::size_t i = 0; i < own.ranges(); ++i) {
        const auto hold = own.lock_range((p + i) % own.ranges());
        for (std::int64_t& n : hold) n *= 2;
      }
      return 0;
    }));
  for (auto& one : all) EXPECT_EQ(one->join(), 0);
  for (std::int64_t i = 0; i < 100'000; ++i) ASSERT_EQ(a[static_cast<std::size_t>(i)], 16 * i);
  shm::detail::set_wait_slices(true);
}

TEST(ArrayProcessTest, KilledUpdatersLeaveNoHalfUpdate) {
  const std::string name = unique_name();
  constexpr std::size_t size = 600;
  shm::array<std::uint64_t> a{create_only, name, size, {.ranges = 3, .update_elements_max = size}};
  const auto add_one = [](std::span<std::uint64_t> all) {
    for (std::uint64_t& n : all) ++n;
  };
  std::uint64_t last = 0;
  for (int round = 0; round < 50; ++round) {
    child updater{[&](const child::report& ready) {
      shm::array<std::uint64_t> own{open_only, name};
      own.update(0, size, add_one);
      ready();
      for (;;) own.update(0, size, add_one);
      return 0;
    }};
    ASSERT_TRUE(updater.await_report());
    updater.kill_and_join();
    // Whichever part is taken first, all of them are whole then.
    const auto hold = a.lock_range(static_cast<std::size_t>(round % 3));
    ASSERT_FALSE(hold.owner_died());
    for (const std::uint64_t n : a) ASSERT_EQ(n, a[0]);
    ASSERT_GT(a[0], last);
    last = a[0];
  }
}

TEST(ArrayProcessTest, NextHolderIsToldThatTheLastOneDied) {
  const std::string name = unique_name();
  shm::array<int> a{create_only, name, 4, {.ranges = 2}};
  for (int round = 0; round < 10; ++round) {
    child holder{[&](const child::report& ready) {
      shm::array<int> own{open_only, name};
      const auto hold = own.lock_range(1);
      hold[0] = 5;
      ready();
      pause();
      return 0;
    }};
    ASSERT_TRUE(holder.await_report());
    EXPECT_FALSE(a.try_lock_range(1));
    EXPECT_TRUE(a.try_lock_range(0));
    holder.signal(SIGKILL);
    {
      const auto hold = a.lock_range_for(1, test::patience);
      ASSERT_TRUE(hold);
      EXPECT_TRUE(hold.owner_died());
      EXPECT_EQ(hold[0], 5);
    }
    EXPECT_FALSE(a.lock_range(1).owner_died());  // told once
    EXPECT_FALSE(a.lock_range(0).owner_died());
  }
}

TEST(ArrayProcessTest, UpdateDoesNotTakeTheNewsOfADeathAway) {
  const std::string name = unique_name();
  shm::array<int> a{create_only, name, 2};
  child holder{[&](const child::report& ready) {
    shm::array<int> own{open_only, name};
    const auto hold = own.lock_range(0);
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(holder.await_report());
  holder.kill_and_join();
  ASSERT_TRUE(a.update_for(test::patience, 0, 1, [](std::span<int> n) { n[0] = 1; }));
  EXPECT_TRUE(a.lock_range(0).owner_died());
}

TEST(ArrayProcessTest, TryLockAloneFindsWhatAKilledHolderLeft) {
  const std::string name = unique_name();
  shm::array<int> a{create_only, name, 2};
  child holder{[&](const child::report& ready) {
    shm::array<int> own{open_only, name};
    const auto hold = own.lock_range(0);
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(holder.await_report());
  EXPECT_FALSE(a.try_lock_range(0));
  holder.kill_and_join();
  EXPECT_TRUE(a.try_lock_range(0));
}

TEST(ArrayProcessTest, StoppedHolderIsAliveAndKeepsItsRange) {
  const std::string name = unique_name();
  shm::array<int> a{create_only, name, 2, {.ranges = 2}};
  child holder{[&](const child::report& ready) {
    shm::array<int> own{open_only, name};
    const auto hold = own.lock_range(0);
    ready();
    raise(SIGSTOP);
    return 0;
  }};
  ASSERT_TRUE(holder.await_report());
  ASSERT_TRUE(holder.await_state('T'));
  EXPECT_FALSE(a.lock_range_for(0, 50ms));
  EXPECT_TRUE(a.lock_range_for(1, test::patience));
  holder.signal(SIGCONT);
  EXPECT_EQ(holder.join(), 0);
  EXPECT_FALSE(a.lock_range(0).owner_died());
}

TEST(ArrayProcessTest, UnlockWakesWhoeverWaitsForTheRange) {
  const std::string name = unique_name();
  shm::array<int> a{create_only, name, 2};
  auto hold = a.lock_range(0);
  const auto waiting = [&](const child::report& ready) {
    shm::detail::set_wait_slices(false);
    shm::array<int> own{open_only, name};
    ready();
    ++own.lock_range(0)[0];
    return 0;
  };
  child first{waiting}, second{waiting};
  ASSERT_TRUE(first.await_report() && second.await_report());
  ASSERT_TRUE(first.await_state('S') && second.await_state('S'));
  hold.unlock();
  EXPECT_EQ(first.join(), 0);
  EXPECT_EQ(second.join(), 0);
  EXPECT_EQ(a[0], 2);
}

TEST(ArrayProcessTest, ForkLeavesItsParentsRangeAlone) {
  const std::string name = unique_name();
  shm::array<int> a{create_only, name, 2, {.ranges = 2}}, other{open_only, name};
  auto hold = a.lock_range(0);
  child forked{[&](const child::report&) {
    hold.unlock();  // the parent's: nothing happens
    a.update(1, [](int& n) { n = 3; });
    return a.try_lock_range(0) ? 1 : 0;
  }};
  EXPECT_EQ(forked.join(), 0);
  EXPECT_EQ(other[1], 3);
  EXPECT_FALSE(other.try_lock_range(0));
  hold.unlock();
  EXPECT_TRUE(other.try_lock_range(0));
}

TEST(ArrayProcessTest, ForkInsideAnUpdateIsRefusedInTheChild) {
  shm::array<int> a{create_only, unique_name(), 2};
  pid_t parent = getpid();
  int status = 0;
  try {
    a.update(0, [&](int& n) {
      n = 1;
      const pid_t forked = fork();
      if (forked != 0) waitpid(forked, &status, 0);
    });
  } catch (const error& e) {
    if (getpid() != parent) _exit(e.code() == errc::not_supported ? 4 : 5);
    throw;
  }
  if (getpid() != parent) _exit(6);
  EXPECT_EQ(WEXITSTATUS(status), 4);
  EXPECT_EQ(a[0], 1);
}

}  // namespace
}  // namespace hawser
