// Places in a segment: who is alive, who is not, and how many there are.

#include "../support/child.hpp"
#include <hawser/shm/queue.hpp>

#include <gtest/gtest.h>

#include <filesystem>

#include <sched.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using test::child;
using test::eventually;
using test::unique_name;

std::size_t threads() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator{"/proc/self/task"}, {}));
}

TEST(ParticipantTest, The256thIsRefusedAndAPlaceIsFreeAgainAfterADeath) {
  const std::string name = unique_name();
  shm::queue<int> first{create_only, name};
  child many{[&](const child::report& ready) {
    std::vector<shm::queue<int>> places;
    for (int i = 0; i < 254; ++i) places.emplace_back(open_only, name);
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(many.await_report());
  try {
    shm::queue<int> q{open_only, name};
    ADD_FAILURE() << "a 256th place";
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::too_many_participants);
  }
  first.push(1);
  many.kill_and_join();
  std::vector<shm::queue<int>> places;
  for (int i = 0; i < 254; ++i) places.emplace_back(open_only, name);
  EXPECT_EQ(places.back().pop(), 1);
}

TEST(ParticipantTest, OneThreadServesAllChannelsAndEndsWithTheLast) {
  const std::size_t before = threads();
  {
    std::vector<shm::queue<int>> queues;
    for (int i = 0; i < 50; ++i) {
      queues.emplace_back(create_only, unique_name(), shm::queue_options{.capacity = 2});
      queues.back().push(i);
      std::ignore = queues.back().pop();
    }
    EXPECT_EQ(threads(), before);  // nobody has waited yet
    for (auto& q : queues) std::ignore = q.pop_for(1ms);
    EXPECT_EQ(threads(), before + 1);
  }
  EXPECT_TRUE(eventually([&] { return threads() == before; }));
}

TEST(ParticipantTest, DeathIsNoticedAcrossPidNamespaces) {
  constexpr int cannot_unshare = 77;
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  q.push(9);
  child outer{[&](const child::report& ready) {
    if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0)
      return cannot_unshare;
    const pid_t inner = fork();  // pid 1 of a namespace of its own
    if (inner == 0) {
      shm::queue<int> mine{open_only, name};
      const auto held = mine.lease();
      ready();
      pause();
      _exit(0);
    }
    pause();
    return 0;
  }};
  if (!outer.await_report()) {
    ASSERT_EQ(outer.join(), cannot_unshare);
    GTEST_SKIP() << "neither root nor user namespaces to make a pid namespace";
  }
  EXPECT_EQ(q.lease_for(20ms).status(), shm::take_status::timed_out);
  // The inner process, found as the outer one's only child, is killed; nobody's pidfd says so.
  const std::string list =
      "/proc/" + std::to_string(outer.pid()) + "/task/" + std::to_string(outer.pid()) + "/children";
  pid_t inner = 0;
  if (FILE* file = std::fopen(list.c_str(), "r")) {
    if (std::fscanf(file, "%d", &inner) != 1) inner = 0;
    std::fclose(file);
  }
  ASSERT_GT(inner, 0);
  kill(inner, SIGKILL);
  EXPECT_TRUE(q.lease_for(test::patience));
}

TEST(ParticipantTest, SleeperIsWokenByTheDeathOfOneWhoCameLater) {
  // With slices off only the sleeper's monitor can wake it, and the holder was not there yet
  // when it went to sleep.
  for (int round = 0; round < 10; ++round) {
    const std::string name = unique_name();
    shm::queue<int> q{create_only, name};
    shm::queue<int> go{create_only, name + ".go"};
    child sleeper{[&](const child::report& ready) {
      shm::detail::set_wait_slices(false);
      shm::queue<int> mine{open_only, name};
      ready();
      const auto lease = mine.lease();
      return lease && lease.attempts() == 2 ? 0 : 1;
    }};
    ASSERT_TRUE(sleeper.await_report());
    ASSERT_TRUE(eventually([&] { return q.counters().waits > 0; }));
    child holder{[&](const child::report& ready) {
      shm::queue<int> mine{open_only, name};
      ready();
      std::ignore = shm::queue<int>{open_only, name + ".go"}.pop();
      mine.push(round);
      const auto held = mine.lease();
      ready();
      pause();
      return 0;
    }};
    ASSERT_TRUE(holder.await_report());
    sleeper.signal(SIGSTOP);
    ASSERT_TRUE(sleeper.await_state('T'));
    const auto waits = q.counters().waits;
    go.push(1);
    ASSERT_TRUE(holder.await_report());
    sleeper.signal(SIGCONT);
    ASSERT_TRUE(eventually([&] { return q.counters().waits > waits; }));
    holder.signal(SIGKILL);
    EXPECT_EQ(sleeper.join(), 0);
  }
}

TEST(ParticipantTest, KilledInsideAttachLeavesNoPlaceBehind) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  // Processes die at random points of attaching, pushing and leaving.
  for (int round = 0; round < 100; ++round) {
    child victim{[&](const child::report& ready) -> int {
      ready();
      for (;;) {
        shm::queue<int> mine{open_only, name};
        std::ignore = mine.try_push(1);
        std::ignore = mine.try_pop();
      }
    }};
    ASSERT_TRUE(victim.await_report());
    const timespec some{0, round * 17'000};
    nanosleep(&some, nullptr);
    victim.kill_and_join();
  }
  while (q.try_pop()) {
  }
  std::vector<shm::queue<int>> places;
  for (int i = 0; i < 254; ++i) places.emplace_back(open_only, name);
}

}  // namespace
}  // namespace hawser
