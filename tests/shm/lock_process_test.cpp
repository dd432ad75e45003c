// Locks, shared locks and guarded values between processes, and holders that are killed.

#include "permit_support.hpp"
#include <hawser/shm/guarded.hpp>
#include <hawser/shm/lock.hpp>
#include <hawser/shm/shared_lock.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::lock_status;
using test::child;
using test::unique_name;
using test::with;

TEST(LockProcessTest, NextHolderAfterADeathIsTold) {
  for (int round = 0; round < 20; ++round) {
    const std::string name = unique_name();
    shm::lock l{create_only, name};
    const auto holder = with<shm::lock>(name, [](auto& own) { own.lock(); });
    ASSERT_TRUE(holder->await_report());
    holder->signal(SIGKILL);
    EXPECT_EQ(l.lock(), lock_status::owner_died);
    l.unlock();
    EXPECT_EQ(l.lock(), lock_status::ok);
    l.unlock();
  }
}

TEST(LockProcessTest, WhoIsToldAndDiesPassesItOn) {
  const std::string name = unique_name();
  shm::lock l{create_only, name};
  for (int i = 0; i < 2; ++i) {
    const auto holder = with<shm::lock>(name, [](auto& own) { own.lock(); });
    ASSERT_TRUE(holder->await_report());
    holder->kill_and_join();
  }
  EXPECT_EQ(l.lock(), lock_status::owner_died);
  l.unlock();
}

TEST(LockProcessTest, InheritedLockIsTheParents) {
  const std::string name = unique_name();
  shm::lock l{create_only, name};
  std::unique_lock hold{l};
  child fork{[&](const child::report&) {
    hold.unlock();  // does nothing
    return l.try_lock() ? 1 : 0;
  }};
  EXPECT_EQ(fork.join(), 0);
  hold.unlock();
  EXPECT_TRUE(l.try_lock());
  l.unlock();
}

TEST(SharedLockProcessTest, WriterComesBetweenReadersThatNeverStop) {
  shm::detail::set_wait_slices(false);
  const std::string name = unique_name();
  shm::shared_lock l{create_only, name};
  std::vector<std::unique_ptr<child>> readers;
  for (int i = 0; i < 3; ++i)
    readers.push_back(std::make_unique<child>([&](const child::report& step) {
      shm::shared_lock own{open_only, name};
      step();
      for (;;) {
        const std::shared_lock hold{own};
        poll(nullptr, 0, 1);
      }
      return 0;
    }));
  for (auto& one : readers) ASSERT_TRUE(one->await_report());
  for (int turn = 0; turn < 50; ++turn) {
    const std::unique_lock hold{l};
    EXPECT_FALSE(l.owner_died());
  }
  readers.clear();
  shm::detail::set_wait_slices(true);
}

TEST(SharedLockProcessTest, DeadReaderLetsTheWriterInWithoutAMark) {
  const std::string name = unique_name();
  shm::shared_lock l{create_only, name};
  const auto reader = with<shm::shared_lock>(name, [](auto& own) { own.lock_shared(); });
  ASSERT_TRUE(reader->await_report());
  reader->signal(SIGKILL);
  EXPECT_EQ(l.lock(), lock_status::ok);
  l.unlock();
}

struct account {
  std::array<std::int64_t, 9> words;
};

TEST(GuardedProcessTest, WhatAKilledHolderHadNotCommittedIsGone) {
  const std::string name = unique_name();
  shm::guarded<account> g{create_only, name, account{}};
  child holder{[&](const child::report& step) {
    shm::guarded<account> own{open_only, name};
    auto value = own.lock();
    value->words.fill(1);
    value.commit();
    value->words.fill(2);
    step();
    pause();
    return 0;
  }};
  ASSERT_TRUE(holder.await_report());
  EXPECT_EQ(g.load().words[0], 1);  // does not wait for the holder
  holder.signal(SIGKILL);
  const auto value = g.lock();
  EXPECT_TRUE(value.owner_died());
  for (const auto word : value->words) EXPECT_EQ(word, 1);
}

TEST(GuardedProcessTest, IncrementsOfManyProcessesAllCount) {
  shm::detail::set_wait_slices(false);
  const std::string name = unique_name();
  shm::guarded<account> g{create_only, name, account{}};
  constexpr int each = 5000;
  std::vector<std::unique_ptr<child>> all;
  for (int i = 0; i < 3; ++i)
    all.push_back(std::make_unique<child>([&](const child::report&) {
      shm::guarded<account> own{open_only, name};
      for (int turn = 0; turn < each; ++turn)
        for (auto value = own.lock(); auto& word : value->words) ++word;
      return 0;
    }));
  for (auto& one : all) EXPECT_EQ(one->join(), 0);
  for (const auto word : g.load().words) EXPECT_EQ(word, 3 * each);
  shm::detail::set_wait_slices(true);
}

}  // namespace
}  // namespace hawser
