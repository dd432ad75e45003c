// Callbacks instead of blocked threads.

#include "../support/child.hpp"
#include <hawser/shm/queue.hpp>

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::ready;
using test::unique_name;

/// Counts calls, and waits for them.
class bell {
 public:
  void ring() {
    const std::scoped_lock hold{mutex_};
    ++count_;
    changed_.notify_all();
  }
  bool await(int count) {
    std::unique_lock hold{mutex_};
    return changed_.wait_for(hold, test::patience, [&] { return count_ >= count; });
  }
  int count() {
    const std::scoped_lock hold{mutex_};
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

TEST(AsyncWaitTest, CallsOnceWhenAMessageComes) {
  shm::queue<int> q{create_only, unique_name()};
  bell called;
  const auto wait = q.async_wait(ready::readable, [&] { called.ring(); });
  q.push(1);
  ASSERT_TRUE(called.await(1));
  q.push(2);
  std::ignore = q.pop_for(1ms);
  EXPECT_EQ(called.count(), 1);
}

TEST(AsyncWaitTest, CallsSoonWhenReadyAlready) {
  shm::queue<int> q{create_only, unique_name(), {.capacity = 1}};
  bell called;
  const auto writable = q.async_wait(ready::writable, [&] { called.ring(); });
  ASSERT_TRUE(called.await(1));
  q.push(1);
  const auto readable = q.async_wait(ready::readable, [&] { called.ring(); });
  ASSERT_TRUE(called.await(2));
}

TEST(AsyncWaitTest, CallsWhenSpaceComesAndWhenClosed) {
  shm::queue<int> q{create_only, unique_name(), {.capacity = 1}};
  q.push(1);
  bell called;
  const auto writable = q.async_wait(ready::writable, [&] { called.ring(); });
  EXPECT_EQ(q.pop(), 1);
  ASSERT_TRUE(called.await(1));
  const auto readable = q.async_wait(ready::readable, [&] { called.ring(); });
  q.close();
  ASSERT_TRUE(called.await(2));
}

TEST(AsyncWaitTest, DestroyedHandleNeverCalls) {
  shm::queue<int> q{create_only, unique_name()};
  for (int round = 0; round < 200; ++round) {
    auto alive = std::make_unique<bell>();
    {
      const auto wait = q.async_wait(ready::readable, [&b = *alive] { b.ring(); });
      if (round % 2 == 0) q.push(1);
    }
    alive.reset();  // a late callback would ring freed memory
    while (q.try_pop()) {
    }
  }
}

TEST(AsyncWaitTest, CallbackMayRegisterAgain) {
  shm::queue<int> q{create_only, unique_name(), {.capacity = 8}};
  constexpr int total = 2000;
  bell taken;
  shm::async_wait_handle wait;
  std::mutex handle;
  std::function<void()> take = [&] {
    while (q.try_pop()) taken.ring();
    if (taken.count() == total) return;
    const std::scoped_lock hold{handle};
    wait = q.async_wait(ready::readable, take);
  };
  {
    const std::scoped_lock hold{handle};
    wait = q.async_wait(ready::readable, take);
  }
  std::thread producer{[&] {
    for (int i = 0; i < total; ++i) q.push(i);
  }};
  EXPECT_TRUE(taken.await(total));
  producer.join();
  const std::scoped_lock hold{handle};
  wait = {};
}

TEST(AsyncWaitTest, AnotherProcessRingsTheDoorbell) {
  shm::detail::set_wait_slices(false);
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  for (int round = 0; round < 50; ++round) {
    bell called;
    const auto wait = q.async_wait(ready::readable, [&] { called.ring(); });
    test::child producer{[&](const test::child::report&) {
      shm::queue<int>{open_only, name}.push(round);
      return 0;
    }};
    ASSERT_TRUE(called.await(1));
    EXPECT_EQ(q.pop(), round);
    EXPECT_EQ(producer.join(), 0);
  }
  shm::detail::set_wait_slices(true);
}

TEST(AsyncWaitTest, DeathOfAHolderMakesItReadable) {
  shm::detail::set_wait_slices(false);
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  q.push(4);
  test::child holder{[&](const test::child::report& up) {
    shm::queue<int> mine{open_only, name};
    const auto held = mine.lease();
    up();
    pause();
    return 0;
  }};
  ASSERT_TRUE(holder.await_report());
  bell called;
  const auto wait = q.async_wait(ready::readable, [&] { called.ring(); });
  holder.signal(SIGKILL);
  EXPECT_TRUE(called.await(1));
  EXPECT_EQ(q.try_pop(), 4);
  shm::detail::set_wait_slices(true);
}

TEST(AsyncWaitTest, NobodyIsLeftOutWhenMoreRingThanTheDoorbellKeeps) {
  shm::detail::set_wait_slices(false);  // what is lost stays lost
  constexpr int count = 600;            // the system keeps 10 datagrams, or 512
  shm::queue<int> first{create_only, unique_name()};
  std::vector<shm::queue<int>> others;
  std::vector<shm::async_wait_handle> waits;
  bell begun, ended, called;
  waits.push_back(first.async_wait(ready::readable, [&] {
    begun.ring();
    EXPECT_TRUE(ended.await(1));  // the monitor's thread hears nothing meanwhile
  }));
  for (int i = 0; i < count; ++i) {
    others.emplace_back(create_only, unique_name(), shm::queue_options{.capacity = 2});
    waits.push_back(others.back().async_wait(ready::readable, [&] { called.ring(); }));
  }
  // Callbacks come one behind the other: all waits are armed when one that was added later has come.
  shm::queue<int> last{create_only, unique_name()};
  bell armed;
  last.push(1);
  waits.push_back(last.async_wait(ready::readable, [&] { armed.ring(); }));
  ASSERT_TRUE(armed.await(1));
  first.push(1);
  ASSERT_TRUE(begun.await(1));
  for (auto& one : others) one.push(1);
  ended.ring();
  EXPECT_TRUE(called.await(count));
  waits.clear();
  shm::detail::set_wait_slices(true);
}

TEST(AsyncWaitTest, LastChannelMayBeClosedByItsCallback) {
  bell closed;
  for (int round = 0; round < 20; ++round) {
    auto q = std::make_shared<shm::queue<int>>(create_only, unique_name());
    q->push(1);
    auto* const raw = q.get();
    auto wait = std::make_shared<shm::async_wait_handle>();
    *wait = raw->async_wait(ready::readable, [q = std::move(q), &closed]() mutable {
      q.reset();
      closed.ring();
    });
    ASSERT_TRUE(closed.await(round + 1));
  }
}

}  // namespace
}  // namespace hawser
