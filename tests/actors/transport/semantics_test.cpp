// What actors can observe is the same in one process, over CAF's own network, and over Hawser.

#include "transport_support.hpp"

#include <caf/io/all.hpp>

#include <transport/caf_parts.hpp>

namespace test {
namespace {

/// Two places for actors: `bring` makes a handle that is good there good here.
class world {
 public:
  virtual ~world() = default;
  virtual caf::actor_system& here() = 0;
  virtual caf::actor_system& there() = 0;
  virtual caf::actor bring(const caf::actor& one) = 0;
};

class one_process : public world {
  caf::actor_system& here() override { return system_; }
  caf::actor_system& there() override { return system_; }
  caf::actor bring(const caf::actor& one) override { return one; }

  caf::actor_system_config config_;
  caf::actor_system system_{config_};
};

struct tcp_config : caf::actor_system_config {
  tcp_config() {
    load<caf::io::middleman>();
    actors::detail::add_network_messages();
    actors::add_messages<caf::id_block::transport_tests>(*this);
  }
};

class caf_tcp : public world {
  caf::actor_system& here() override { return here_; }
  caf::actor_system& there() override { return there_; }
  caf::actor bring(const caf::actor& one) override {
    const auto port = there_.middleman().publish(one, 0, "127.0.0.1");
    if (!port) throw std::runtime_error{actors::render(there_, port.error())};
    auto handle = here_.middleman().remote_actor("127.0.0.1", *port);
    if (!handle) throw std::runtime_error{actors::render(here_, handle.error())};
    return *handle;
  }

  tcp_config here_config_, there_config_;
  caf::actor_system here_{here_config_}, there_{there_config_};
};

class over_hawser : public world {
  caf::actor_system& here() override { return here_.system; }
  caf::actor_system& there() override { return there_.system; }
  caf::actor bring(const caf::actor& one) override {
    const std::string name = "actor " + std::to_string(one.id());
    there_.host.publish(one, name);
    return here_.lookup(name);
  }

  const std::string group_ = unique_name();
  node here_{group_}, there_{group_};
};

using make_world = std::unique_ptr<world> (*)();
template <class World>
std::unique_ptr<world> make() {
  return std::make_unique<World>();
}

struct place {
  const char* name;
  make_world make;
};

class SemanticsTest : public testing::TestWithParam<place> {
 protected:
  void TearDown() override {
    for (const auto& one : made_) caf::anon_send_exit(one, caf::exit_reason::kill);
  }
  template <class... Ts>
  caf::actor spawn_there(Ts&&... behavior) {
    made_.push_back(world_->there().spawn(std::forward<Ts>(behavior)...));
    return world_->bring(made_.back());
  }
  template <class... Ts>
  caf::actor spawn_here(Ts&&... behavior) {
    made_.push_back(world_->here().spawn(std::forward<Ts>(behavior)...));
    return made_.back();
  }
  bool over_tcp() const { return std::string{GetParam().name} == "CafTcp"; }

  std::unique_ptr<world> world_ = GetParam().make();
  caf::scoped_actor self{world_->here()};

 private:
  std::vector<caf::actor> made_;
};

INSTANTIATE_TEST_SUITE_P(, SemanticsTest,
                         testing::Values(place{"OneProcess", make<one_process>},
                                         place{"CafTcp", make<caf_tcp>},
                                         place{"Hawser", make<over_hawser>}),
                         [](const auto& one) { return std::string{one.param.name}; });

TEST_P(SemanticsTest, RequestsAreAnsweredByValuesErrorsAndPromises) {
  const auto other = spawn_there([](caf::event_based_actor* me) -> caf::behavior {
    me->set_default_handler(caf::drop);
    return {[](int x) -> caf::result<int> {
              if (x < 0) return caf::sec::invalid_argument;
              return x * 2;
            },
            [=](const std::string& text) {
              auto later = me->make_response_promise<std::string>();
              me->delayed_send(me, 1ms, 0);
              me->become([=](int) mutable { later.deliver(text + text), me->unbecome(); });
              return later;
            },
            [](const point& p) {
              return point{p.x + 1, p.name};
            }};
  });
  EXPECT_EQ(ask<int>(self, other, 21), 42);
  EXPECT_EQ(ask<int>(self, other, -1).error(), caf::sec::invalid_argument);
  EXPECT_EQ(ask<point>(self, other, point{1, "one"}), (point{2, "one"}));
  EXPECT_EQ(ask<int>(self, other, 1.5).error(), caf::sec::unexpected_message);
  EXPECT_EQ(ask<std::string>(self, other, "ab"), "abab");
}

TEST_P(SemanticsTest, ADelegatedRequestIsAnsweredByTheLastOne) {
  const auto last = spawn_there(echo), first = spawn_there(echo), near = spawn_here(echo);
  EXPECT_EQ(ask<int>(self, first, forward_atom_v, last, 7), 7);
  EXPECT_EQ(ask<int>(self, first, forward_atom_v, near, 8), 8);
  EXPECT_EQ(ask<int>(self, near, forward_atom_v, first, 9), 9);
}

TEST_P(SemanticsTest, ARequestThatNobodyAnswersRunsIntoItsTimeout) {
  const auto other = spawn_there(echo);
  caf::error failed;
  self->request(other, 20ms, hold_atom_v)
      .receive([] {}, [&](caf::error& reason) { failed = std::move(reason); });
  EXPECT_EQ(failed, caf::sec::request_timeout);
}

TEST_P(SemanticsTest, AHandleComesBackAsItWent) {
  const auto other = spawn_there(echo), near = spawn_here(echo);
  EXPECT_EQ(ask<caf::actor>(self, other, near), near);
  EXPECT_EQ(ask<caf::actor>(self, other, other), other);
}

TEST_P(SemanticsTest, MessagesKeepTheirOrder) {
  const auto other = spawn_there([](actors::stateful_actor<echo_state>* me) -> caf::behavior {
    return {[=](int x) {
              if (x == me->state.count) ++me->state.count;
            },
            [=](count_atom) { return me->state.count; }};
  });
  for (int i = 0; i < 5000; ++i) self->send(other, i);
  EXPECT_EQ(ask<int>(self, other, count_atom_v), 5000);
}

TEST_P(SemanticsTest, MonitorsFireOnceWithTheReason) {
  const auto other = spawn_there(echo);
  self->monitor(other);
  self->send(other, quit_atom_v, 7);
  self->receive([&](const caf::down_msg& down) {
    EXPECT_EQ(down.source, other.address());
    EXPECT_EQ(down.reason, error_of(test_code::seven));
  });
  bool again = false;
  self->receive([&](const caf::down_msg&) { again = true; }, caf::after(10ms) >> [] {});
  EXPECT_FALSE(again);
  self->monitor(other);  // which has ended
  self->receive([&](const caf::down_msg& down) { EXPECT_EQ(down.source, other.address()); });
}

TEST_P(SemanticsTest, WhoDoesNotMonitorAnyMoreHearsNothing) {
  const auto other = spawn_there(echo);
  self->monitor(other);
  self->demonitor(other);
  self->send_exit(other, caf::exit_reason::user_shutdown);
  bool fired = false;
  self->receive([&](const caf::down_msg&) { fired = true; }, caf::after(20ms) >> [] {});
  EXPECT_FALSE(fired);
}

TEST_P(SemanticsTest, ALinkTellsTheOtherOneOnceWhoeverLinkedAndWhoeverEnds) {
  for (const bool linker_ends : {false, true}) {
    const auto other = spawn_there(trapper), near = spawn_here(trapper);
    ASSERT_TRUE(ask<bool>(self, near, link_atom_v, other));
    ASSERT_EQ(ask<int>(self, other, count_atom_v), 0);
    self->send(linker_ends ? near : other, quit_atom_v);
    const auto& stays = linker_ends ? other : near;
    EXPECT_TRUE(eventually([&] { return ask<int>(self, stays, count_atom_v) != 0; }));
    self->receive([](int) {}, caf::after(20ms) >> [] {});
    // CAF's network says it twice when the linker ends.
    const int times = ask<int>(self, stays, count_atom_v).value();
    EXPECT_TRUE(times == 1 || over_tcp()) << times;
  }
}

TEST_P(SemanticsTest, AnExitMessageEndsWhoDoesNotTrapIt) {
  const auto other = spawn_there(echo), traps = spawn_there(trapper);
  self->monitor(other);
  self->send_exit(other, caf::exit_reason::user_shutdown);
  self->receive(
      [&](const caf::down_msg& down) { EXPECT_EQ(down.reason, caf::exit_reason::user_shutdown); });
  self->send_exit(traps, caf::exit_reason::user_shutdown);
  EXPECT_EQ(ask<int>(self, traps, count_atom_v), 1);
}

TEST_P(SemanticsTest, ARequestToWhoHasEndedFailsAtOnce) {
  const auto other = spawn_there(echo);
  self->monitor(other);
  self->send_exit(other, caf::exit_reason::user_shutdown);
  self->receive([](const caf::down_msg&) {});
  caf::error failed;
  // CAF's network leaves it to its timeout.
  self->request(other,
                over_tcp() ? actors::detail::request_timeout{20ms}
                           : actors::detail::request_timeout{patience},
                1)
      .receive([](int) {}, [&](caf::error& reason) { failed = std::move(reason); });
  EXPECT_EQ(failed, over_tcp() ? caf::sec::request_timeout : caf::sec::request_receiver_down);
}

TEST_P(SemanticsTest, ARequestBehindTheEndOfItsReceiverFails) {
  const auto other = spawn_there(echo);
  self->send(other, quit_atom_v, 7);
  caf::error failed;
  self->request(other,
                over_tcp() ? actors::detail::request_timeout{100ms}
                           : actors::detail::request_timeout{patience},
                1)
      .receive([](int) {}, [&](caf::error& reason) { failed = std::move(reason); });
  EXPECT_TRUE(failed);
  EXPECT_TRUE(failed != caf::sec::request_timeout || over_tcp()) << to_string(failed);
}

}  // namespace
}  // namespace test
