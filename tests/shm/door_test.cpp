// The door: where a process sleeps that reads many channels. What a single process can see of it.

#include "../support/child.hpp"
#include <hawser/shm/detail/door_core.hpp>
#include <hawser/shm/registry.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace hawser::shm::detail {
namespace {

using namespace std::chrono_literals;
using test::unique_name;

std::uint64_t waits_of(const std::string& name) {
  const auto seen = find_channel(name);
  for (const auto& one : seen->counters)
    if (one.name == "waits") return one.value;
  ADD_FAILURE() << "it does not count its waits";
  return 0;
}

class DoorTest : public testing::Test {
 protected:
  const std::string name = unique_name();
  door_core door{{name, opening::create_only}};
};

TEST_F(DoorTest, NewsThatAreThereEndAWaitAtOnce) {
  EXPECT_TRUE(door.wait([] { return true; }, clock::now() - 1s));
  EXPECT_EQ(waits_of(name), 0U);
}

TEST_F(DoorTest, WithoutNewsAWaitEndsAtItsDeadline) {
  const auto start = clock::now();
  EXPECT_FALSE(door.wait([] { return false; }, start + 20ms));
  EXPECT_GE(clock::now() - start, 20ms);
  EXPECT_GE(waits_of(name), 1U);
}

TEST_F(DoorTest, NewsThatComeWithTheDeadlineCount) {
  const auto end = clock::now() + 5ms;
  EXPECT_TRUE(door.wait([&] { return clock::now() >= end; }, end));
}

TEST_F(DoorTest, RingingIsNoNews) {
  for (int i = 0; i < 3; ++i) door.ring();
  EXPECT_FALSE(door.wait([] { return false; }, clock::now() + 1ms));
}

TEST_F(DoorTest, IsMadeOnceAndOpenedByItsName) {
  EXPECT_EQ(door.name(), name);
  EXPECT_THROW((door_core{{name, opening::create_only}}), error);
  EXPECT_THROW((door_core{{name + ".other", opening::open_only}}), error);
  door_core visitor{{name, opening::open_only}};
  visitor.ring();
  EXPECT_EQ(find_channel(name)->kind, "door");
  EXPECT_EQ(find_channel(name)->participants.size(), 2U);
}

}  // namespace
}  // namespace hawser::shm::detail
