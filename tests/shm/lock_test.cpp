#include "segment_support.hpp"
#include <hawser/shm/lock.hpp>
#include <hawser/shm/shared_lock.hpp>

#include <gtest/gtest.h>

#include <mutex>
#include <shared_mutex>
#include <string>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::lock_status;
using test::unique_name;

TEST(LockTest, WorksWithTheStandardsHolders) {
  const std::string name = unique_name();
  shm::lock l{create_only, name}, second{create_only, name + ".2"}, other{open_only, name};
  {
    std::scoped_lock both{l, second};
    EXPECT_FALSE(other.try_lock());
  }
  {
    std::unique_lock timed{l, 10ms};
    EXPECT_TRUE(timed.owns_lock());
    std::unique_lock refused{other, 10ms};
    EXPECT_FALSE(refused.owns_lock());
    std::unique_lock until{other, std::chrono::steady_clock::now() + 10ms};
    EXPECT_FALSE(until.owns_lock());
    timed.unlock();
    EXPECT_TRUE(refused.try_lock());
  }
  EXPECT_TRUE(other.try_lock());
  other.unlock();
}

TEST(LockTest, UnlockByWhoDoesNotHoldItIsAnError) {
  const std::string name = unique_name();
  shm::lock l{create_only, name}, other{open_only, name};
  EXPECT_EQ(l.lock(), lock_status::ok);
  EXPECT_ERROR(errc::not_held, "", other.unlock());
  EXPECT_FALSE(other.try_lock());
  l.unlock();
  EXPECT_ERROR(errc::not_held, "", l.unlock());
}

TEST(LockTest, LockingAgainInTheSameThreadWaitsForItself) {
  shm::lock l{create_only, unique_name()};
  l.lock();
  EXPECT_FALSE(l.try_lock());
  EXPECT_FALSE(l.try_lock_for(5ms));
  l.unlock();
}

TEST(LockTest, LeavingWithoutUnlockingTellsTheNextHolderOnce) {
  const std::string name = unique_name();
  shm::lock l{create_only, name};
  {
    shm::lock leaves{open_only, name};
    leaves.lock();
  }
  EXPECT_EQ(l.lock(), lock_status::owner_died);
  EXPECT_TRUE(l.owner_died());
  l.unlock();
  EXPECT_EQ(l.lock(), lock_status::ok);
  EXPECT_FALSE(l.owner_died());
  l.unlock();
}

TEST(SharedLockTest, ManyReadersOrOneWriter) {
  const std::string name = unique_name();
  shm::shared_lock l{create_only, name}, other{open_only, name};
  {
    std::shared_lock one{l}, two{other}, again{l};
    EXPECT_FALSE(other.try_lock());
    EXPECT_FALSE(l.try_lock_for(5ms));
    EXPECT_TRUE(other.try_lock_shared());
    other.unlock_shared();
  }
  {
    std::unique_lock writer{l};
    EXPECT_FALSE(other.try_lock_shared());
    EXPECT_FALSE(other.try_lock_shared_for(5ms));
    EXPECT_FALSE(other.try_lock_shared_until(std::chrono::steady_clock::now() + 5ms));
    EXPECT_FALSE(other.try_lock());
  }
  EXPECT_TRUE(other.try_lock());
  other.unlock();
}

TEST(SharedLockTest, UnlockingTheOtherWayIsAnError) {
  shm::shared_lock l{create_only, unique_name()};
  EXPECT_ERROR(errc::not_held, "", l.unlock());
  EXPECT_ERROR(errc::not_held, "", l.unlock_shared());
  l.lock();
  EXPECT_ERROR(errc::not_held, "", l.unlock_shared());
  l.unlock();
  l.lock_shared();
  EXPECT_ERROR(errc::not_held, "", l.unlock());
  l.unlock_shared();
}

TEST(SharedLockTest, WritersDeathIsToldUntilAWriterWasThere) {
  const std::string name = unique_name();
  shm::shared_lock l{create_only, name}, other{open_only, name};
  {
    shm::shared_lock leaves{open_only, name};
    leaves.lock_shared();
  }
  EXPECT_EQ(l.lock(), lock_status::ok);  // a reader leaves no mark
  l.unlock();
  {
    shm::shared_lock leaves{open_only, name};
    leaves.lock();
  }
  EXPECT_EQ(l.lock_shared(), lock_status::owner_died);
  EXPECT_EQ(other.lock_shared(), lock_status::owner_died);
  other.unlock_shared();
  l.unlock_shared();
  EXPECT_EQ(l.lock(), lock_status::owner_died);
  l.unlock();
  EXPECT_EQ(other.lock_shared(), lock_status::ok);
  other.unlock_shared();
}

}  // namespace
}  // namespace hawser
