// Semaphores between processes: waiting, order, and holders and waiters that are killed, stopped,
// forked.

#include "permit_support.hpp"
#include "registry_support.hpp"
#include <hawser/shm/semaphore.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <bit>
#include <future>
#include <memory>
#include <new>
#include <vector>

#include <sys/mman.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using test::child;
using test::eventually;
using test::patience;
using test::unique_name;
using test::with;

/// A T that the children share, apart from any channel.
template <class T>
class shared_page {
 public:
  shared_page()
      : at_(new (mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0)) T{}) {}
  shared_page(const shared_page&) = delete;
  shared_page& operator=(const shared_page&) = delete;
  ~shared_page() { munmap(at_, sizeof(T)); }
  T* operator->() const { return at_; }

 private:
  T* at_;
};

/// A child that sleeps in `wait`, and reports when that has returned.
template <class Channel>
std::unique_ptr<child> asleep_in(const std::string& name, std::function<void(Channel&)> wait) {
  auto result = std::make_unique<child>([=](const child::report& step) {
    Channel own{open_only, name};
    step();
    wait(own);
    step();
    pause();
    return 0;
  });
  EXPECT_TRUE(result->await_report());
  return result;
}

/// While this lives, nobody is passed over, however long the machine takes to run whose turn it is.
class endless_patience {
 public:
  endless_patience() { shm::detail::permit_core::set_patience(std::chrono::hours{1}); }
  endless_patience(const endless_patience&) = delete;
  endless_patience& operator=(const endless_patience&) = delete;
  ~endless_patience() { shm::detail::permit_core::set_patience(10ms); }
};

/// Until so many are in line. The waits do not tell: who attaches wakes those in line, and they wait
/// once more.
void await_line(const std::string& name, std::uint64_t count) {
  ASSERT_TRUE(eventually(
      [&] { return test::figure(shm::find_channel(name)->details, "waiting") == count; }));
}

/// Until so many have gone to sleep.
template <class Channel>
void await_waits(const Channel& channel, std::uint64_t count) {
  ASSERT_TRUE(eventually([&] { return channel.counters().waits >= count; }));
}

TEST(SemaphoreProcessTest, PermitsOfAKilledHolderGoToASleepingWaiter) {
  for (int round = 0; round < 20; ++round) {
    const std::string name = unique_name();
    shm::semaphore s{create_only, name, {.permits = 3}};
    const auto holder = with<shm::semaphore>(name, [](auto& own) { own.acquire(2); });
    ASSERT_TRUE(holder->await_report());
    EXPECT_EQ(s.available(), 1U);
    EXPECT_FALSE(s.try_acquire(2));
    holder->signal(SIGKILL);
    ASSERT_TRUE(s.try_acquire_for(patience, 3));
    EXPECT_EQ(s.counters().reclaimed, 2U);
  }
}

TEST(SemaphoreProcessTest, TryAcquireAloneFindsWhatAKilledHolderLeft) {
  const std::string name = unique_name();
  shm::semaphore s{create_only, name};
  const auto holder = with<shm::semaphore>(name, [](auto& own) { own.acquire(); });
  ASSERT_TRUE(holder->await_report());
  EXPECT_FALSE(s.try_acquire());
  holder->kill_and_join();
  EXPECT_TRUE(eventually([&] { return s.try_acquire(); }));
}

TEST(SemaphoreProcessTest, StoppedHolderKeepsItsPermits) {
  const std::string name = unique_name();
  shm::semaphore s{create_only, name};
  const auto holder = with<shm::semaphore>(name, [](auto& own) { own.acquire(); });
  ASSERT_TRUE(holder->await_report());
  holder->signal(SIGSTOP);
  ASSERT_TRUE(holder->await_state('T'));
  EXPECT_FALSE(s.try_acquire_for(50ms));
}

// Scenario 8: never more than three held at once, and every one comes back when its holder is
// killed.
TEST(SemaphoreProcessTest, FiveWorkersShareThreeResourcesAlsoWhenTheyAreKilled) {
  constexpr std::size_t workers = 5;
  constexpr int resources = 3;
  struct board {
    // Bit i: worker i holds a resource. Bit 8 + i: it is about to be killed; what it holds may be
    // another's before we hear of its death. One word: a look at it is a look at one moment.
    std::atomic<std::uint32_t> inside;
    std::atomic<int> violations, turns;
  };
  const std::string name = unique_name();
  const shared_page<board> all;
  shm::semaphore s{create_only, name, {.permits = resources}};
  const auto start = [&](std::size_t i) {
    return std::make_unique<child>([&, i](const child::report&) {
      shm::semaphore own{open_only, name};
      const std::uint32_t bit = 1U << i;
      for (unsigned turn = 0;; ++turn) {
        const auto permit = own.hold();
        const std::uint32_t now = all->inside.fetch_or(bit) | bit;
        if (std::popcount(now & 0xFF & ~(now >> 8)) > resources) ++all->violations;
        ++all->turns;
        poll(nullptr, 0, (turn + i) % 2 == 0 ? 1 : 0);
        all->inside.fetch_and(~bit);
      }
      return 0;
    });
  };
  std::array<std::unique_ptr<child>, workers> running;
  for (std::size_t i = 0; i < workers; ++i) running[i] = start(i);
  for (std::size_t kill = 0; kill < 60; ++kill) {
    const std::size_t i = kill % workers;
    const std::uint32_t bit = 1U << i;
    const int turns = all->turns;
    ASSERT_TRUE(eventually([&] { return (all->inside & bit) != 0 && all->turns > turns; }));
    all->inside |= bit << 8;
    running[i]->kill_and_join();
    all->inside &= ~(bit | bit << 8);
    running[i] = start(i);
  }
  all->inside |= 0xFF00;
  for (auto& one : running) one->kill_and_join();
  EXPECT_EQ(all->violations, 0);
  EXPECT_TRUE(s.try_acquire_for(patience, resources));
  EXPECT_GT(s.counters().reclaimed, 0U);
}

TEST(SemaphoreProcessTest, WaitersGoInTheOrderInWhichTheyCame) {
  const endless_patience nobody_is_passed_over;
  const std::string name = unique_name();
  shm::semaphore s{create_only, name, {.permits = 3}};
  struct order {
    std::atomic<int> next;
    std::array<std::atomic<int>, 3> turn;
  };
  const shared_page<order> all;
  s.acquire(3);
  std::vector<std::unique_ptr<child>> waiters;
  // The first one asks for the most: the later ones must not go before it though they could.
  for (std::size_t i = 0; i < 3; ++i) {
    waiters.push_back(asleep_in<shm::semaphore>(name, [&, i](auto& own) {
      own.acquire(3 - i);
      all->turn[i] = ++all->next;
      own.release(3 - i);
    }));
    await_line(name, i + 1);
  }
  s.release();
  s.release();
  s.release();
  for (const auto& one : waiters) ASSERT_TRUE(one->await_report());
  EXPECT_EQ(all->turn[0], 1);
  EXPECT_TRUE(eventually([&] { return s.available() == 3; }));
}

TEST(SemaphoreProcessTest, WaiterIsOvertakenABoundedNumberOfTimes) {
  const endless_patience nobody_is_passed_over;
  const std::string name = unique_name();
  shm::semaphore s{create_only, name};
  s.acquire();
  const auto waiter = asleep_in<shm::semaphore>(name, [](auto& own) { own.acquire(); });
  await_waits(s, 1);
  // It cannot come, so everything that others get meanwhile overtakes it.
  waiter->signal(SIGSTOP);
  ASSERT_TRUE(waiter->await_state('T'));
  s.release();
  std::uint32_t overtaken = 0;
  while (overtaken <= shm::detail::permit_core::overtakes_max && s.try_acquire()) {
    ++overtaken;
    s.release();
  }
  EXPECT_LE(overtaken, shm::detail::permit_core::overtakes_max);
  EXPECT_FALSE(s.try_acquire_for(20ms));
  waiter->signal(SIGCONT);
  EXPECT_TRUE(waiter->await_report());
}

TEST(SemaphoreProcessTest, WaiterForAllIsNotStarvedByMany) {
  shm::detail::set_wait_slices(false);  // also for the children: a lost wake-up is a hang
  const std::string name = unique_name();
  shm::semaphore s{create_only, name, {.permits = 2}};
  // The two overlap: hardly ever are both permits there.
  std::vector<std::unique_ptr<child>> greedy;
  for (int i = 0; i < 2; ++i)
    greedy.push_back(std::make_unique<child>([&](const child::report& step) {
      shm::semaphore own{open_only, name};
      step();
      for (;;) {
        auto one = own.hold();
        poll(nullptr, 0, 1);
      }
      return 0;
    }));
  for (auto& one : greedy) ASSERT_TRUE(one->await_report());
  for (int turn = 0; turn < 50; ++turn) {
    s.acquire(2);
    s.release(2);
  }
  greedy.clear();
  shm::detail::set_wait_slices(true);
}

TEST(SemaphoreProcessTest, StoppedWaiterLetsOthersPassAndKeepsItsPlace) {
  const std::string name = unique_name();
  shm::semaphore s{create_only, name};
  s.acquire();
  const auto waiter = asleep_in<shm::semaphore>(name, [](auto& own) { own.acquire(); });
  await_waits(s, 1);
  waiter->signal(SIGSTOP);
  ASSERT_TRUE(waiter->await_state('T'));
  s.release();
  const auto sleeper = asleep_in<shm::semaphore>(name, [](auto& own) {
    own.acquire();
    own.release();
  });
  EXPECT_TRUE(sleeper->await_report());
  ASSERT_TRUE(s.try_acquire_for(patience));
  const endless_patience later_does_not_pass_it_over;
  const auto later = asleep_in<shm::semaphore>(name, [](auto& own) { own.acquire(); });
  await_line(name, 2);
  waiter->signal(SIGCONT);
  s.release();
  EXPECT_TRUE(waiter->await_report());
  EXPECT_EQ(s.available(), 0U);
  waiter->signal(SIGKILL);
  EXPECT_TRUE(later->await_report());
}

TEST(SemaphoreProcessTest, KilledWaiterDoesNotHoldUpTheLine) {
  for (int round = 0; round < 10; ++round) {
    const std::string name = unique_name();
    shm::semaphore s{create_only, name, {.permits = 3}};
    s.acquire(2);
    const auto first = asleep_in<shm::semaphore>(name, [](auto& own) { own.acquire(3); });
    await_line(name, 1);
    const auto second = asleep_in<shm::semaphore>(name, [](auto& own) { own.acquire(2); });
    await_line(name, 2);
    s.release();  // enough for the second, whose turn it is not
    first->signal(SIGKILL);
    EXPECT_TRUE(second->await_report());
  }
}

TEST(SemaphoreProcessTest, WaiterThatGivesUpLetsTheNextOneGo) {
  shm::detail::set_wait_slices(false);
  const std::string name = unique_name();
  shm::semaphore s{create_only, name, {.permits = 3}};
  s.acquire();
  std::promise<bool> result;
  std::thread first{[&] { result.set_value(s.try_acquire_for(100ms, 3)); }};
  await_waits(s, 1);
  const auto second = asleep_in<shm::semaphore>(name, [](auto& own) { own.acquire(2); });
  EXPECT_FALSE(result.get_future().get());
  first.join();
  EXPECT_TRUE(second->await_report());
  shm::detail::set_wait_slices(true);
}

TEST(SemaphoreProcessTest, ForkedChildHasAnAccountOfItsOwn) {
  shm::semaphore s{create_only, unique_name(), {.permits = 3}};
  auto permit = s.hold();
  s.acquire();
  child fork{[&](const child::report&) {
    if (s.held() != 0) return 1;
    s.release();  // the parent's
    permit.release();
    if (s.available() != 1) return 2;
    if (!s.try_acquire() || s.held() != 1) return 3;
    return s.available() == 0 ? 0 : 4;
  }};
  EXPECT_EQ(fork.join(), 0);
  EXPECT_EQ(s.held(), 2U);
  EXPECT_TRUE(eventually([&] { return s.try_acquire(); }));  // what the child had is back
}

TEST(SemaphoreProcessTest, CallbackHearsOfADeath) {
  const std::string name = unique_name();
  shm::semaphore s{create_only, name};
  const auto holder = with<shm::semaphore>(name, [](auto& own) { own.acquire(); });
  ASSERT_TRUE(holder->await_report());
  std::promise<void> called;
  const auto handle = s.async_wait(shm::ready::readable, [&] { called.set_value(); });
  holder->signal(SIGKILL);
  EXPECT_EQ(called.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_TRUE(s.try_acquire());
}

}  // namespace
}  // namespace hawser
