// The shared value between processes: waiting, and processes that are killed, stopped, forked.

#include "../support/child.hpp"
#include <hawser/shm/value.hpp>

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using test::child;
using test::eventually;
using test::unique_name;

using words = std::array<std::uint64_t, 512>;

bool whole(const words& all) {
  for (const std::uint64_t word : all)
    if (word != all[0]) return false;
  return true;
}

TEST(ValueProcessTest, EveryUpdateOfEveryProcessCounts) {
  shm::detail::set_wait_slices(false);  // also for the children: a lost wake-up is a hang
  const std::string name = unique_name();
  shm::value<std::int64_t> counter{create_only, name};
  std::vector<std::unique_ptr<child>> all;
  for (int p = 0; p < 4; ++p)
    all.push_back(std::make_unique<child>([&](const child::report&) {
      shm::value<std::int64_t> own{open_only, name};
      for (int i = 0; i < 20'000; ++i) own.update([](std::int64_t& n) { ++n; });
      return 0;
    }));
  for (auto& one : all) EXPECT_EQ(one->join(), 0);
  EXPECT_EQ(counter.load(), 80'000);
  shm::detail::set_wait_slices(true);
}

TEST(ValueProcessTest, KilledUpdatersLeaveNoHalfUpdate) {
  const std::string name = unique_name();
  shm::value<words> v{create_only, name};
  std::uint64_t last = 0;
  for (int round = 0; round < 30; ++round) {
    child updater{[&](const child::report& ready) {
      shm::value<words> own{open_only, name};
      own.update([](words& all) { all.fill(all[0] + 1); });
      ready();
      for (;;) own.update([](words& all) { all.fill(all[0] + 1); });
      return 0;
    }};
    ASSERT_TRUE(updater.await_report());
    for (int look = 0; look < 100; ++look) ASSERT_TRUE(whole(v.load()));
    updater.kill_and_join();
    const auto seen = v.load_versioned();
    ASSERT_TRUE(whole(seen.value));
    ASSERT_EQ(seen.value[0], seen.version);
    ASSERT_GT(seen.version, last);
    last = v.update([](words& all) { all.fill(all[0] + 1); })[0];
    ASSERT_EQ(last, seen.version + 1);
  }
}

TEST(ValueProcessTest, UpdaterKilledInsideItsFunctionChangedNothing) {
  const std::string name = unique_name();
  shm::value<int> v{create_only, name, 5};
  child updater{[&](const child::report& ready) {
    shm::value<int>{open_only, name}.update([&](int& n) {
      n = 6;
      ready();
      pause();
    });
    return 0;
  }};
  ASSERT_TRUE(updater.await_report());
  EXPECT_EQ(v.load(), 5);  // reading waits for nobody
  EXPECT_EQ(v.update_for(1ms, [](int& n) { ++n; }), std::nullopt);
  updater.signal(SIGKILL);
  EXPECT_EQ(v.update_for(test::patience, [](int& n) { ++n; }), 6);
}

TEST(ValueProcessTest, StoppedUpdaterStopsWritersButNotReaders) {
  const std::string name = unique_name();
  shm::value<int> v{create_only, name, 5};
  child updater{[&](const child::report& ready) {
    shm::value<int>{open_only, name}.update([&](int& n) {
      n = 6;
      ready();
      raise(SIGSTOP);
    });
    return 0;
  }};
  ASSERT_TRUE(updater.await_report());
  ASSERT_TRUE(updater.await_state('T'));
  EXPECT_EQ(v.load(), 5);
  EXPECT_EQ(v.update_for(20ms, [](int& n) { n = 7; }), std::nullopt);
  updater.signal(SIGCONT);
  EXPECT_EQ(updater.join(), 0);
  EXPECT_EQ(v.update_for(test::patience, [](int& n) { ++n; }), 7);
}

TEST(ValueProcessTest, StoreWakesEverybodyWhoWaits) {
  const std::string name = unique_name();
  shm::value<int> v{create_only, name};
  const auto waiting = [&](const child::report& ready) {
    shm::detail::set_wait_slices(false);
    shm::value<int> own{open_only, name};
    ready();
    return own.wait_change(0).value == 8 ? 0 : 1;
  };
  child first{waiting}, second{waiting};
  ASSERT_TRUE(first.await_report() && second.await_report());
  ASSERT_TRUE(first.await_state('S') && second.await_state('S'));
  v.store(8);
  EXPECT_EQ(first.join(), 0);
  EXPECT_EQ(second.join(), 0);
}

TEST(ValueProcessTest, WritersThatWaitForAKilledOneGoOn) {
  const std::string name = unique_name();
  shm::value<int> v{create_only, name};
  child holder{[&](const child::report& ready) {
    shm::value<int>{open_only, name}.update([&](int&) {
      ready();
      pause();
    });
    return 0;
  }};
  ASSERT_TRUE(holder.await_report());
  child writer{[&](const child::report& ready) {
    shm::detail::set_wait_slices(false);
    shm::value<int> own{open_only, name};
    ready();
    own.store(3);
    return 0;
  }};
  ASSERT_TRUE(writer.await_report());
  ASSERT_TRUE(writer.await_state('S'));
  holder.signal(SIGKILL);
  EXPECT_EQ(writer.join(), 0);
  EXPECT_EQ(v.load(), 3);
}

TEST(ValueProcessTest, ForkedChildTakesAPlaceOfItsOwn) {
  const std::string name = unique_name();
  shm::value<int> v{create_only, name};
  child forked{[&](const child::report& ready) {
    if (v.load() != 0) return 1;
    v.update([](int& n) { ++n; });
    ready();
    return v.wait_change(1).value == 2 ? 0 : 2;
  }};
  ASSERT_TRUE(forked.await_report());
  EXPECT_EQ(v.update([](int& n) { ++n; }), 2);
  EXPECT_EQ(forked.join(), 0);
}

TEST(ValueProcessTest, ForkInsideAnUpdateDoesNotUnlockForTheParent) {
  const std::string name = unique_name();
  shm::value<int> v{create_only, name}, other{open_only, name};
  bool still_locked = false;
  struct in_the_child {};
  try {
    v.update([&](int& n) {
      const pid_t forked = fork();
      if (forked == 0) throw in_the_child{};
      int status = 0;
      waitpid(forked, &status, 0);
      n = WEXITSTATUS(status);
      still_locked = !other.update_for(1ms, [](int&) {});
    });
  } catch (const in_the_child&) {
    _exit(4);
  }
  EXPECT_EQ(v.load(), 4);
  EXPECT_TRUE(still_locked);
}

TEST(ValueProcessTest, KeptValueOutlivesItsProcesses) {
  const std::string name = unique_name();
  child creator{[&](const child::report&) {
    shm::value<int> v{create_only, name, 1, {.keep = true}};
    v.update([](int& n) { ++n; });
    raise(SIGKILL);
    return 0;
  }};
  EXPECT_EQ(creator.join(), -SIGKILL);
  EXPECT_EQ(shm::value<int>(open_only, name).load(), 2);
  EXPECT_TRUE(shm::remove(name));
}

}  // namespace
}  // namespace hawser
