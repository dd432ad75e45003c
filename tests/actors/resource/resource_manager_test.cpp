// Managers, clients and actors of two systems in one process.

#include "resource_support.hpp"

#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

namespace test {
namespace {

class ResourceManagerTest : public testing::Test {
 protected:
  const std::string group = unique_name();
  node here{group}, there{group};
};

TEST_F(ResourceManagerTest, LendsAndTakesBackByScope) {
  resource_manager<std::string> manager{
      here.system, "pool", {{"db", "a"}, {"db", "b"}, {"log", "c"}}};
  resource_client<std::string> client{there.system, "pool", {.name = "reader"}};
  {
    auto one = client.acquire("db", 10s);
    ASSERT_TRUE(one);
    EXPECT_EQ(*one, "a");
    EXPECT_EQ(one->size(), 1U);
    EXPECT_EQ(one.name(), "db");
    EXPECT_EQ(one.index(), 0U);
    EXPECT_TRUE(one.valid());
    auto two = client.acquire("", 2, 10s);
    ASSERT_EQ(two.size(), 2U);
    EXPECT_EQ(two[0], "b");
    EXPECT_EQ(two[1], "c");
    EXPECT_GT(two.token(), one.token());
    EXPECT_FALSE(client.try_acquire());  // which waits for nobody, and so is no deadlock
    EXPECT_FALSE(resource_client<std::string>(there.system, "pool").acquire("db", 1ms));
    const auto seen = client.who();
    expect_balanced(seen);
    EXPECT_EQ(seen.held, 3U);
    EXPECT_EQ(seen.timed_out, 2U);
    const std::string holder = "reader (process " + std::to_string(getpid()) + ")";
    EXPECT_EQ(seen.resources[2].holder, holder);
    EXPECT_NE(to_string(seen).find("2 \"log\" held by " + holder), std::string::npos)
        << to_string(seen);
    EXPECT_TRUE(two.release());
    EXPECT_FALSE(two);
    EXPECT_EQ(two.status(), lease_status::none);
    EXPECT_FALSE(two.release());
    auto moved = std::move(one);
    EXPECT_FALSE(one);  // NOLINT: moved from
    EXPECT_EQ(*moved, "a");
    moved = client.acquire("db", 10s);  // and the first one is given back
    EXPECT_EQ(*moved, "b");
  }
  EXPECT_TRUE(eventually_seen(manager, [](const auto& seen) { return seen.held == 0; }));
  EXPECT_EQ(manager.who().returned, 4U);
}

TEST_F(ResourceManagerTest, SaysWhatIsWrongWithARequest) {
  resource_manager<std::string> manager{here.system, "pool", {{"db", "a"}}};
  resource_client<std::string> client{there.system, "pool"};
  std::string words;
  EXPECT_EQ(reason_of([&] { (void)client.acquire("nothing"); }, &words),
            resource_error::no_such_resource);
  EXPECT_EQ(words,
            "cannot acquire from resource manager \"pool\": no such resource: there is no "
            "\"nothing\"");
  EXPECT_EQ(reason_of([&] { (void)client.acquire("db", 2); }), resource_error::bad_request);
  EXPECT_EQ(reason_of([&] { (void)client.acquire("db", 0); }), resource_error::bad_request);
  EXPECT_EQ(reason_of([&] { resource_client<int>(there.system, "pool"); }, &words),
            resource_error::type_mismatch);
  EXPECT_NE(words.find("\"pool\" lends std::string, not int"), std::string::npos) << words;
  EXPECT_THROW(resource_client<int>(there.system, "nobody", {.connect_timeout = 1ms}), error);
  EXPECT_THROW(resource_manager<int>(here.system, "none", {}), error);
  EXPECT_THROW(resource_manager<int>(here.system, "none", {{"", 1}}), error);
  EXPECT_THROW(resource_manager<int>(there.system, "pool", {{"a", 1}}),
               error);  // the name is taken
}

TEST_F(ResourceManagerTest, WhoWaitsIsServedInTurn) {
  resource_manager<int> manager{here.system, "pool", {{"n", 1}}};
  resource_client<int> client{there.system, "pool"};
  auto held = client.acquire("n");
  std::vector<int> order;
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&, i] {
      resource_client<int> own{there.system, "pool"};
      const auto got = own.acquire("n");
      order.push_back(i);  // who has the one there is
    });
    ASSERT_TRUE(eventually_seen(manager, [&](const auto& seen) {
      return seen.waiters.size() == static_cast<std::size_t>(i) + 1;
    }));
  }
  held.release();
  for (auto& one : waiters) one.join();
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3}));
}

TEST_F(ResourceManagerTest, ADeadlockIsAnErrorForWhoClosesIt) {
  resource_manager<int> manager{here.system, "pool", {{"x", 1}, {"y", 2}}};
  resource_client<int> first{here.system, "pool", {.name = "first"}},
      second{there.system, "pool", {.name = "second"}};
  auto y = second.acquire("y");
  auto waits = std::async(std::launch::async, [&] {
    const auto x = first.acquire("x");
    return first.acquire("y").size();
  });
  ASSERT_TRUE(eventually_seen(manager, [](const auto& seen) { return seen.waiters.size() == 1; }));
  std::string words;
  EXPECT_EQ(reason_of([&] { (void)second.acquire("x"); }, &words), resource_error::deadlock);
  const std::string in = " (process " + std::to_string(getpid()) + ")";
  EXPECT_NE(words.find("deadlock: second" + in + " waits for \"x\", which first" + in +
                       " holds; first" + in + " waits for \"y\", which second" + in + " holds"),
            std::string::npos)
      << words;
  EXPECT_EQ(waits.wait_for(0s), std::future_status::timeout);  // nothing happens to the other one
  y.release();
  EXPECT_EQ(waits.get(), 1U);
}

TEST_F(ResourceManagerTest, WhatIsHeldForTooLongIsTakenBackAndItsHolderKnows) {
  resource_manager<int> manager{here.system, "pool", {{"n", 1}}, {.lease_max = 30ms}};
  std::promise<std::pair<std::uint64_t, lease_status>> lost;
  resource_client<int> client{
      there.system, "pool", {.on_lost = [&](std::uint64_t token, lease_status why) {
        lost.set_value({token, why});
      }}};
  resource_client<int> other{there.system, "pool"};
  auto slow = client.acquire("n");
  auto next = other.acquire("n", 20s);  // waits until it is taken back
  ASSERT_TRUE(next);
  EXPECT_GT(next.token(), slow.token());
  auto told = lost.get_future();
  ASSERT_EQ(told.wait_for(20s), std::future_status::ready);
  EXPECT_EQ(told.get(), std::pair(slow.token(), lease_status::revoked));
  EXPECT_EQ(slow.status(), lease_status::revoked);
  EXPECT_FALSE(slow.release());
}

TEST_F(ResourceManagerTest, TheEndOfAManagerIsToldAndTheNextOneFound) {
  auto manager = std::make_unique<resource_manager<int>>(
      here.system, "pool", std::vector<std::pair<std::string, int>>{{"n", 1}});
  resource_client<int> client{there.system, "pool"}, other{there.system, "pool"};
  const auto held = client.acquire("n");
  auto waits = std::async(std::launch::async, [&] {
    std::string words;
    const auto reason = reason_of([&] { (void)other.acquire("n"); }, &words);
    EXPECT_NE(words.find("\"pool\" ends"), std::string::npos) << words;
    return reason;
  });
  ASSERT_TRUE(eventually_seen(*manager, [](const auto& seen) { return seen.waiters.size() == 1; }));
  manager.reset();
  EXPECT_EQ(waits.get(), resource_error::closed);
  EXPECT_TRUE(eventually([&] { return held.status() == lease_status::manager_lost; }));
  resource_manager<int> next{here.system, "pool", {{"n", 2}}};
  const auto again = client.acquire("n", 20s);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, 2);
  EXPECT_GT(again.token(), held.token());
  EXPECT_TRUE(again.valid());
  EXPECT_FALSE(held.valid());
}

TEST_F(ResourceManagerTest, ABadOneIsClosedAndReplaced) {
  std::mutex mutex;
  std::vector<std::string> closed;
  int made = 0;
  resource_manager<std::string> manager{
      here.system,
      "pool",
      {{"db", "old"}},
      {.check = [](const std::string& one) { return one != "old"; },
       .make = [&](const std::string& name) -> std::string {
         if (++made < 3) throw std::runtime_error{"no space"};
         return name + " made";
       },
       .close =
           [&](const std::string& one) {
             const std::scoped_lock hold{mutex};
             closed.push_back(one);
             throw std::runtime_error{"cannot be closed"};
           },
       .retry_first = 1ms}};
  std::vector<std::string> broken;
  const auto listener = there.system.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](const resource_event& event) {
      if (event.kind != resource_event_kind::broken) return;
      const std::scoped_lock hold{mutex};
      broken.push_back(event.why);
    }};
  });
  resource_client<std::string> client{there.system, "pool"};
  client.subscribe(listener);
  auto one = client.acquire("db");
  EXPECT_EQ(*one, "old");
  EXPECT_TRUE(one.release_as_bad());
  auto next = client.acquire("db", 20s);
  ASSERT_TRUE(next);
  EXPECT_EQ(*next, "db made");
  EXPECT_EQ(manager.who().replaced, 1U);
  EXPECT_TRUE(eventually([&] {
    const std::scoped_lock hold{mutex};
    return broken.size() == 3;
  }));
  const std::scoped_lock hold{mutex};
  EXPECT_EQ(closed, std::vector<std::string>{"old"});  // once, though it was made three times
  EXPECT_EQ(broken[0], "its holder says so");
  EXPECT_EQ(broken[1], "making another has thrown std::runtime_error: no space");
  caf::anon_send_exit(listener, caf::exit_reason::kill);
}

TEST_F(ResourceManagerTest, ACheckThatThrowsHasFailedAndAnyTypeTravels) {
  std::atomic<int> checks{0};
  resource_manager<point> manager{here.system,
                                  "points",
                                  {{"p", point{1, "one"}}},
                                  {.check =
                                       [&](const point&) {
                                         if (++checks == 1) throw std::runtime_error{"shaky"};
                                         return true;
                                       },
                                   .check_returned = true,
                                   .retry_first = 1ms}};
  resource_client<point> client{there.system, "points"};
  EXPECT_EQ(*client.acquire("p"), (point{1, "one"}));
  EXPECT_EQ(*client.acquire("p", 20s), (point{1, "one"}));  // it got well
  EXPECT_GE(checks, 2);

  resource_manager<std::filesystem::path> paths{here.system, "paths", {{"p", "/tmp/x"}}};
  EXPECT_EQ(*resource_client<std::filesystem::path>(there.system, "paths").acquire(), "/tmp/x");

  shared_ints numbers{shm::array<int>{create_only, unique_name(), 3}};
  resource_manager<shared_ints> arrays{here.system, "arrays", {{"a", numbers}}};
  resource_client<shared_ints> of_arrays{there.system, "arrays"};
  (*of_arrays.acquire("a"))->span()[1] = 42;
  EXPECT_EQ(numbers->span()[1], 42);
}

TEST_F(ResourceManagerTest, AnActorAsksByMessagesAndItsEndGivesBack) {
  using namespace actors;
  resource_manager<int> manager{here.system, "pool", {{"n", 7}}};
  const auto remote = there.lookup("pool");
  const auto holder = there.system.spawn(echo);
  auto& self = there.self;
  const auto number = ask<std::uint64_t>(self, remote, connect_atom_v, resource_type_name<int>(),
                                         holder, std::string{"actor"});
  ASSERT_TRUE(number);
  EXPECT_EQ(*ask<std::uint64_t>(self, remote, connect_atom_v, resource_type_name<int>(), holder,
                                std::string{"actor"}),
            *number);
  const resource_request wish{.holder = *number, .ticket = 1, .name = "n"};
  const auto grant = ask<resource_grant>(self, remote, acquire_atom_v, wish);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->value<int>(), 7);
  const auto release = [&] {
    caf::error failed;
    self->request(remote, patience, release_atom_v, grant->token, false)
        .receive([] {}, [&](caf::error& reason) { failed = std::move(reason); });
    return failed;
  };
  EXPECT_FALSE(release());
  EXPECT_EQ(release(), resource_error::not_held);

  ASSERT_TRUE(ask<resource_grant>(self, remote, acquire_atom_v, wish));
  caf::anon_send_exit(holder, caf::exit_reason::kill);
  EXPECT_TRUE(eventually_seen(manager, [](const auto& seen) { return seen.reclaimed == 1; }));
  EXPECT_EQ(ask<resource_grant>(self, remote, acquire_atom_v, wish).error(),
            resource_error::manager_lost);
}

TEST_F(ResourceManagerTest, WhatComesTooLateIsCancelled) {
  using namespace actors;
  std::promise<std::pair<std::uint64_t, std::uint64_t>> cancelled;
  caf::response_promise late;
  // A manager that never answers in time.
  const auto manager = here.system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {
        [](connect_atom, const std::string&, const caf::actor&, const std::string&) {
          return std::uint64_t{5};
        },
        [&late, self](acquire_atom, const resource_request&) {
          late = self->make_response_promise();
        },
        [&](cancel_atom, std::uint64_t holder, std::uint64_t ticket) {
          late.deliver(resource_grant{ticket, 1, {}});  // nobody takes it
          late = {};
          cancelled.set_value({holder, ticket});
        },
    };
  });
  here.host.publish(manager, "slow");
  {
    resource_client<int> client{there.system, "slow"};
    EXPECT_FALSE(client.acquire("n", 1ms));
    auto told = cancelled.get_future();
    ASSERT_EQ(told.wait_for(20s), std::future_status::ready);
    EXPECT_EQ(told.get(), std::pair(std::uint64_t{5}, std::uint64_t{1}));
  }
  caf::anon_send_exit(manager, caf::exit_reason::kill);
}

TEST_F(ResourceManagerTest, GivesBackAlsoWhereTheTransportRefuses) {
  node strict{group, [](auto& options) { options.backlog = actors::backlog_policy::reject; }};
  resource_manager<int> manager{here.system, "pool", {{"n", 1}}};
  resource_client<int> client{strict.system, "pool"};
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.acquire("n", 20s)) << i;
  EXPECT_TRUE(eventually_seen(manager, [](const auto& seen) { return seen.returned == 100; }));
}

TEST_F(ResourceManagerTest, ManyThreadsOfOneClientNeverHaveMoreThanThereAre) {
  resource_manager<int> manager{here.system, "pool", {{"n", 0}, {"n", 1}, {"n", 2}}};
  resource_client<int> client{there.system, "pool"};
  std::vector<std::atomic<int>> users(3);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 200; ++n) {
        const auto got = client.acquire("n");
        auto& user = users[static_cast<std::size_t>(*got)];
        wrong += ++user != 1;
        --user;
      }
    });
  for (int i = 0; i < 20; ++i) expect_balanced(manager.who());
  for (auto& one : threads) one.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(eventually_seen(manager, [](const auto& seen) { return seen.returned == 1200; }));
}

}  // namespace
}  // namespace test
