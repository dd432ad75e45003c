// The directory of a group: what a single process can see of it.

#include "../../support/child.hpp"
#include <hawser/shm/error.hpp>
#include <hawser/shm/registry.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include <transport/directory.hpp>

namespace hawser::actors::detail {
namespace {

using test::unique_name;

errc failure_of(const std::function<void()>& use) {
  try {
    use();
  } catch (const error& failed) {
    EXPECT_EQ(failed.code().category(), error_category());
    return static_cast<errc>(failed.code().value());
  }
  ADD_FAILURE() << "nothing was thrown";
  return errc::system;
}

class DirectoryTest : public testing::Test {
 protected:
  /// A member; several in one process are as many actor systems.
  struct joined : directory {
    joined(const std::string& group, std::uint8_t host) : directory({.group = group}) {
      enter({host}, host);
    }
  };
  /// What `seen_by` is to see of it.
  static directory::member row(joined& who, std::uint8_t host, bool calls_us = false) {
    return {who.tag(), getpid(), geteuid(), {host}, host, calls_us};
  }

  const std::string group = unique_name();
  joined one{group, 1};
  joined other{group, 2};
};

TEST_F(DirectoryTest, ListsItsMembersFromTheirComingToTheirGoing) {
  const directory::member first = row(one, 1), second = row(other, 2);
  EXPECT_EQ(one.members(), (std::vector{first, second}));
  EXPECT_EQ(other.members(), one.members());
  const std::uint64_t before = one.version();
  {
    joined third{group, 3};
    EXPECT_EQ(one.members().size(), 3U);
    EXPECT_NE(one.version(), before);
  }
  EXPECT_EQ(one.members(), (std::vector{first, second}));
}

TEST_F(DirectoryTest, FindsAnActorByTheNameThatItsMemberGaveIt) {
  EXPECT_FALSE(other.find("bank"));
  one.publish("bank", 7);
  const auto found = other.find("bank");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->owner, row(one, 1));
  EXPECT_EQ(found->actor, 7U);
  EXPECT_FALSE(other.find("ban"));
  EXPECT_FALSE(other.find("bank "));
  EXPECT_FALSE(other.find(""));
}

TEST_F(DirectoryTest, ANameHasOneOwner) {
  one.publish("bank", 7);
  try {
    other.publish("bank", 8);
    FAIL() << "a name was given twice";
  } catch (const error& failed) {
    EXPECT_EQ(failed.code(), errc::already_exists);
    EXPECT_EQ(std::string{failed.what()},
              "cannot publish actor \"bank\": process " + std::to_string(getpid()) +
                  " has an actor of that name; withdraw it there, or take another name");
  }
  EXPECT_EQ(other.find("bank")->actor, 7U);
  one.publish("bank", 9);  // its owner may give it to another actor
  EXPECT_EQ(other.find("bank")->actor, 9U);
}

TEST_F(DirectoryTest, OnlyItsOwnerWithdrawsAName) {
  one.publish("bank", 7);
  EXPECT_FALSE(other.withdraw("bank"));
  EXPECT_TRUE(other.find("bank"));
  EXPECT_TRUE(one.withdraw("bank"));
  EXPECT_FALSE(one.withdraw("bank"));
  EXPECT_FALSE(other.find("bank"));
  other.publish("bank", 8);
  EXPECT_EQ(one.find("bank")->actor, 8U);
}

TEST_F(DirectoryTest, WhoLeavesTakesItsNamesAlong) {
  auto third = std::make_unique<joined>(group, 3);
  third->publish("a", 1);
  third->publish("b", 2);
  one.publish("c", 3);
  third.reset();
  EXPECT_FALSE(one.find("a"));
  EXPECT_FALSE(one.find("b"));
  EXPECT_TRUE(one.find("c"));
}

TEST_F(DirectoryTest, NamesAreOfAnyBytesUpToTheirLimit) {
  const std::string longest(directory::name_bytes_max, 'x'), odd{"\0\xff\n", 3};
  for (const auto& name : {longest, odd}) {
    one.publish(name, 1);
    EXPECT_TRUE(other.find(name));
  }
  EXPECT_EQ(failure_of([&] { one.publish(longest + "x", 1); }), errc::bad_name);
  EXPECT_EQ(failure_of([&] { one.publish("", 1); }), errc::bad_name);
  EXPECT_FALSE(other.find(longest + "x"));
}

TEST_F(DirectoryTest, SaysSoWhenAllNamesAreTaken) {
  for (std::size_t i = 0; i < directory::names_max; ++i)
    (i % 2 == 0 ? one : other).publish(std::to_string(i), i);
  EXPECT_EQ(failure_of([&] { one.publish("one more", 1); }), errc::no_resources);
  for (std::size_t i = 0; i < directory::names_max; ++i)
    ASSERT_EQ(one.find(std::to_string(i))->actor, i);
  EXPECT_TRUE(other.withdraw("1"));
  one.publish("one more", 1);
  EXPECT_TRUE(other.find("one more"));
}

TEST_F(DirectoryTest, WithdrawsANameOnlyForTheActorThatHasIt) {
  one.publish("bank", 7);
  EXPECT_FALSE(one.withdraw("bank", 8));
  EXPECT_TRUE(other.find("bank"));
  EXPECT_TRUE(one.withdraw("bank", 7));
}

TEST_F(DirectoryTest, ACallIsSeenByTheMemberWhomItMeans) {
  joined third{group, 3};
  one.call(other.tag(), true);
  EXPECT_EQ(other.members().front(), row(one, 1, true));
  EXPECT_EQ(third.members().front(), row(one, 1));
  const std::uint64_t before = one.version();
  one.call(other.tag(), true);  // says nothing new
  EXPECT_EQ(one.version(), before);
  one.call(other.tag(), false);
  EXPECT_EQ(other.members().front(), row(one, 1));
}

TEST_F(DirectoryTest, WhoHasNotEnteredIsNoMember) {
  directory guest{{.group = group}};
  EXPECT_EQ(guest.members().size(), 2U);
}

TEST_F(DirectoryTest, AChangeMovesTheVersionAndARefusedOneDoesNot) {
  one.publish("bank", 7);
  const std::uint64_t before = one.version();
  EXPECT_EQ(failure_of([&] { other.publish("bank", 8); }), errc::already_exists);
  EXPECT_FALSE(other.withdraw("bank"));
  EXPECT_EQ(one.version(), before);
  EXPECT_FALSE(one.wait_change(before, std::chrono::steady_clock::now()));
  one.withdraw("bank");
  EXPECT_TRUE(other.wait_change(before, std::chrono::steady_clock::now()));
}

TEST_F(DirectoryTest, GroupsDoNotSeeEachOther) {
  joined stranger{group + ".other", 1};
  stranger.publish("bank", 7);
  EXPECT_FALSE(one.find("bank"));
  EXPECT_EQ(stranger.members().size(), 1U);
}

TEST_F(DirectoryTest, NobodyLeavesASegmentBehind) {
  const std::string name = group + ".short";
  { joined alone{name, 1}; }
  EXPECT_FALSE(shm::find_channel(name));
}

}  // namespace
}  // namespace hawser::actors::detail
