// Names, typed handles, who is there, and the messages of errors.

#include "transport_support.hpp"
#include <hawser/shm/queue.hpp>

#include <caf/io/all.hpp>

namespace test {
namespace {

using actors::peer_error;

class TransportHostTest : public testing::Test {
 protected:
  /// The words of what `use` throws, which has this code.
  static std::string failure(errc code, const std::function<void()>& use) {
    try {
      use();
    } catch (const error& failed) {
      EXPECT_EQ(failed.code(), code) << failed.what();
      return failed.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return {};
  }
  caf::actor published(node& where, const std::string& name) {
    ours.push_back(where.system.spawn(echo));
    where.host.publish(ours.back(), name);
    return ours.back();
  }
  void TearDown() override {
    for (const auto& one : ours) caf::anon_send_exit(one, caf::exit_reason::kill);
  }

  const std::string group = unique_name();
  node a{group};
  node b{group};
  std::vector<caf::actor> ours;
};

calculator::behavior_type adds(calculator::pointer) {
  return {[](caf::add_atom, int x, int y) { return x + y; }};
}

TEST_F(TransportHostTest, ATypedHandleIsCheckedWhenItIsLookedUp) {
  const calculator local = a.system.spawn(adds);
  a.host.publish(local, "calculator");
  published(a, "echo");
  const auto remote = b.lookup<calculator>("calculator");
  int sum = 0;
  b.self->request(remote, patience, caf::add_atom_v, 3, 4)
      .receive([&](int x) { sum = x; }, [](const caf::error&) {});
  EXPECT_EQ(sum, 7);
  const std::string takes = *a.system.message_types<calculator>().begin();  // in CAF's words
  EXPECT_EQ(failure(errc::type_mismatch, [&] { b.lookup<caf::actor>("calculator"); }),
            "cannot look up actor \"calculator\": it takes " + takes +
                ", and the handle is for any message; use the handle type of its process");
  EXPECT_EQ(failure(errc::type_mismatch, [&] { b.lookup<calculator>("echo"); }),
            "cannot look up actor \"echo\": it takes any message, and the handle is for " + takes +
                "; use the handle type of its process");
  caf::anon_send_exit(local, caf::exit_reason::kill);
}

TEST_F(TransportHostTest, ALookupWaitsUntilSomebodyPublishesTheName) {
  auto found = std::async(std::launch::async, [&] { return b.lookup("late"); });
  EXPECT_EQ(found.wait_for(20ms), std::future_status::timeout);
  const auto local = published(a, "late");
  EXPECT_EQ(found.get(), caf::actor_cast<caf::actor>(b.lookup("late")));
}

TEST_F(TransportHostTest, ALookupInVainSaysWhatToDo) {
  EXPECT_EQ(failure(errc::not_found, [&] { b.host.lookup("nobody", 20ms); }),
            "cannot look up actor \"nobody\": nobody in group \"" + group +
                "\" has published it in time; start its process first, or wait longer");
  EXPECT_THROW(b.host.lookup("nobody", 0ms), error);
  EXPECT_THROW(b.host.lookup("", 0ms), error);
}

TEST_F(TransportHostTest, OurOwnNamesAreFoundByOurselves) {
  const auto local = published(a, "own");
  EXPECT_EQ(a.lookup("own"), local);
}

TEST_F(TransportHostTest, ANameHasOneOwnerAndGoesWithItsActor) {
  const auto first = published(a, "name");
  EXPECT_NE(failure(errc::already_exists, [&] { published(b, "name"); })
                .find("has an actor of that name"),
            std::string::npos);
  const auto second = published(a, "name");  // its owner may
  EXPECT_EQ(ask<caf::actor>(b.self, b.lookup("name"), second), second);
  caf::anon_send_exit(first, caf::exit_reason::kill);  // has no name any more
  EXPECT_EQ(a.lookup("name"), second);
  caf::anon_send_exit(second, caf::exit_reason::kill);
  EXPECT_TRUE(eventually([&] {
    try {
      published(b, "name");
      return true;
    } catch (const error&) {
      return false;
    }
  }));
  EXPECT_FALSE(a.host.withdraw("name"));
  EXPECT_TRUE(b.host.withdraw("name"));
  EXPECT_THROW(a.host.lookup("name", 0ms), error);
}

TEST_F(TransportHostTest, WhatCannotBePublishedIsSaid) {
  failure(errc::bad_argument, [&] { a.host.publish(caf::actor{}, "nothing"); });
  published(a, "here");
  EXPECT_EQ(failure(errc::bad_argument, [&] { b.host.publish(b.lookup("here"), "there"); }),
            "cannot publish actor \"there\": it lives in another process; publish it there");
  failure(errc::bad_name, [&] { published(a, ""); });
  failure(errc::bad_name, [&] { published(a, std::string(105, 'x')); });
}

TEST_F(TransportHostTest, GroupsDoNotSeeEachOther) {
  node stranger{group + ".other"};
  published(a, "name");
  EXPECT_THROW(stranger.host.lookup("name", 20ms), error);
  EXPECT_TRUE(stranger.host.peers().empty());
  const auto theirs = stranger.system.spawn(echo);
  stranger.host.publish(theirs, "name");
  caf::anon_send_exit(theirs, caf::exit_reason::kill);
}

TEST_F(TransportHostTest, PeersAreTheOtherSystems) {
  ASSERT_TRUE(eventually([&] { return a.host.peers().size() == 1; }));
  EXPECT_EQ(a.host.peers()[0], (actors::peer_info{b.system.node(), getpid()}));
  {
    node c{group};
    EXPECT_EQ(c.host.peers().size(), 2U);
    EXPECT_TRUE(eventually([&] { return a.host.peers().size() == 2; }));
  }
  EXPECT_TRUE(eventually([&] { return a.host.peers().size() == 1; }));
}

TEST_F(TransportHostTest, ASystemWithoutATransportIsToldSo) {
  caf::actor_system_config plain;
  caf::actor_system system{plain};
  EXPECT_EQ(failure(errc::not_supported, [&] { actors::transport(system); }),
            "cannot use transport of \"actor_system\": it was made without one; make it with a "
            "hawser::actors::config");
}

TEST_F(TransportHostTest, OptionsOutsideTheirRangeAreRefused) {
  const auto refused = [&](const std::function<void(actors::transport_options&)>& change) {
    return failure(errc::bad_argument, [&] { node{group, change}; });
  };
  EXPECT_EQ(refused([](auto& options) { options.group = "no spaces"; }),
            "cannot join group \"no spaces\": a group's name has 1 to 100 of A-Z a-z 0-9 . _ -");
  refused([](auto& options) { options.group = ""; });
  refused([](auto& options) { options.group = std::string(101, 'x'); });
  refused([](auto& options) { options.ring_bytes = std::size_t{1} << 31; });
  refused([](auto& options) { options.backlog_bytes = 0; });
  node tiny{group, [](auto& options) { options.ring_bytes = 1; }};  // is rounded up
  published(a, "echo");
  EXPECT_EQ(ask<int>(tiny.self, tiny.lookup("echo"), 1), 1);
}

TEST_F(TransportHostTest, AGroupThatCannotBeJoinedIsSaid) {
  // Something else has the directory's name.
  shm::queue<int> stranger{create_only, "actors." + group + ".taken.members", {.capacity = 2}};
  const std::string words = failure(errc::kind_mismatch, [&] { node{group + ".taken"}; });
  EXPECT_NE(words.find("members"), std::string::npos) << words;
}

TEST_F(TransportHostTest, OptionsComeFromTheCommandLine) {
  std::string program = "program", group_option = "--hawser.group=" + group,
              ring_option = "--hawser.ring-bytes=8192";
  char* argv[] = {program.data(), group_option.data(), ring_option.data(), nullptr};
  actors::config config{3, argv};
  EXPECT_EQ(config.transport.group, group);
  EXPECT_EQ(config.transport.ring_bytes, 8192U);
  std::string wrong = "--hawser.no-such-option=1";
  char* bad[] = {program.data(), wrong.data(), nullptr};
  const std::string words = failure(errc::bad_argument, [&] { actors::config refused(2, bad); });
  EXPECT_NE(words.find("no-such-option"), std::string::npos) << words;
}

TEST_F(TransportHostTest, WorksBesideCafsOwnNetwork) {
  struct both_config : test_config {
    explicit both_config(const std::string& group) : test_config(group) {
      load<caf::io::middleman>();
    }
  } both{group};
  caf::actor_system system{both};
  auto& host = actors::transport(system);
  const auto served = system.spawn(echo);
  host.publish(served, "both");
  const auto port = system.middleman().publish(served, 0, "127.0.0.1");
  ASSERT_TRUE(port);
  caf::actor_system_config plain;
  plain.load<caf::io::middleman>();
  caf::actor_system stranger{plain};
  const auto by_tcp = stranger.middleman().remote_actor("127.0.0.1", *port);
  ASSERT_TRUE(by_tcp);
  const auto by_hawser = b.lookup("both");
  caf::scoped_actor self{stranger};
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(ask<int>(self, *by_tcp, i), i);
    ASSERT_EQ(ask<int>(b.self, by_hawser, i), i);
  }
  // The system in the middle hands on from one to the other.
  published(a, "echo");
  const auto in_a = host.lookup("echo", patience);
  const auto relay = system.spawn([in_a](caf::event_based_actor* me) -> caf::behavior {
    return {[=](int x) { return me->delegate(in_a, x); }};
  });
  caf::scoped_actor middle{system};
  EXPECT_EQ(ask<int>(middle, relay, 5), 5);
  b.self->monitor(by_hawser);
  self->monitor(*by_tcp);
  caf::anon_send_exit(served, caf::exit_reason::user_shutdown);
  const auto check = [](const caf::down_msg& down) {
    EXPECT_EQ(down.reason, caf::exit_reason::user_shutdown);
  };
  b.self->receive(check);
  self->receive(check);
  caf::anon_send_exit(relay, caf::exit_reason::kill);
}

TEST_F(TransportHostTest, SystemsThatComeAndGoLeaveNothing) {
  published(a, "echo");
  const auto round = [&] {
    node c{group};
    EXPECT_EQ(ask<int>(c.self, c.lookup("echo"), 1), 1);
  };
  round();
  EXPECT_TRUE(eventually([&] { return a.host.statistics().peers == 0; }));
  const int before = hawser::test::open_descriptors();
  for (int i = 0; i < 20; ++i) round();
  EXPECT_TRUE(eventually([&] {
    return a.host.statistics().peers == 0 && hawser::test::open_descriptors() <= before;
  }));
}

}  // namespace
}  // namespace test
