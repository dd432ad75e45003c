// The door between processes: visitors that are killed, stopped and forked.

#include "../crash/raw_segment.hpp"
#include "../support/child.hpp"
#include <hawser/shm/detail/door_core.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include <sys/mman.h>

namespace hawser::shm::detail {
namespace {

using namespace std::chrono_literals;
using test::child;
using test::eventually;
using test::raw_segment;
using test::unique_name;

/// With slices off, also for the children: only a wake-up ends a sleep.
class DoorProcessTest : public testing::Test {
 protected:
  DoorProcessTest()
      : news(*new (mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
                 std::atomic<std::uint64_t>{0}) {
    set_wait_slices(false);
  }
  ~DoorProcessTest() override {
    set_wait_slices(true);
    munmap(&news, 4096);
  }

  bool heard(std::uint64_t what) { return news.load(std::memory_order_acquire) >= what; }
  /// A process that sleeps at the door until there are so many news, and then has status 0.
  std::unique_ptr<child> sleeper(std::uint64_t until) {
    auto one = std::make_unique<child>([=, this](const child::report& ready) {
      door_core own{{name, opening::open_only}};
      ready();
      return own.wait([&] { return heard(until); }, {}) ? 0 : 1;
    });
    EXPECT_TRUE(one->await_report());
    EXPECT_TRUE(one->await_state('S'));
    return one;
  }
  std::unique_ptr<child> visitor() {
    auto one = std::make_unique<child>([this](const child::report& ready) {
      door_core own{{name, opening::open_only}};
      ready();
      pause();
      return 0;
    });
    EXPECT_TRUE(one->await_report());
    return one;
  }

  std::atomic<std::uint64_t>& news;  // of all the processes
  const std::string name = unique_name();
  door_core door{{name, opening::create_only}};
  const raw_segment raw{name};
};

TEST_F(DoorProcessTest, ARingWakesWhoSleepsWhoeverRings) {
  const auto sleeps = sleeper(1);
  news = 1;
  door.ring();
  EXPECT_EQ(sleeps->join(), 0);
}

TEST_F(DoorProcessTest, AThousandCallsToAndFroAreAllHeard) {
  child other{[&](const child::report&) {
    door_core own{{name, opening::open_only}}, back{{name + ".back", opening::open_or_create}};
    for (std::uint64_t i = 1; i <= 2000; i += 2) {
      if (!own.wait([&] { return heard(i); }, {})) return 1;
      news.store(i + 1, std::memory_order_release);
      back.ring();
    }
    return 0;
  }};
  door_core back{{name + ".back", opening::open_or_create}};
  for (std::uint64_t i = 1; i <= 2000; i += 2) {
    news.store(i, std::memory_order_release);
    door.ring();
    ASSERT_TRUE(back.wait([&] { return heard(i + 1); }, {}));
  }
  EXPECT_EQ(other.join(), 0);
}

TEST_F(DoorProcessTest, TheDeathOfAVisitorThatHadNotRungYetWakes) {
  const auto rings_no_more = visitor();
  const auto sleeps = sleeper(1);
  news = 1;  // by hand what a kill between the two leaves
  rings_no_more->signal(SIGKILL);
  EXPECT_EQ(sleeps->join(), 0);
}

TEST_F(DoorProcessTest, AVisitorThatIsStoppedBeforeItRangLeavesItToTheNextOne) {
  const auto sleeps = sleeper(1);
  news = 1;
  door_core{{name, opening::open_only}}.ring();
  EXPECT_EQ(sleeps->join(), 0);
}

TEST_F(DoorProcessTest, AVisitorThatIsStoppedBeforeItRangDelaysForASlice) {
  set_wait_slices(true);
  const auto sleeps = sleeper(1);
  news = 1;
  EXPECT_EQ(sleeps->join(), 0);
}

TEST_F(DoorProcessTest, KilledVisitorsLeaveNobodyAsleep) {
  for (std::uint64_t round = 1; round <= 30; ++round) {
    const std::uint64_t before = news;
    const auto sleeps = sleeper(before + 50);
    child rings{[&](const child::report& ready) {
      door_core own{{name, opening::open_only}};
      ready();
      for (;;) {
        news.fetch_add(1);
        own.ring();
      }
      return 0;
    }};
    ASSERT_TRUE(rings.await_report());
    poll(nullptr, 0, static_cast<int>(round % 3));
    rings.kill_and_join();
    if (news < before + 50) {
      news = before + 50;
      door.ring();
    }
    ASSERT_EQ(sleeps->join(), 0) << round;
  }
}

TEST_F(DoorProcessTest, WhoSweepsIsTold) {
  std::atomic<int> swept{0};
  door_core own{{name, opening::open_only, 0600, [&] { ++swept; }}};
  const auto dies = visitor();
  std::atomic<bool> gone{false};
  std::thread waits{[&] { gone = own.wait([&] { return swept != 0; }, {}); }};
  dies->kill_and_join();
  waits.join();
  EXPECT_TRUE(gone);
  EXPECT_EQ(swept, 1);
}

TEST_F(DoorProcessTest, ForkedChildTakesAPlaceOfItsOwn) {
  child forked{[&](const child::report& ready) {
    if (raw.participants() != 1) return 1;
    door.ring();
    if (raw.participants() != 2) return 2;
    ready();
    return door.wait([&] { return heard(1); }, {}) ? 0 : 3;
  }};
  ASSERT_TRUE(forked.await_report());
  news = 1;
  door.ring();
  EXPECT_EQ(forked.join(), 0);
}

}  // namespace
}  // namespace hawser::shm::detail
