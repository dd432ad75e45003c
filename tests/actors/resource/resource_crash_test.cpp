// Holders, waiters and managers in processes that are killed, stopped, and started again.

#include "../transport/transport_server.hpp"
#include "resource_support.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <future>
#include <mutex>
#include <random>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>

namespace test {
namespace {

using actors::process;

/// Acquires, and keeps it until it is killed.
int holds(std::string group, std::string name, int count) {
  node own{group};
  resource_client<std::string> client{own.system, "pool", {.name = "holder"}};
  const auto held = client.acquire(name, static_cast<std::size_t>(count));
  for (;;) pause();
}
HAWSER_PROCESS(holds);

/// Nobody else may have it: the kernel knows, and forgets who dies.
bool use_alone(const std::string& file) {
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const bool alone = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
  if (alone) usleep(200);
  if (fd >= 0) close(fd);
  return alone;
}

/// Uses resources, which are files, for ever, or as often as it is told. Exits with 9 if somebody else
/// uses one that it has.
int uses(std::string group, int times, int seed) {
  node own{group};
  resource_client<std::string> client{own.system, "pool"};
  std::minstd_rand random{static_cast<unsigned>(seed)};
  for (int i = 0; times < 0 || i < times;) {
    const std::size_t count = random() % 5 == 0 ? 2 : 1;
    const auto held = client.acquire(random() % 3 == 0 ? "" : "file", count,
                                     random() % 4 == 0 ? std::chrono::microseconds{500} : 60s);
    for (const std::string& file : held)
      if (!use_alone(file)) return 9;
    i += static_cast<bool>(held);
  }
  return 0;
}
HAWSER_PROCESS(uses);

/// The same without files, and with managers that may be lost.
int survives(std::string group, int times) {
  node own{group};
  resource_client<std::string> client{own.system, "pool"};
  std::uint64_t last = 0;
  for (int done = 0; done < times;) try {
      const auto held = client.acquire("file", 60s);
      if (!held) return 8;
      if (held.token() <= last) return 9;
      last = held.token();
      ++done;
    } catch (const resource_failure& lost) {
      if (lost.reason() != resource_error::manager_lost) return 7;
    }
  return 0;
}
HAWSER_PROCESS(survives);

/// A manager, until it is killed.
int manages(std::string group) {
  node own{group};
  const resource_manager<std::string> manager{
      own.system, "pool", {{"file", "a"}, {"file", "b"}, {"other", "c"}}};
  for (;;) pause();
}
HAWSER_PROCESS(manages);

struct told {
  std::mutex mutex;
  std::vector<resource_event> events;
};

caf::actor listen(node& own, told& to) {
  return own.system.spawn([&to](caf::event_based_actor*) -> caf::behavior {
    return {[&to](const resource_event& event) {
      const std::scoped_lock hold{to.mutex};
      to.events.push_back(event);
    }};
  });
}

class ResourceCrashTest : public testing::Test {
 protected:
  static bool all_held(const resource_snapshot& seen) { return seen.held == seen.resources.size(); }
  const std::string group = unique_name();
};

TEST_F(ResourceCrashTest, WhatAKilledHolderHadIsLentToWhoWaits) {
  node own{group};
  resource_manager<std::string> manager{own.system, "pool", {{"db", "a"}, {"db", "b"}}};
  resource_client<std::string> client{own.system, "pool"};
  told to;
  const auto listener = listen(own, to);
  client.subscribe(listener);
  for (int round = 1; round <= 5; ++round) {
    const process holder = process::spawn(holds, group, "db", 2);
    ASSERT_TRUE(eventually_seen(manager, all_held));
    auto waits = std::async(std::launch::async, [&] { return client.acquire("db", 2).size(); });
    ASSERT_TRUE(
        eventually_seen(manager, [](const auto& seen) { return seen.waiters.size() == 1; }));
    holder.kill();
    EXPECT_EQ(waits.get(), 2U);
    EXPECT_EQ(manager.who().reclaimed, static_cast<std::uint64_t>(2 * round));
    ASSERT_TRUE(eventually_seen(manager, [](const auto& seen) { return seen.held == 0; }));
    EXPECT_TRUE(eventually([&] {
      const std::scoped_lock hold{to.mutex};
      return std::any_of(to.events.begin(), to.events.end(), [&](const auto& event) {
        return event.kind == resource_event_kind::reclaimed &&
               event.holder == "holder (process " + std::to_string(holder.pid()) + ")" &&
               event.why.find("was killed by signal 9") != std::string::npos;
      });
    }));
  }
  caf::anon_send_exit(listener, caf::exit_reason::kill);
}

TEST_F(ResourceCrashTest, AKilledWaiterStandsInNobodysWay) {
  node own{group};
  resource_manager<std::string> manager{own.system, "pool", {{"db", "a"}, {"db", "b"}}};
  resource_client<std::string> first{own.system, "pool"}, second{own.system, "pool"};
  const auto held = first.acquire("db");
  const process waiter = process::spawn(holds, group, "db", 2);
  ASSERT_TRUE(eventually_seen(manager, [](const auto& seen) { return seen.waiters.size() == 1; }));
  EXPECT_FALSE(second.try_acquire("db"));
  waiter.kill();
  EXPECT_TRUE(second.acquire("db", patience));
  EXPECT_EQ(manager.who().reclaimed, 0U);
}

TEST_F(ResourceCrashTest, AHolderThatHangsLosesItAndKnowsWhenItGoesOn) {
  node own{group, [](auto& options) { options.hang_timeout = 1s; }};
  resource_manager<std::string> manager{own.system, "pool", {{"db", "a"}}};
  const process holder = process::spawn(holds, group, "db", 1);
  ASSERT_TRUE(eventually_seen(manager, all_held));
  ASSERT_TRUE(stop(holder));
  resource_client<std::string> client{own.system, "pool"};
  auto held = client.acquire("db", patience);
  ASSERT_TRUE(held);
  EXPECT_EQ(manager.who().reclaimed, 1U);
}

int goes_on(std::string group) {
  node own{group};
  resource_client<std::string> client{own.system, "pool"};
  const auto held = client.acquire("db");
  if (!eventually([&] { return held.status() == lease_status::manager_lost; })) return 2;
  // It counts as dead: a new connection is a new holder.
  const auto again = client.acquire("db", patience);
  return again && again.valid() && again.token() > held.token() ? 0 : 3;
}
HAWSER_PROCESS(goes_on);

TEST_F(ResourceCrashTest, AHolderThatHungConnectsAgain) {
  node own{group, [](auto& options) { options.hang_timeout = 1s; }};
  resource_manager<std::string> manager{own.system, "pool", {{"db", "a"}}};
  const process holder = process::spawn(goes_on, group);
  ASSERT_TRUE(eventually_seen(manager, all_held));
  ASSERT_TRUE(stop(holder));
  ASSERT_TRUE(eventually_seen(manager, [](const auto& seen) { return seen.reclaimed == 1; }));
  holder.signal(SIGCONT);
  EXPECT_EQ(to_string(holder.join()), "exited with 0");
}

TEST_F(ResourceCrashTest, AKilledManagerIsToldAtOnceAndTheNextOneBeginsAnew) {
  node own{group};
  process manager = process::spawn(manages, group);
  resource_client<std::string> client{own.system, "pool"}, other{own.system, "pool"};
  std::uint64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    const auto held = client.acquire("file", 2);
    ASSERT_EQ(held.size(), 2U);
    EXPECT_GT(held.token(), last);
    last = held.token();
    auto waits = std::async(std::launch::async,
                            [&] { return reason_of([&] { (void)other.acquire("file"); }); });
    ASSERT_TRUE(eventually_seen(client, [](const auto& seen) { return seen.waiters.size() == 1; }));
    manager.kill();
    EXPECT_EQ(waits.get(), resource_error::manager_lost);
    EXPECT_TRUE(eventually([&] { return held.status() == lease_status::manager_lost; }));
    manager.join();
    manager = process::spawn(manages, group);
  }
}

TEST_F(ResourceCrashTest, UsersKilledAtAnyMomentLeaveNothingHeldAndNothingShared) {
  const temporary_folder files;
  node own{group};
  std::atomic<int> checks{0};
  resource_manager<std::string> manager{
      own.system,
      "pool",
      {{"file", files / "a"}, {"file", files / "b"}, {"file", files / "c"}, {"other", files / "d"}},
      {.check = [&](const std::string&) { return ++checks > 0; }}};
  constexpr int users = 4, kills = 60;
  std::vector<process> all;
  for (int i = 0; i < users; ++i) all.push_back(process::spawn(uses, group, -1, i));
  std::minstd_rand random{4711};
  std::uint64_t granted = 0;
  for (int i = 0; i < kills; ++i) {
    // Not before something has come of the one before.
    ASSERT_TRUE(eventually_seen(
        manager, [&](const auto& seen) { return seen.granted > granted + random() % 50; }));
    granted = manager.who().granted;
    auto& one = all[random() % users];
    EXPECT_TRUE(one.running()) << to_string(one.join());
    one.kill();
    EXPECT_EQ(one.join().signal(), SIGKILL) << to_string(one.join());
    one = process::spawn(uses, group, -1, kills + i);
  }
  for (auto& one : all) {
    one.kill();
    EXPECT_EQ(one.join().signal(), SIGKILL) << to_string(one.join());
  }
  ASSERT_TRUE(eventually_seen(manager, [](const auto& seen) {
    return seen.waiters.empty() && std::all_of(seen.resources.begin(), seen.resources.end(),
                                               [](const auto& one) { return one.state == "free"; });
  })) << to_string(manager.who());
  const auto seen = manager.who();
  EXPECT_EQ(seen.granted, seen.returned + seen.reclaimed);
  EXPECT_EQ(seen.reclaimed, static_cast<std::uint64_t>(checks.load()));
  EXPECT_GT(seen.reclaimed, 0U);
  EXPECT_EQ(process::spawn(uses, group, 50, 1).join().code(), 0);
}

TEST_F(ResourceCrashTest, ManagersKilledAtAnyMomentHangNobody) {
  node own{group};
  process manager = process::spawn(manages, group);
  std::vector<process> users;
  for (int i = 0; i < 3; ++i) users.push_back(process::spawn(survives, group, 5000));
  std::minstd_rand random{4711};
  int kills = 0;
  const auto some_run = [&] {
    return std::any_of(users.begin(), users.end(), [](const auto& one) { return one.running(); });
  };
  resource_client<std::string> client{own.system, "pool"};
  while (some_run() && kills < 30) {
    // Every other one is killed wherever it is in its start, the rest when they have lent something:
    // nobody else's patience has to last for more than two starts.
    if (kills % 2 == 0) {
      ASSERT_TRUE(eventually_seen(
          client, [&](const auto& seen) { return seen.granted > 0 || !some_run(); }));
    }
    std::this_thread::sleep_for(std::chrono::microseconds{random() % 20'000});
    manager.kill();
    manager.join();
    ++kills;
    manager = process::spawn(manages, group);
  }
  for (const auto& one : users) EXPECT_EQ(to_string(one.join()), "exited with 0");
  EXPECT_GT(kills, 3);
  EXPECT_TRUE(eventually_seen(client, [](const auto& seen) { return seen.held == 0; }));
}

}  // namespace
}  // namespace test
