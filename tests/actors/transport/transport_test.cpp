// Actor systems of one process, which see each other as processes do.

#include "transport_support.hpp"

#include <fstream>

namespace test {
namespace {

using actors::peer_error;

struct variant {
  const char* name;
  std::size_t ring_bytes;
  std::chrono::microseconds inline_max;
};

class TransportTest : public testing::TestWithParam<variant> {
 protected:
  static void change(actors::transport_options& options) {
    options.ring_bytes = GetParam().ring_bytes;
    options.inline_max = GetParam().inline_max;
  }
  caf::actor published(node& where, const std::string& name = "echo") {
    const caf::actor made = where.system.spawn(echo);
    where.host.publish(made, name);
    return made;
  }
  /// Ends what would keep its system.
  static void end(const caf::actor& one) { caf::anon_send_exit(one, caf::exit_reason::kill); }

  const std::string group = unique_name();
  node a{group, change};
  node b{group, change};
};

INSTANTIATE_TEST_SUITE_P(, TransportTest,
                         testing::Values(variant{"inline", 256 * 1024, 200us},
                                         variant{"pooled", 256 * 1024, 0us},
                                         variant{"tiny", 4096, 200us},
                                         variant{"tinypooled", 4096, 0us}),
                         [](const auto& one) { return std::string{one.param.name}; });

TEST_P(TransportTest, ARequestIsAnsweredWhateverItHolds) {
  const auto local = published(a);
  const auto remote = b.lookup("echo");
  EXPECT_EQ(remote.node(), a.system.node());
  EXPECT_EQ(ask<int>(b.self, remote, 7), 7);
  EXPECT_EQ(ask<std::string>(b.self, remote, "hello"), "hello");
  EXPECT_EQ(ask<point>(b.self, remote, point{3, "three"}), (point{3, "three"}));
  end(local);
}

TEST_P(TransportTest, BothSidesAskEachOther) {
  const auto at_a = published(a, "a"), at_b = published(b, "b");
  const auto to_a = b.lookup("a"), to_b = a.lookup("b");
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(ask<int>(b.self, to_a, i), i);
    ASSERT_EQ(ask<int>(a.self, to_b, i), i);
  }
  end(at_a);
  end(at_b);
}

TEST_P(TransportTest, MessagesOfAnySizeArriveWhole) {
  const auto local = published(a);
  const auto remote = b.lookup("echo");
  const std::size_t ring = GetParam().ring_bytes;
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, ring / 4 - 100, ring / 4 - 60, ring / 4 - 8, ring / 4,
        ring / 2, ring, ring * 5, ring * 40 + 3}) {
    char_vector sent(bytes);
    for (std::size_t i = 0; i < bytes; ++i) sent[i] = static_cast<char>(i * 7 + i / 256);
    const auto got = ask<char_vector>(b.self, remote, sent);
    ASSERT_TRUE(got) << bytes << ": " << actors::render(b.system, got.error());
    ASSERT_EQ(*got, sent) << bytes;
  }
  end(local);
}

TEST_P(TransportTest, MessagesArriveInTheOrderTheyWereSentIn) {
  constexpr int count = 20'000;
  std::promise<bool> in_order;
  const auto local = a.system.spawn([&](actors::stateful_actor<echo_state>* self) -> caf::behavior {
    return {[&, self](int i) {
      if (i != self->state.count++) in_order.set_value(false), self->quit();
      else if (i == count - 1) in_order.set_value(true), self->quit();
    }};
  });
  a.host.publish(local, "orderly");
  const auto remote = b.lookup("orderly");
  for (int i = 0; i < count; ++i) b.self->send(remote, i);
  auto result = in_order.get_future();
  ASSERT_EQ(result.wait_for(patience), std::future_status::ready);
  EXPECT_TRUE(result.get());
}

TEST_P(TransportTest, FloodsInBothDirectionsEnd) {
  constexpr int count = 20'000;
  const auto at_a = published(a, "a"), at_b = published(b, "b");
  const auto flood = [](node& from, const caf::actor& to) {
    for (int i = 0; i < count; ++i) from.self->send(to, count_atom_v, 1);
    return ask<int>(from.self, to, count_atom_v);
  };
  const auto to_b = a.lookup("b");
  const auto to_a = b.lookup("a");
  auto other = std::async(std::launch::async, [&] { return flood(a, to_b); });
  EXPECT_EQ(flood(b, to_a), count);
  EXPECT_EQ(other.get(), count);
  end(at_a);
  end(at_b);
}

TEST_P(TransportTest, ErrorsOfAHandlerReachWhoAsked) {
  const auto local = a.system.spawn([](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::drop);  // answers with an error, and prints nothing
    return {[](int) -> caf::result<int> { return caf::sec::bad_function_call; }};
  });
  a.host.publish(local, "fails");
  const auto remote = b.lookup("fails");
  EXPECT_EQ(ask<int>(b.self, remote, 1).error(), caf::sec::bad_function_call);
  EXPECT_EQ(ask<int>(b.self, remote, "what?").error(), caf::sec::unexpected_message);
  end(local);
}

TEST_P(TransportTest, ARequestRunsIntoItsTimeout) {
  const auto local = published(a);
  const auto remote = b.lookup("echo");
  caf::error failed;
  b.self->request(remote, 20ms, hold_atom_v)
      .receive([] {}, [&](caf::error& e) { failed = std::move(e); });
  EXPECT_EQ(failed, caf::sec::request_timeout);
  end(local);
}

TEST_P(TransportTest, ARequestToAnActorThatHasEndedFailsAtOnce) {
  const auto local = published(a);
  const auto remote = b.lookup("echo");
  EXPECT_EQ(ask<int>(b.self, remote, 7), 7);
  b.self->monitor(remote);
  end(local);
  b.self->receive([](const caf::down_msg&) {});
  EXPECT_EQ(ask<int>(b.self, remote, 7).error(), caf::sec::request_receiver_down);
}

TEST_P(TransportTest, ADelegatedRequestIsAnsweredByAThird) {
  node c{group, change};
  const auto at_a = published(a, "a"), at_c = published(c, "c");
  // A asks B, who hands the question to C, whose answer goes straight to A.
  const auto at_b = published(b, "b");
  const auto to_b = a.lookup("b"), to_c = a.lookup("c");
  EXPECT_EQ(ask<int>(a.self, to_b, forward_atom_v, to_c, 9), 9);
  EXPECT_EQ(a.host.statistics().pending_requests, 0U);
  EXPECT_EQ(b.host.statistics().pending_requests, 0U);
  // Back to where it came from.
  EXPECT_EQ(ask<int>(a.self, to_b, forward_atom_v, at_a, 8), 8);
  EXPECT_TRUE(eventually([&] { return a.host.statistics().pending_requests == 0; }));
  for (const auto& one : {at_a, at_b, at_c}) end(one);
}

TEST_P(TransportTest, HandlesInMessagesMeanTheSameEverywhere) {
  node c{group, change};
  const auto at_a = published(a, "a"), at_c = published(c, "c");
  const auto to_a = b.lookup("a"), to_c = b.lookup("c");
  const auto own = ask<caf::actor>(b.self, to_a, to_a);
  ASSERT_TRUE(own);
  EXPECT_EQ(*own, to_a);
  const auto third = ask<caf::actor>(b.self, to_a, to_c);
  ASSERT_TRUE(third);
  EXPECT_EQ(*third, to_c);
  const auto mine = ask<caf::actor>(b.self, to_a, caf::actor{b.self});
  ASSERT_TRUE(mine);
  EXPECT_EQ(*mine, caf::actor{b.self});
  // A has never looked C up, and talks to it.
  EXPECT_EQ(ask<int>(b.self, to_a, forward_atom_v, to_c, 5), 5);
  end(at_a);
  end(at_c);
}

TEST_P(TransportTest, UrgentMessagesOvertake) {
  std::promise<void> entered, go;
  std::promise<std::vector<int>> order;
  std::vector<int> seen;
  const auto local = a.system.spawn<caf::detached>(
      [&, gate = go.get_future().share()](caf::event_based_actor* self) -> caf::behavior {
        return {[=, &entered](hold_atom) { entered.set_value(), gate.wait(); },
                [&, self](int i) {
                  seen.push_back(i);
                  if (seen.size() == 4) order.set_value(seen), self->quit();
                }};
      });
  a.host.publish(local, "orderly");
  const auto remote = b.lookup("orderly");
  b.self->send(remote, hold_atom_v);
  entered.get_future().wait();  // the others come while it works
  for (int i = 1; i <= 3; ++i) b.self->send(remote, i);
  b.self->send<caf::message_priority::high>(remote, 0);
  const std::uint64_t with_the_lookup = 6;
  ASSERT_TRUE(eventually([&] { return a.host.statistics().received == with_the_lookup; }));
  go.set_value();
  auto result = order.get_future();
  ASSERT_EQ(result.wait_for(patience), std::future_status::ready);
  EXPECT_EQ(result.get().front(), 0);
}

// --- monitors and links ---------------------------------------------------------------------------

TEST_P(TransportTest, AMonitorFiresOnceWithTheReasonOfTheActor) {
  const auto local = published(a);
  const auto remote = b.lookup("echo");
  b.self->monitor(remote);
  b.self->send(remote, quit_atom_v, 7);
  b.self->receive([&](const caf::down_msg& down) {
    EXPECT_EQ(down.source, remote.address());
    EXPECT_EQ(down.reason, error_of(test_code::seven));
  });
  bool again = false;
  b.self->receive([&](const caf::down_msg&) { again = true; }, caf::after(20ms) >> [] {});
  EXPECT_FALSE(again);
}

TEST_P(TransportTest, AMonitorOfWhoHasEndedFiresAtOnce) {
  const auto local = published(a);
  const auto remote = b.lookup("echo");
  b.self->monitor(remote);
  end(local);
  b.self->receive([](const caf::down_msg&) {});
  b.self->monitor(remote);
  b.self->receive([&](const caf::down_msg& down) { EXPECT_EQ(down.source, remote.address()); });
}

TEST_P(TransportTest, WhoNoLongerMonitorsHearsNothing) {
  const auto local = published(a);
  const auto remote = b.lookup("echo");
  b.self->monitor(remote);
  b.self->demonitor(remote);
  b.self->send(remote, quit_atom_v, 7);
  EXPECT_EQ(ask<int>(b.self, remote, 1).error(), caf::sec::request_receiver_down);
  bool fired = false;
  b.self->receive([&](const caf::down_msg&) { fired = true; }, caf::after(20ms) >> [] {});
  EXPECT_FALSE(fired);
}

TEST_P(TransportTest, ALinkEndsBothWhicheverEnds) {
  for (const bool initiator_ends : {true, false}) {
    const auto at_a = a.system.spawn(trapper), at_b = b.system.spawn(trapper);
    a.host.publish(at_a, "a");
    const auto to_a = b.lookup("a");
    ASSERT_TRUE(ask<bool>(b.self, at_b, link_atom_v, to_a));
    ASSERT_EQ(ask<int>(b.self, at_b, count_atom_v), 0);
    ASSERT_EQ(ask<int>(b.self, to_a, count_atom_v), 0);
    const auto& ends = initiator_ends ? at_b : at_a;
    const auto& stays = initiator_ends ? at_a : at_b;
    auto& where = initiator_ends ? a : b;
    caf::anon_send(ends, quit_atom_v);
    EXPECT_TRUE(eventually([&] { return ask<int>(where.self, stays, count_atom_v) == 1; }));
    // Once, and no second one comes.
    where.self->receive([](int) {}, caf::after(20ms) >> [] {});
    EXPECT_EQ(ask<int>(where.self, stays, count_atom_v), 1);
    end(stays);
  }
}

TEST_P(TransportTest, AnUnlinkedActorLivesOn) {
  const auto at_a = a.system.spawn(trapper), at_b = b.system.spawn(trapper);
  a.host.publish(at_a, "a");
  const auto to_a = b.lookup("a");
  ASSERT_TRUE(ask<bool>(b.self, at_b, link_atom_v, to_a));
  ASSERT_TRUE(ask<bool>(b.self, at_b, unlink_atom_v, to_a));
  ASSERT_EQ(ask<int>(b.self, to_a, count_atom_v), 0);
  caf::anon_send(at_b, quit_atom_v);
  a.self->monitor(at_a);
  bool ended = false;
  a.self->receive([&](const caf::down_msg&) { ended = true; }, caf::after(20ms) >> [] {});
  EXPECT_FALSE(ended);
  EXPECT_EQ(ask<int>(a.self, at_a, count_atom_v), 0);
  end(at_a);
}

TEST_P(TransportTest, ALinkToWhoHasEndedEndsTheLinker) {
  const auto at_a = published(a);
  const auto to_a = b.lookup("echo");
  b.self->monitor(to_a);
  caf::anon_send(at_a, quit_atom_v, 7);  // a kill would be one for the linker, too
  b.self->receive([](const caf::down_msg&) {});
  const auto at_b = b.system.spawn(trapper);
  ASSERT_TRUE(ask<bool>(b.self, at_b, link_atom_v, to_a));
  EXPECT_TRUE(eventually([&] { return ask<int>(b.self, at_b, count_atom_v) == 1; }));
  end(at_b);
}

TEST_P(TransportTest, AnExitMessageEndsAnActorElsewhere) {
  const auto at_a = published(a);
  const auto to_a = b.lookup("echo");
  b.self->monitor(to_a);
  b.self->send_exit(to_a, caf::exit_reason::user_shutdown);
  b.self->receive(
      [](const caf::down_msg& down) { EXPECT_EQ(down.reason, caf::exit_reason::user_shutdown); });
}

TEST_P(TransportTest, LinksAndMonitorsComeAndGo) {
  const auto at_a = published(a);
  const auto to_a = b.lookup("echo");
  for (int i = 0; i < 200; ++i) {
    const auto one = b.system.spawn(trapper);
    ASSERT_TRUE(ask<bool>(b.self, one, link_atom_v, to_a));
    b.self->monitor(to_a);
    ASSERT_TRUE(ask<bool>(b.self, one, unlink_atom_v, to_a));  // or its end would be A's
    b.self->demonitor(to_a);
    end(one);
  }
  EXPECT_EQ(ask<int>(b.self, to_a, 1), 1);
  end(at_a);
}

// --- a system ends --------------------------------------------------------------------------------

TEST_P(TransportTest, TheEndOfASystemAnswersWhoWaitsForIt) {
  auto c = std::make_unique<node>(group, change);
  c->host.publish(c->system.spawn([](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::skip);
    return {[](quit_atom) {}};
  }),
                  "echo");
  const auto to_c = a.lookup("echo");
  a.self->monitor(to_c);
  const auto linked = a.system.spawn(trapper);
  ASSERT_TRUE(ask<bool>(a.self, linked, link_atom_v, to_c));
  auto pending = a.self->request(to_c, patience, hold_atom_v);
  c->system.await_actors_before_shutdown(false);
  c.reset();
  caf::error failed;
  pending.receive([] {}, [&](caf::error& e) { failed = std::move(e); });
  EXPECT_EQ(failed, peer_error::exited) << actors::render(a.system, failed);
  a.self->receive([&](const caf::down_msg& down) { EXPECT_EQ(down.reason, peer_error::exited); });
  EXPECT_TRUE(eventually([&] { return ask<int>(a.self, linked, count_atom_v) == 1; }));
  EXPECT_EQ(ask<int>(a.self, to_c, 1).error(), peer_error::exited);
  EXPECT_TRUE(eventually([&] { return a.host.peers().size() == 1; }));
  end(linked);
}

TEST_P(TransportTest, WhatWasSentBeforeTheEndArrives) {
  constexpr int count = 2000;
  const auto at_a = published(a);
  {
    node c{group, change};
    const auto to_a = c.lookup("echo");
    for (int i = 0; i < count; ++i) c.self->send(to_a, count_atom_v, 1);
  }
  EXPECT_TRUE(eventually([&] { return ask<int>(a.self, at_a, count_atom_v) == count; }));
  end(at_a);
}

TEST_P(TransportTest, HandlersThatBlockLeaveNoThreadsBehind) {
  const auto threads = [] {
    const std::filesystem::directory_iterator all{"/proc/self/task"};
    return std::distance(all, std::filesystem::directory_iterator{});
  };
  const auto blocks = [](caf::event_based_actor*) -> caf::behavior {
    return {[](int ms) {
      poll(nullptr, 0, ms);
      return ms;
    }};
  };
  std::vector<caf::actor> all;
  for (int i = 0; i < 5; ++i) {
    all.push_back(a.system.spawn(blocks));
    a.host.publish(all.back(), std::to_string(i));
    EXPECT_EQ(ask<int>(b.self, b.lookup(std::to_string(i)), 0), 0);
  }
  const auto before = threads();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask<int>(b.self, b.lookup(std::to_string(i)), 50), 50);
  // Whoever looks after the thread sees them off while something goes on.
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(ask<int>(b.self, b.lookup("0"), 0), 0);
    return threads() <= before;
  }));
  for (const auto& one : all) end(one);
}

TEST_P(TransportTest, AHandlerThatWaitsForAnotherProcessDoesNotStopTheTransport) {
  const auto at_a = published(a, "a"), at_b = published(b, "b");
  const auto to_a = b.lookup("a");
  for (int i = 0; i < 5; ++i) ASSERT_EQ(ask<int>(b.self, to_a, block_atom_v, at_b, i), i);
  EXPECT_EQ(ask<int>(b.self, to_a, 1), 1);
  end(at_a);
  end(at_b);
}

/// How often threads of that name have waited in this process.
long waits_of(const std::string& name) {
  long all = 0;
  for (const auto& thread : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream status{thread.path() / "status"};
    std::string key, value;
    while (status >> key) {
      if (key == "Name:" && status >> value && value != name) break;
      if (key == "voluntary_ctxt_switches:" && status >> value) all += std::stol(value);
    }
  }
  return all;
}

TEST_P(TransportTest, AHandlerThatWaitsAfterAQuietTimeDoesNotStopTheTransport) {
  const auto at_a = published(a, "a"), at_b = published(b, "b");
  const auto to_a = b.lookup("a");
  ASSERT_EQ(ask<int>(b.self, to_a, 1), 1);
  // Whoever looks after the threads that run actors sleeps when they do.
  ASSERT_TRUE(eventually([&] {
    const long before = waits_of("hawser-guard");
    poll(nullptr, 0, 100);
    return waits_of("hawser-guard") == before;
  }));
  EXPECT_EQ(ask<int>(b.self, to_a, block_atom_v, at_b, 7), 7);
  end(at_a);
  end(at_b);
}

}  // namespace
}  // namespace test
