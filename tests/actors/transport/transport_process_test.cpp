// Actors in processes that are killed, stopped, and started again.

#include "transport_server.hpp"

#include <csignal>

namespace test {
namespace {

using actors::peer_error;
using actors::process;

/// Asks `name` as fast as it can, for ever.
int client(std::string group, std::string name) {
  node own{group};
  const auto remote = own.lookup(name);
  for (int i = 0;; ++i)
    if (ask<int>(own.self, remote, i) != i) return 3;
}
HAWSER_PROCESS(client);

/// Exits with a code, in the middle of everything.
int exits(std::string group, std::string name, int code) {
  node own{group};
  own.host.publish(own.system.spawn(echo), name);
  own.lookup("told");
  _exit(code);
}
HAWSER_PROCESS(exits);

class TransportProcessTest : public testing::Test {
 protected:
  static std::string words(node& own, const caf::error& reason) {
    return actors::render(own.system, reason);
  }

  /// That the group has in shared memory.
  std::ptrdiff_t segments() const {
    const std::string prefix = "hawser." + std::to_string(geteuid()) + ".actors." + group + ".";
    const std::filesystem::directory_iterator all{"/dev/shm"};
    return std::count_if(begin(all), end(all), [&](const auto& one) {
      return one.path().filename().string().starts_with(prefix);
    });
  }

  const std::string group = unique_name();
};

TEST_F(TransportProcessTest, AGroupThatWasKilledAsAWholeIsClearedAwayByTheNextStart) {
  process first = process::spawn(server, group, "first"),
          second = process::spawn(server, group, "second");
  {
    node own{group};
    own.lookup("first");
    own.lookup("second");
  }
  first.kill(), first.join();
  second.kill(), second.join();
  EXPECT_NE(segments(), 0);
  {
    node own{group};
    EXPECT_EQ(segments(), 2);
  }
  EXPECT_EQ(segments(), 0);
}

TEST_F(TransportProcessTest, AHandleMeansTheSameInAnotherProcess) {
  node own{group};
  const process other = process::spawn(server, group, "echo");
  const auto remote = own.lookup("echo");
  EXPECT_EQ(ask<int>(own.self, remote, who_atom_v), static_cast<int>(other.pid()));
  ASSERT_EQ(own.host.peers().size(), 1U);
  EXPECT_EQ(own.host.peers()[0].pid, other.pid());
  EXPECT_EQ(own.host.peers()[0].node, remote.node());
}

TEST_F(TransportProcessTest, AKillAnswersEveryPendingRequestAndEndsEveryProxy) {
  node own{group};
  process other = process::spawn(server, group, "echo");
  const auto remote = own.lookup("echo");
  own.self->monitor(remote);
  constexpr int count = 100;
  int failed = 0;
  const auto asker = own.system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    for (int i = 0; i < count; ++i)
      self->request(remote, caf::infinite, hold_atom_v)
          .then([] {},
                [&, self](const caf::error& reason) {
                  EXPECT_EQ(reason, peer_error::killed) << actors::render(self->system(), reason);
                  if (++failed == count) self->quit();
                });
    return {[](int) {}};
  });
  // All of them are there.
  ASSERT_TRUE(eventually([&] { return own.host.statistics().pending_requests == count; }));
  ASSERT_EQ(ask<int>(own.self, remote, 1), 1);
  own.self->monitor(asker);
  other.kill();
  int downs = 0;
  own.self->receive_while([&] { return downs < 2; })([&](const caf::down_msg& down) {
    ++downs;
    if (down.source != remote.address()) return;
    EXPECT_EQ(down.reason, peer_error::killed);
    EXPECT_EQ(words(own, down.reason), "the process was killed: process " +
                                           std::to_string(other.pid()) +
                                           " was killed by signal 9 (Killed)");
  });
  EXPECT_EQ(failed, count);
  EXPECT_EQ(ask<int>(own.self, remote, 1).error(), peer_error::killed);
  EXPECT_EQ(own.host.statistics().pending_requests, 0U);
}

TEST_F(TransportProcessTest, AnExitIsToldFromAKill) {
  node own{group};
  const process other = process::spawn(exits, group, "exits", 5);
  const auto remote = own.lookup("exits");
  own.self->monitor(remote);
  ASSERT_EQ(ask<int>(own.self, remote, 1), 1);
  const auto told = own.system.spawn(echo);
  own.host.publish(told, "told");
  own.self->receive([&](const caf::down_msg& down) {
    EXPECT_EQ(down.reason, peer_error::exited);
    EXPECT_EQ(words(own, down.reason),
              "the process has ended: process " + std::to_string(other.pid()) + " exited with 5");
  });
  caf::anon_send_exit(told, caf::exit_reason::kill);
}

TEST_F(TransportProcessTest, AStoppedPeerHangsAndIsBackWhenItGoesOn) {
  node own{group, [](auto& options) { options.hang_timeout = 1s; }};
  const process other = process::spawn(server, group, "echo");
  const auto remote = own.lookup("echo");
  own.self->monitor(remote);
  ASSERT_EQ(ask<int>(own.self, remote, 1), 1);
  ASSERT_TRUE(stop(other));
  const auto answer = ask<int>(own.self, remote, hold_atom_v);
  EXPECT_EQ(answer.error(), peer_error::hung) << words(own, answer.error());
  own.self->receive([&](const caf::down_msg& down) { EXPECT_EQ(down.reason, peer_error::hung); });
  other.signal(SIGCONT);
  EXPECT_EQ(ask<int>(own.self, remote, 1).error(), peer_error::hung);  // a dead handle stays dead
  EXPECT_EQ(ask<int>(own.self, own.lookup("echo"), 1), 1);             // a new one is found
}

TEST_F(TransportProcessTest, AWedgedSchedulerIsAHang) {
  node own{group, [](auto& options) { options.hang_timeout = 1s; }};
  node other{group, [](auto& options) { options.inline_max = {}; }};
  std::promise<void> go;
  const auto gate = go.get_future().share();
  const auto blocks = [&](caf::event_based_actor*) -> caf::behavior {
    return {[=](int x) {
      gate.wait();
      return x;
    }};
  };
  const auto one = other.system.spawn(blocks), two = other.system.spawn(blocks);
  other.host.publish(one, "one");
  other.host.publish(two, "two");
  const auto to_one = own.lookup("one"), to_two = own.lookup("two");
  own.self->send(to_two, 1);
  const auto answer = ask<int>(own.self, to_one, 1);  // both threads of its scheduler wait now
  EXPECT_EQ(answer.error(), peer_error::hung) << words(own, answer.error());
  go.set_value();
  caf::anon_send_exit(one, caf::exit_reason::kill);
  caf::anon_send_exit(two, caf::exit_reason::kill);
}

TEST_F(TransportProcessTest, AProcessThatStartsAgainIsANewOne) {
  node own{group};
  process first = process::spawn(server, group, "echo");
  const auto old = own.lookup("echo");
  ASSERT_EQ(ask<int>(own.self, old, 1), 1);
  for (int round = 0; round < 5; ++round) {
    first.kill();
    first.join();  // until the kernel has ended it, the name is taken
    first = process::spawn(server, group, "echo");
    const auto now = own.lookup("echo");
    EXPECT_NE(now, old);
    EXPECT_EQ(ask<int>(own.self, now, who_atom_v), static_cast<int>(first.pid()));
    EXPECT_EQ(ask<int>(own.self, old, 1).error(), peer_error::killed);
  }
}

TEST_F(TransportProcessTest, WhatAKilledProcessHadSentIsDelivered) {
  node own{group};
  const auto counter = own.system.spawn(echo);
  own.host.publish(counter, "counter");
  for (int round = 0; round < 10; ++round) {
    const process other = process::spawn("floods_and_dies", group);
    EXPECT_EQ(other.join().signal(), SIGKILL);
    const int expected = 300 * (round + 1);
    EXPECT_TRUE(eventually([&] { return ask<int>(own.self, counter, count_atom_v) == expected; }))
        << ask<int>(own.self, counter, count_atom_v).value() << " of " << expected;
  }
  caf::anon_send_exit(counter, caf::exit_reason::kill);
}

int floods_and_dies(std::string group) {
  node own{group};
  const auto counter = own.lookup("counter");
  ask<int>(own.self, counter, 1);  // connected
  for (int i = 0; i < 300; ++i) own.self->send(counter, count_atom_v, 1);
  return raise(SIGKILL);
}
HAWSER_PROCESS(floods_and_dies);

TEST_F(TransportProcessTest, EachRequestHasOneOutcomeHoweverItsProcessDies) {
  node own{group};
  for (int round = 0; round < 100; ++round) {
    process other = process::spawn(server, group, "echo");
    const auto remote = own.lookup("echo");
    constexpr int count = 300;
    std::vector<int> outcomes(count, 0);
    int answered = 0, failed = 0;
    const auto asker = own.system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
      const auto end = [&, self] {
        if (answered + failed == count) self->quit();
      };
      for (int i = 0; i < count; ++i)
        self->request(remote, caf::infinite, i)
            .then(
                [&, i, end](int x) {
                  ++answered, outcomes[static_cast<std::size_t>(i)] += x == i, end();
                },
                [&, i, end](const caf::error&) {
                  ++failed, ++outcomes[static_cast<std::size_t>(i)], end();
                });
      return {[](int) {}};
    });
    usleep(static_cast<unsigned>(round % 20) * 50);
    other.kill();
    own.self->wait_for(asker);
    ASSERT_EQ(answered + failed, count);
    for (const int outcome : outcomes) ASSERT_EQ(outcome, 1);
    ASSERT_EQ(own.host.statistics().pending_requests, 0U);
  }
}

TEST_F(TransportProcessTest, ARequestDelegatedToAKilledProcessFails) {
  node own{group};
  node middle{group};
  process last = process::spawn(server, group, "last");
  const auto via = middle.system.spawn([](caf::event_based_actor* self) -> caf::behavior {
    return {[=](hold_atom, const caf::actor& to) { return self->delegate(to, hold_atom_v); }};
  });
  middle.host.publish(via, "via");
  const auto to_via = own.lookup("via"), to_last = own.lookup("last");
  ASSERT_EQ(ask<int>(own.self, to_last, 1), 1);
  auto pending = own.self->request(to_via, patience, hold_atom_v, to_last);
  ASSERT_EQ(ask<int>(middle.self, middle.lookup("last"), 1), 1);
  last.kill();
  caf::error failed;
  pending.receive([] {}, [&](caf::error& reason) { failed = std::move(reason); });
  EXPECT_EQ(failed, peer_error::killed) << words(own, failed);
  caf::anon_send_exit(via, caf::exit_reason::kill);
}

TEST_F(TransportProcessTest, ALinkToAKilledProcessEndsTheLinker) {
  node own{group};
  process other = process::spawn(server, group, "echo");
  const auto remote = own.lookup("echo");
  const auto linked = own.system.spawn(echo);
  own.self->monitor(linked);
  caf::anon_send(linked, link_atom_v, remote);
  ASSERT_EQ(ask<int>(own.self, linked, 1), 1);
  ASSERT_EQ(ask<int>(own.self, remote, 1), 1);
  other.kill();
  own.self->receive([&](const caf::down_msg& down) { EXPECT_EQ(down.reason, peer_error::killed); });
}

TEST_F(TransportProcessTest, AReconnectingHandleFollowsItsName) {
  node own{group};
  const auto handle = own.host.reconnecting("echo");
  // Asked before anybody has the name.
  auto early = own.self->request(handle, patience, who_atom_v);
  process server_now = process::spawn(server, group, "echo");
  int pid = 0;
  early.receive([&](int its) { pid = its; }, [](const caf::error&) {});
  EXPECT_EQ(pid, server_now.pid());
  for (int round = 0; round < 10; ++round) {
    auto pending = own.self->request(handle, patience, hold_atom_v);
    ASSERT_EQ(ask<int>(own.self, handle, round), round);
    server_now.kill();
    caf::error failed;
    pending.receive([] {}, [&](caf::error& reason) { failed = std::move(reason); });
    EXPECT_EQ(failed, peer_error::killed);
    server_now = process::spawn(server, group, "echo");
    // Who has been told of the end does not meet it again.
    EXPECT_EQ(ask<int>(own.self, handle, who_atom_v), static_cast<int>(server_now.pid()));
  }
  caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
  EXPECT_TRUE(eventually(
      [&] { return ask<int>(own.self, handle, 1).error() == caf::sec::request_receiver_down; }));
}

TEST_F(TransportProcessTest, AReconnectingHandleKeepsABoundedNumberOfMessages) {
  node own{group};
  const auto handle = own.host.reconnecting("nobody");
  for (int i = 0; i < 1024; ++i) own.self->send(handle, i);
  EXPECT_EQ(ask<int>(own.self, handle, 1).error(), peer_error::congested);
}

TEST_F(TransportProcessTest, SubscribersLearnOfComingAndGoing) {
  node own{group};
  std::vector<std::string> seen;
  std::promise<void> done;
  const auto listener = own.system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {[&](const actors::peer_up& up) { seen.push_back("up " + std::to_string(up.peer.pid)); },
            [&, self](const actors::peer_down& down) {
              seen.push_back("down " + std::to_string(down.peer.pid));
              EXPECT_EQ(down.reason, peer_error::killed);
              if (seen.size() == 4) done.set_value(), self->quit();
            }};
  });
  process first = process::spawn(server, group, "first");
  own.lookup("first");
  own.host.subscribe(listener);  // it hears of the first one, too
  process second = process::spawn(server, group, "second");
  own.lookup("second");
  EXPECT_TRUE(eventually([&] { return own.host.peers().size() == 2; }));
  const std::string one = std::to_string(first.pid()), two = std::to_string(second.pid());
  first.kill();
  first.join();
  ASSERT_TRUE(eventually([&] { return own.host.peers().size() == 1; }));
  second.kill();
  auto result = done.get_future();
  ASSERT_EQ(result.wait_for(patience), std::future_status::ready);
  EXPECT_EQ(seen,
            (std::vector<std::string>{"up " + one, "up " + two, "down " + one, "down " + two}));
}

TEST_F(TransportProcessTest, KilledClientsLeaveNothingBehind) {
  node own{group};
  const auto served = own.system.spawn(echo);
  own.host.publish(served, "echo");
  std::vector<process> clients(4);
  const auto descriptors = [&] { return hawser::test::open_descriptors(); };
  int before = 0;
  for (int round = 0; round < 60; ++round) {
    process& one = clients[static_cast<std::size_t>(round) % clients.size()];
    if (one) one.kill(), one.join();
    one = process::spawn(client, group, "echo");
    ASSERT_EQ(ask<int>(own.self, served, round), round);
    if (round == 20) before = descriptors();
  }
  for (process& one : clients) one.kill(), one.join();
  ASSERT_TRUE(eventually([&] { return own.host.peers().empty(); }));
  ASSERT_TRUE(eventually([&] { return own.host.statistics().peers == 0; }));
  // In shared memory: the directory and our own door.
  EXPECT_TRUE(eventually([&] { return segments() == 2; }));
  EXPECT_LE(descriptors(), before);
  EXPECT_EQ(own.host.statistics().damaged, 0U);
  caf::anon_send_exit(served, caf::exit_reason::kill);
}

TEST_F(TransportProcessTest, AnActorIsSpawnedInAnotherProcess) {
  node own{group};
  const process other = process::spawn("spawns_for_others", group);
  const auto there = own.lookup("there").node();
  const auto made = own.host.spawn(there, "adder", patience, 5);
  EXPECT_EQ(made.node(), there);
  EXPECT_EQ(ask<int>(own.self, made, 2), 7);
  const auto typed = own.host.spawn<calculator>(there, "calculator", patience);
  int sum = 0;
  own.self->request(typed, patience, caf::add_atom_v, 3, 4)
      .receive([&](int x) { sum = x; }, [](const caf::error&) {});
  EXPECT_EQ(sum, 7);
  const auto code_of = [&](const auto& use) -> std::error_code {
    try {
      use();
    } catch (const hawser::error& failed) {
      return failed.code();
    }
    return {};
  };
  EXPECT_EQ(code_of([&] { own.host.spawn(there, "nobody", patience); }), errc::not_found);
  EXPECT_EQ(code_of([&] { own.host.spawn(there, "adder", patience, "five"); }),
            errc::type_mismatch);
  EXPECT_EQ(code_of([&] { own.host.spawn<calculator>(there, "adder", patience, 5); }),
            errc::type_mismatch);
  EXPECT_EQ(code_of([&] { own.host.spawn(caf::node_id{}, "adder", patience, 5); }),
            errc::not_found);
}

caf::behavior adder(caf::event_based_actor*, int by) {
  return {[=](int x) { return x + by; }};
}
calculator::behavior_type adds(calculator::pointer) {
  return {[](caf::add_atom, int x, int y) { return x + y; }};
}

int spawns_for_others(std::string group) {
  test_config config{group};
  config.add_actor_type("adder", adder);
  config.add_actor_type("calculator", adds);
  caf::actor_system system{config};
  actors::transport(system).publish(system.spawn(echo), "there");
  system.await_all_actors_done();
  return 0;
}
HAWSER_PROCESS(spawns_for_others);

}  // namespace
}  // namespace test
