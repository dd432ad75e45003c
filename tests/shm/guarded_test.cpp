#include "segment_support.hpp"
#include <hawser/shm/guarded.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using test::unique_name;

struct account {
  std::int64_t balance;
  char owner[5];  // so that its size is no multiple of a word
};

TEST(GuardedTest, EndOfTheGuardCommits) {
  shm::guarded<account> g{create_only, unique_name(), account{100, "eve"}};
  {
    auto value = g.lock();
    EXPECT_EQ(value->balance, 100);
    value->balance += 1;
    EXPECT_EQ(g.load().balance, 100);  // not yet
  }
  EXPECT_EQ(g.load().balance, 101);
  EXPECT_STREQ(g.load().owner, "eve");
}

TEST(GuardedTest, CommitAndRollbackGoOnHolding) {
  const std::string name = unique_name();
  shm::guarded<account> g{create_only, name, account{100, ""}}, other{open_only, name};
  {
    auto value = g.lock();
    value->balance = 1;
    value.commit();
    EXPECT_EQ(other.load().balance, 1);
    EXPECT_FALSE(other.try_lock());
    value->balance = 2;
    value.rollback();
    EXPECT_EQ(value->balance, 1);
    value->balance = 3;
    value.unlock();
    EXPECT_FALSE(value);
  }
  EXPECT_EQ(other.load().balance, 3);
  EXPECT_TRUE(other.try_lock_for(1ms));
}

TEST(GuardedTest, ExceptionRollsBack) {
  shm::guarded<account> g{create_only, unique_name(), account{100, ""}};
  EXPECT_THROW(
      {
        auto value = g.lock();
        value->balance = 1;
        throw std::runtime_error("in the middle");
      },
      std::runtime_error);
  EXPECT_EQ(g.load().balance, 100);
  EXPECT_EQ(g.try_lock()->balance, 100);
}

TEST(GuardedTest, OnlyOneAtATime) {
  const std::string name = unique_name();
  shm::guarded<account> g{create_only, name, account{0, ""}}, other{open_only, name};
  const auto held = g.lock();
  EXPECT_FALSE(other.try_lock());
  EXPECT_FALSE(other.try_lock_for(5ms));
  EXPECT_FALSE(other.try_lock_until(std::chrono::steady_clock::now() + 5ms));
  EXPECT_FALSE(held.owner_died());
}

TEST(GuardedTest, OpenOrCreateKeepsTheValueThatIsThere) {
  const std::string name = unique_name();
  shm::guarded<account> g{open_or_create, name, account{7, ""}};
  g.lock()->balance = 8;
  shm::guarded<account> again{open_or_create, name, account{7, ""}};
  EXPECT_EQ(again.load().balance, 8);
  using other_type = shm::guarded<std::array<std::int64_t, 2>>;
  EXPECT_ERROR(errc::type_mismatch, "carries", other_type{open_only, name});
}

}  // namespace
}  // namespace hawser
