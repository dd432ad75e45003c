// Permits between threads of one process: the twin that ThreadSanitizer can judge. What the
// permits protect is not atomic.

#include "../support/child.hpp"
#include <hawser/shm/guarded.hpp>
#include <hawser/shm/semaphore.hpp>
#include <hawser/shm/shared_lock.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using test::unique_name;

/// Without slices: a lost wake-up is a hang here, not a delay.
class PermitThreadTest : public testing::Test {
 protected:
  PermitThreadTest() { shm::detail::set_wait_slices(false); }
  ~PermitThreadTest() override { shm::detail::set_wait_slices(true); }
};

void run_threads(int count, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
  for (auto& thread : threads) thread.join();
}

/// A number that is read and written in two steps: updates get lost unless they exclude each other.
struct plain {
  std::int64_t number = 0;
  std::int64_t get() const { return number; }
  void set(std::int64_t to) { number = to; }
};
/// For threads that use objects of their own. Those are mapped at different addresses, and
/// ThreadSanitizer does not know that it is one lock.
struct relaxed {
  std::atomic<std::int64_t> number{0};
  std::int64_t get() const { return number.load(std::memory_order_relaxed); }
  void set(std::int64_t to) { number.store(to, std::memory_order_relaxed); }
};

template <class Number>
void lock_by_turns(bool own_objects) {
  const std::string name = unique_name();
  shm::lock shared{create_only, name};
  constexpr int each = 3000;
  Number counter;
  run_threads(4, [&](int i) {
    shm::lock own{open_only, name};
    shm::lock& l = own_objects && i % 2 == 0 ? own : shared;
    for (int turn = 0; turn < each; ++turn) {
      const std::scoped_lock hold{l};
      counter.set(counter.get() + 1);
    }
  });
  EXPECT_EQ(counter.get(), 4 * each);
}

TEST_F(PermitThreadTest, LockExcludesThreadsOfOneObject) { lock_by_turns<plain>(false); }
TEST_F(PermitThreadTest, LockExcludesThreadsOfSeveralObjects) { lock_by_turns<relaxed>(true); }

template <class Number>
void lock_in_time(bool own_objects) {
  const std::string name = unique_name();
  shm::lock shared{create_only, name};
  Number counter;
  std::atomic<std::int64_t> expected{0};
  run_threads(4, [&](int i) {
    shm::lock own{open_only, name};
    shm::lock& l = own_objects && i % 2 == 0 ? own : shared;
    for (int turn = 0; turn < 1500; ++turn) {
      // Times around those of a wake-up, so that many give up while they are called.
      if (i != 0 && turn % 3 != 0) {
        if (!l.try_lock_for(std::chrono::microseconds{turn % 80})) continue;
      } else {
        l.lock();
      }
      counter.set(counter.get() + 1);
      expected.fetch_add(1, std::memory_order_relaxed);
      l.unlock();
    }
  });
  EXPECT_EQ(counter.get(), expected);
}

TEST_F(PermitThreadTest, TimedWaitersOfOneObjectComeAndGo) { lock_in_time<plain>(false); }
TEST_F(PermitThreadTest, TimedWaitersOfSeveralObjectsComeAndGo) { lock_in_time<relaxed>(true); }

TEST_F(PermitThreadTest, SemaphoreNeverGivesOutMoreThanItHas) {
  const std::string name = unique_name();
  constexpr int permits = 3;
  shm::semaphore shared{create_only, name, {.permits = permits}};
  std::atomic<int> out{0};
  run_threads(5, [&](int i) {
    shm::semaphore own{open_only, name};
    shm::semaphore& s = i % 2 == 0 ? shared : own;
    for (int turn = 0; turn < 1500; ++turn) {
      const auto n = 1 + (turn + i) % permits;
      const auto held = s.hold(static_cast<std::size_t>(n));
      ASSERT_LE(out += n, permits);
      out -= n;
    }
  });
  EXPECT_EQ(shared.available(), 3U);
}

template <class Number>
void read_and_write(bool own_objects) {
  const std::string name = unique_name();
  shm::shared_lock shared{create_only, name};
  std::array<Number, 8> data{};
  run_threads(4, [&](int i) {
    shm::shared_lock own{open_only, name};
    shm::shared_lock& l = own_objects && i % 2 == 0 ? own : shared;
    for (int turn = 1; turn <= 1500; ++turn) {
      if ((turn + i) % 4 == 0) {
        const std::unique_lock hold{l};
        for (Number& word : data) word.set(word.get() + 1);
      } else {
        const std::shared_lock hold{l};
        for (const Number& word : data) ASSERT_EQ(word.get(), data[0].get());
      }
    }
  });
  EXPECT_EQ(data[0].get(), 1500);
}

TEST_F(PermitThreadTest, WritersExcludeReadersOfOneObject) { read_and_write<plain>(false); }
TEST_F(PermitThreadTest, WritersExcludeReadersOfSeveralObjects) { read_and_write<relaxed>(true); }

struct account {
  std::array<std::int64_t, 9> words;
};

TEST_F(PermitThreadTest, GuardedValueIsNeverTornNorLost) {
  const std::string name = unique_name();
  shm::guarded<account> shared{create_only, name, account{}};
  constexpr int each = 1500;
  run_threads(4, [&](int i) {
    shm::guarded<account> own{open_only, name};
    shm::guarded<account>& g = i % 2 == 0 ? shared : own;
    for (int turn = 0; turn < each; ++turn) {
      if (i == 3) {
        const account seen = g.load();
        for (const auto word : seen.words) ASSERT_EQ(word, seen.words[0]);
        continue;
      }
      auto value = g.lock();
      for (auto& word : value->words) ++word;
      if (turn % 5 == 0) value.rollback();
    }
  });
  EXPECT_EQ(shared.load().words[8], 3 * (each - each / 5));
}

TEST_F(PermitThreadTest, MoreWaitersThanPlacesAllComeThrough) {
  shm::lock l{create_only, unique_name()};
  constexpr int count = 280;
  std::int64_t counter = 0;
  std::unique_lock first{l};
  std::promise<void> release;
  std::thread releaser{[&] {
    release.get_future().wait();
    first.unlock();
  }};
  std::atomic<int> started{0};
  run_threads(count, [&](int) {
    if (++started == count) release.set_value();
    for (int turn = 0; turn < 3; ++turn) {
      const std::scoped_lock hold{l};
      ++counter;
    }
  });
  releaser.join();
  EXPECT_EQ(counter, 3 * count);
}

TEST_F(PermitThreadTest, CallbackComesWhenAPermitIsFree) {
  const std::string name = unique_name();
  shm::semaphore s{create_only, name}, other{open_only, name};
  for (int turn = 0; turn < 200; ++turn) {
    other.acquire();
    std::promise<void> called;
    const auto handle = s.async_wait(shm::ready::readable, [&] { called.set_value(); });
    other.release();
    called.get_future().wait();
    ASSERT_TRUE(s.try_acquire());
    s.release();
  }
}

}  // namespace
}  // namespace hawser
