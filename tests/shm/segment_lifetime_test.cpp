// Who removes a segment and when: leavers, killed processes, slow and stopped neighbours.

#include "segment_support.hpp"
#include <hawser/shm/queue.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>

namespace hawser {
namespace {

using test::child;
using test::error_of;
using test::exists_in_shm;
using test::path_of;
using test::unique_name;

TEST(SegmentLifetimeTest, LastToLeaveRemovesIt) {
  const std::string name = unique_name();
  {
    shm::queue<int> a{create_only, name};
    shm::queue<int> b{open_only, name};
    { shm::queue<int> c{std::move(a)}; }
    EXPECT_TRUE(exists_in_shm(name));
  }
  EXPECT_FALSE(exists_in_shm(name));
}

TEST(SegmentLifetimeTest, KeptSegmentOutlivesItsProcessesWithItsMessages) {
  const std::string name = unique_name();
  { shm::queue<int>{create_only, name, {.keep = true}}.push(7); }
  EXPECT_TRUE(exists_in_shm(name));
  EXPECT_ERROR(errc::already_exists, "kept", shm::queue<int>(create_only, name));
  EXPECT_EQ(shm::queue<int>(open_only, name).pop(), 7);
  EXPECT_EQ(shm::queue<int>(open_or_create, name).size(), 0U);
  EXPECT_TRUE(shm::remove(name));
  EXPECT_FALSE(shm::remove(name));
}

TEST(SegmentLifetimeTest, StaleSegmentIsReplacedByTheNextCreatorOnly) {
  for (const bool create : {true, false}) {
    const std::string name = unique_name();
    child owner{[&](const child::report& ready) {
      shm::queue<int> q{create_only, name, {.capacity = 4}};
      q.push(1);
      ready();
      pause();
      return 0;
    }};
    ASSERT_TRUE(owner.await_report());
    owner.kill_and_join();
    ASSERT_TRUE(exists_in_shm(name));

    EXPECT_ERROR(errc::stale, "start its creator", shm::queue<int>(open_only, name));
    // Another type and capacity: nothing of the old one counts.
    auto q = create ? shm::queue<long>{create_only, name, {.capacity = 9}}
                    : shm::queue<long>{open_or_create, name, {.capacity = 9}};
    EXPECT_EQ(q.capacity(), 9U);
    EXPECT_TRUE(q.empty());
  }
}

TEST(SegmentLifetimeTest, KeptSegmentOfKilledProcessesLosesNothing) {
  const std::string name = unique_name();
  child owner{[&](const child::report& ready) {
    shm::queue<int> q{create_only, name, {.keep = true}};
    q.push(1);
    q.push(2);
    const auto held = q.lease();
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(owner.await_report());
  owner.kill_and_join();
  {
    shm::queue<int> q{open_or_create, name, {}};
    auto again = q.lease();
    EXPECT_EQ(*again, 1);
    EXPECT_EQ(again.attempts(), 2U);
    again.ack();
    EXPECT_EQ(q.pop(), 2);
  }
  EXPECT_TRUE(shm::remove(name));
}

TEST(SegmentLifetimeTest, RemoveStaleTakesOnlyWhatNobodyUses) {
  const std::string ours = unique_name() + ".", live = ours + "live", kept = ours + "kept",
                    stale = ours + "stale", other = unique_name() + ".other";
  shm::queue<int> used{create_only, live};
  { shm::queue<int>{create_only, kept, {.keep = true}}.push(1); }
  child owner{[&](const child::report& ready) {
    shm::queue<int> q{create_only, stale}, p{create_only, other};
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(owner.await_report());
  owner.kill_and_join();

  EXPECT_EQ(shm::remove_stale(ours), 1U);

  EXPECT_TRUE(exists_in_shm(live));
  EXPECT_TRUE(exists_in_shm(kept));
  EXPECT_FALSE(exists_in_shm(stale));
  EXPECT_TRUE(exists_in_shm(other));  // stale, but not named
  EXPECT_EQ(shm::remove_stale(other), 1U);
  EXPECT_TRUE(shm::remove(kept));
}

TEST(SegmentLifetimeTest, RemovedNameLeavesItsUsersAlone) {
  const std::string name = unique_name();
  shm::queue<int> a{create_only, name};
  shm::queue<int> b{open_only, name};
  EXPECT_TRUE(shm::remove(name));
  shm::queue<int> other{create_only, name};
  a.push(1);
  EXPECT_EQ(b.pop(), 1);
  EXPECT_TRUE(other.empty());
}

TEST(SegmentLifetimeTest, CreatorsAndLeaversRaceWithoutError) {
  const std::string name = unique_name();
  std::vector<std::unique_ptr<child>> children;
  for (int i = 0; i < 4; ++i)
    children.push_back(std::make_unique<child>([&](const child::report&) {
      for (int turn = 0; turn < 300; ++turn) {
        shm::queue<int> q{open_or_create, name, {.capacity = 4}};
        if (q.capacity() != 4) return 1;
      }
      return 0;
    }));
  for (auto& one : children) EXPECT_EQ(one->join(), 0);
  EXPECT_FALSE(exists_in_shm(name));
}

/// A process that holds the gate of a segment, as if it were attaching slowly.
class gate_holder {
 public:
  explicit gate_holder(const std::string& name)
      : child_([&](const child::report& ready) {
          const int fd = open(path_of(name).c_str(), O_RDWR);
          struct flock lock {};
          lock.l_type = F_WRLCK;
          lock.l_start = shm::detail::gate_byte;
          lock.l_len = 1;
          if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) != 0) return 1;
          ready();
          pause();
          return 0;
        }) {
    EXPECT_TRUE(child_.await_report());
  }
  void kill() { child_.kill_and_join(); }

 private:
  child child_;
};

TEST(SegmentLifetimeTest, SlowNeighbourIsWaitedForAndADeadOneIsNot) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  q.push(1);
  gate_holder slow{name};
  child opener{[&](const child::report& ready) {
    ready();
    return shm::queue<int>{open_only, name}.pop() == 1 ? 0 : 1;
  }};
  ASSERT_TRUE(opener.await_report());
  ASSERT_TRUE(opener.await_state('S'));
  EXPECT_EQ(q.size(), 1U);  // it has not come in
  slow.kill();
  EXPECT_EQ(opener.join(), 0);
}

TEST(SegmentLifetimeSlowTest, StoppedNeighbourInTheGateIsAnErrorAndLeavingStillEnds) {
  const std::string name = unique_name();
  auto q = std::make_unique<shm::queue<int>>(create_only, name, shm::queue_options{.keep = true});
  gate_holder stopped{name};
  EXPECT_ERROR(errc::busy, "stopped", shm::queue<int>(open_only, name));
  q.reset();  // gives up on the gate, too, and is swept by whoever comes next
  stopped.kill();
  EXPECT_NO_THROW(shm::queue<int>(open_only, name));
  EXPECT_TRUE(shm::remove(name));
}

TEST(SegmentLifetimeTest, OpeningAndLeavingLeaksNoDescriptor) {
  const std::string name = unique_name();
  const int before = test::open_descriptors();
  for (int i = 0; i < 50; ++i) {
    shm::queue<int> q{create_only, name};
    std::ignore = q.pop_for(std::chrono::milliseconds{1});  // starts the monitor
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

}  // namespace
}  // namespace hawser
