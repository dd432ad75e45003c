// Descriptors that turn readable when a channel is ready.

#include "../support/child.hpp"
#include "segment_support.hpp"
#include <hawser/shm/queue.hpp>
#include <hawser/shm/ready_descriptor.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::ready;
using test::child;
using test::unique_name;
using queue = shm::queue<int>;

bool is_readable(int fd, std::chrono::milliseconds limit = 0ms) {
  pollfd entry{fd, POLLIN, 0};
  return poll(&entry, 1, static_cast<int>(limit.count())) == 1 && entry.revents == POLLIN;
}
bool turns_readable(int fd) { return is_readable(fd, test::patience); }

TEST(ReadyDescriptorTest, TurnsReadableForAMessageAndStaysSoUntilRearmed) {
  queue q{create_only, unique_name()};
  shm::ready_descriptor turn{q};
  EXPECT_FALSE(is_readable(turn.get()));
  q.push(1);
  EXPECT_TRUE(turns_readable(turn.get()));
  EXPECT_TRUE(turn.rearm());  // ready still
  EXPECT_TRUE(is_readable(turn.get()));
  EXPECT_EQ(q.pop(), 1);
  EXPECT_TRUE(is_readable(turn.get()));
  EXPECT_FALSE(turn.rearm());
  EXPECT_FALSE(is_readable(turn.get()));
  q.push(2);
  EXPECT_TRUE(turns_readable(turn.get()));
}

TEST(ReadyDescriptorTest, IsReadableAtOnceWhenTheChannelIsReady) {
  queue q{create_only, unique_name(), {.capacity = 1}};
  EXPECT_TRUE(is_readable(shm::ready_descriptor(q, ready::writable).get()));
  q.push(1);
  EXPECT_FALSE(is_readable(shm::ready_descriptor(q, ready::writable).get()));
  q.close();
  EXPECT_TRUE(is_readable(shm::ready_descriptor(q, ready::writable).get()));
}

TEST(ReadyDescriptorTest, WakesALevelTriggeredAndAnEdgeTriggeredEpoll) {
  for (const std::uint32_t edge : {0U, std::uint32_t{EPOLLET}}) {
    queue q{create_only, unique_name()};
    shm::ready_descriptor turn{q};
    const int loop = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{EPOLLIN | edge, {}};
    ASSERT_EQ(epoll_ctl(loop, EPOLL_CTL_ADD, turn.get(), &event), 0);
    std::thread producer{[&] {
      for (int i = 0; i < 200; ++i) q.push(i);
    }};
    for (int next = 0; next < 200;) {
      ASSERT_EQ(epoll_wait(loop, &event, 1, 30'000), 1) << next;
      while (const auto got = q.try_pop()) EXPECT_EQ(*got, next++);
      turn.rearm();
    }
    producer.join();
    close(loop);
  }
}

TEST(ReadyDescriptorTest, DeathOfAHolderMakesItReadable) {
  const std::string name = unique_name();
  queue q{create_only, name};
  q.push(4);
  child holder{[&](const child::report& up) {
    queue mine{open_only, name};
    const auto held = mine.lease();
    up();
    pause();
    return 0;
  }};
  ASSERT_TRUE(holder.await_report());
  shm::ready_descriptor turn{q};
  EXPECT_FALSE(is_readable(turn.get()));
  holder.signal(SIGKILL);
  EXPECT_TRUE(turns_readable(turn.get()));
  EXPECT_EQ(q.try_pop(), 4);
}

TEST(ReadyDescriptorTest, MovesWithItsDescriptorAndFollowsAMovedChannel) {
  queue q{create_only, unique_name()};
  shm::ready_descriptor first{q};
  const int fd = first.get();
  shm::ready_descriptor second{std::move(first)};
  EXPECT_EQ(second.get(), fd);
  queue moved{std::move(q)};
  moved.push(1);
  EXPECT_TRUE(turns_readable(fd));
  second = shm::ready_descriptor{moved, ready::writable};
  EXPECT_TRUE(is_readable(second.get()));
}

TEST(ReadyDescriptorTest, LeavesNoDescriptorAndIsClosedByExec) {
  queue q{create_only, unique_name()};
  { shm::ready_descriptor warm{q}; }  // the monitor's own descriptors
  const int before = test::open_descriptors();
  {
    shm::ready_descriptor turn{q};
    EXPECT_EQ(test::open_descriptors(), before + 1);
    EXPECT_NE(fcntl(turn.get(), F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_EQ(test::open_descriptors(), before);
  // Destroyed while callbacks come: none may write to a number that is somebody else's by then.
  std::thread producer{[&] {
    for (int i = 0; i < 500; ++i) std::ignore = q.try_push(i);
  }};
  for (int i = 0; i < 500; ++i) {
    std::ignore = q.try_pop();
    shm::ready_descriptor turn{q};
  }
  producer.join();
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(ReadyDescriptorTest, SaysWhenNoDescriptorIsLeft) {
  queue q{create_only, unique_name()};
  { shm::ready_descriptor warm{q}; }
  const int before = test::open_descriptors();
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  const rlimit none{0, old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  EXPECT_ERROR(errc::no_resources, "ulimit -n", shm::ready_descriptor{q});
  setrlimit(RLIMIT_NOFILE, &old);
  EXPECT_EQ(test::open_descriptors(), before);
  q.push(1);
  EXPECT_TRUE(turns_readable(shm::ready_descriptor{q}.get()));
}

TEST(ReadyDescriptorTest, ForkedChildHasADescriptorOfItsOwnOnceRearmed) {
  queue q{create_only, unique_name()};
  shm::ready_descriptor turn{q};
  child forked{[&](const child::report& report) {
    EXPECT_FALSE(turn.rearm());
    report();
    if (!turns_readable(turn.get())) return 1;
    while (turn.rearm()) std::ignore = q.try_pop();
    return testing::Test::HasFailure() ? 1 : 0;
  }};
  ASSERT_TRUE(forked.await_report());
  q.push(1);
  EXPECT_EQ(forked.join(), 0);
  EXPECT_EQ(q.size(), 0U);
  q.push(2);
  EXPECT_TRUE(turns_readable(turn.get()));  // the child has emptied its own only
}

TEST(ReadyDescriptorTest, ForkedChildThatOnlyEndsLeavesTheParentAlone) {
  queue q{create_only, unique_name()};
  auto turn = std::make_unique<shm::ready_descriptor>(q);
  q.push(1);
  ASSERT_TRUE(turns_readable(turn->get()));
  child forked{[&](const child::report&) {
    turn.reset();
    return 0;
  }};
  EXPECT_EQ(forked.join(), 0);
  EXPECT_TRUE(is_readable(turn->get()));
}

}  // namespace
}  // namespace hawser
