// The directory of a group between processes that are killed at any moment.

#include "../../support/child.hpp"
#include <hawser/shm/error.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <transport/directory.hpp>

namespace hawser::actors::detail {
namespace {

using test::child;
using test::eventually;
using test::unique_name;

class DirectoryProcessTest : public testing::Test {
 protected:
  struct joined : directory {
    explicit joined(const std::string& group, std::function<void()> swept = {})
        : directory({.group = group, .swept = std::move(swept)}) {
      enter({}, 0);
    }
  };
  /// A process that has published "bank", and stays.
  std::unique_ptr<child> bank() const {
    auto one = std::make_unique<child>([this](const child::report& ready) {
      joined own{group};
      own.publish("bank", 7);
      ready();
      pause();
      return 0;
    });
    EXPECT_TRUE(one->await_report());
    return one;
  }

  const std::string group = unique_name();
};

TEST_F(DirectoryProcessTest, ANameDiesWithItsOwnerAndIsFreeAtOnce) {
  joined own{group};
  const auto owner = bank();
  ASSERT_TRUE(own.find("bank"));
  EXPECT_EQ(own.find("bank")->owner.pid, owner->pid());
  EXPECT_EQ(own.members().size(), 2U);
  owner->kill_and_join();
  EXPECT_FALSE(own.find("bank"));
  EXPECT_EQ(own.members().size(), 1U);
  own.publish("bank", 8);
  EXPECT_EQ(own.find("bank")->actor, 8U);
}

TEST_F(DirectoryProcessTest, WhoSweepsADeadMemberIsTold) {
  std::atomic<int> swept{0};
  joined own{group, [&] { ++swept; }};
  const auto owner = bank();
  own.channel().watch();
  owner->kill_and_join();
  EXPECT_TRUE(eventually([&] { return swept == 1; }));
}

TEST_F(DirectoryProcessTest, OneClearsAwayADeadMemberAndAllHearOfIt) {
  joined one{group}, other{group};
  bank()->kill_and_join();
  const std::uint64_t before = other.version();
  EXPECT_TRUE(one.clear_dead());
  EXPECT_NE(other.version(), before);
  EXPECT_FALSE(other.clear_dead());
  EXPECT_FALSE(one.clear_dead());
  EXPECT_EQ(one.members().size(), 2U);
}

TEST_F(DirectoryProcessTest, OfThoseWhoWantANameAtOnceOneGetsIt) {
  constexpr int rivals = 4;
  for (int round = 0; round < 25; ++round) {
    joined own{group};
    std::vector<std::unique_ptr<child>> all;
    for (int r = 0; r < rivals; ++r)
      all.push_back(std::make_unique<child>([this](const child::report& ready) {
        joined mine{group};
        ready();
        if (!eventually([&] { return mine.find("go").has_value(); })) return 3;
        try {
          mine.publish("bank", 1);
        } catch (const error& failed) {
          if (failed.code() != errc::already_exists) return 2;
        }
        ready();
        pause();  // or the name would be free again
        return 0;
      }));
    for (const auto& one : all) ASSERT_TRUE(one->await_report());
    own.publish("go", 1);
    for (const auto& one : all) ASSERT_TRUE(one->await_report());
    const auto found = own.find("bank");
    ASSERT_TRUE(found);
    int owners = 0;
    for (const auto& one : all) owners += one->pid() == found->owner.pid ? 1 : 0;
    EXPECT_EQ(owners, 1);
  }
}

TEST_F(DirectoryProcessTest, KilledMembersLeaveAWholeDirectory) {
  joined own{group};
  own.publish("mine", 1);
  std::vector<std::unique_ptr<child>> all(3);
  for (int round = 0; round < 150; ++round) {
    auto& victim = all[static_cast<std::size_t>(round) % all.size()];
    victim = std::make_unique<child>([this](const child::report& ready) {
      joined mine{group};
      const std::string name = "of " + std::to_string(getpid());
      ready();
      for (int i = 0;; ++i) {
        mine.publish(name, static_cast<std::uint64_t>(getpid()));
        if (i % 3 == 0) mine.withdraw(name);
      }
      return 0;
    });
    ASSERT_TRUE(victim->await_report());
    // Whatever is found is whole.
    for (const auto& one : all) {
      if (!one) continue;
      const auto found = own.find("of " + std::to_string(one->pid()));
      if (!found) continue;
      EXPECT_EQ(found->owner.pid, one->pid());
      EXPECT_EQ(found->actor, static_cast<std::uint64_t>(one->pid()));
    }
    const pid_t pid = victim->pid();
    victim->kill_and_join();
    ASSERT_FALSE(own.find("of " + std::to_string(pid)));
    ASSERT_TRUE(own.find("mine"));
  }
  EXPECT_EQ(own.members().size(), 1U);
}

TEST_F(DirectoryProcessTest, AGroupWhoseMembersWereAllKilledBeginsAnew) {
  bank()->kill_and_join();
  joined own{group};
  EXPECT_FALSE(own.find("bank"));
  EXPECT_EQ(own.members().size(), 1U);
}

}  // namespace
}  // namespace hawser::actors::detail
