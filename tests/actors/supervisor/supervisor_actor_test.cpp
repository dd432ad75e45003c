/// Actors under a supervisor, alone and beside processes.
#include "supervisor_support.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <gtest/gtest.h>

#include <csignal>
#include <future>

using namespace std::chrono_literals;
using namespace hawser::actors;
using kind = supervisor_event::kind;

namespace {

using fail_atom = caf::atom_constant<caf::atom("fail")>;
using quit_atom = caf::atom_constant<caf::atom("quit")>;
using ask_atom = caf::atom_constant<caf::atom("ask")>;

caf::behavior collector(caf::event_based_actor* self, int number) {
  return {[](fail_atom, const std::string& what) { throw std::runtime_error{what}; },
          [=](quit_atom) { self->quit(); },
          [=](quit_atom, int) { self->quit(caf::sec::bad_function_call); },
          [=](ask_atom) { return number; }};
}

class counter : public caf::event_based_actor {
 public:
  counter(caf::actor_config& config, int start) : caf::event_based_actor(config), count_(start) {}
  caf::behavior make_behavior() override {
    return {[this](ask_atom) { return count_++; },
            [](fail_atom, const std::string& what) { throw std::domain_error{what}; }};
  }

 private:
  int count_;
};

/// Traps exits: only `kill` ends it.
caf::behavior stubborn(caf::event_based_actor* self) {
  self->set_exit_handler([](caf::exit_msg&) {});
  return {[](ask_atom) { return 0; }};
}

void wait_for_ever() {
  for (;;) pause();
}
HAWSER_PROCESS(wait_for_ever);

int ask(caf::actor_system& system, const caf::actor& whom) {
  caf::scoped_actor self{system};
  int answer = -1;
  self->request(whom, 20s, ask_atom::value)
      .receive([&](int value) { answer = value; }, [](const caf::error&) {});
  return answer;
}

struct quiet_config : caf::actor_system_config {
  quiet_config() { set("scheduler.max-threads", 2U); }
};

}  // namespace

TEST(SupervisorActorTest, AnActorThatThrowsIsRestartedWithItsArguments) {
  quiet_config config;
  caf::actor_system system{config};
  test::event_log log;
  supervisor tree;
  tree.actor("f", collector, 7).actor<counter>("c", {}, 5).on_event(log.listener());
  auto running = tree.start(system);
  EXPECT_EQ(ask(system, test::child_of(running, "f").actor), 7);
  EXPECT_EQ(ask(system, test::child_of(running, "c").actor), 5);
  EXPECT_EQ(ask(system, test::child_of(running, "c").actor), 6);

  caf::anon_send(test::child_of(running, "f").actor, fail_atom::value, std::string{"disk full"});
  caf::anon_send(test::child_of(running, "c").actor, fail_atom::value, std::string{"below 0"});
  ASSERT_TRUE(log.await(kind::started, "f", 2));
  ASSERT_TRUE(log.await(kind::started, "c", 2));
  EXPECT_EQ(log.last(kind::ended, "f").end.kind, end_kind::exception);
  EXPECT_EQ(log.last(kind::ended, "f").end.text, "quit with std::runtime_error: disk full");
  EXPECT_EQ(log.last(kind::ended, "c").end.text, "quit with std::domain_error: below 0");
  EXPECT_EQ(ask(system, test::child_of(running, "f").actor), 7);
  EXPECT_EQ(ask(system, test::child_of(running, "c").actor), 5);
}

TEST(SupervisorActorTest, ATransientActorIsRestartedAfterAnErrorAndNotAfterItHasQuit) {
  quiet_config config;
  caf::actor_system system{config};
  test::event_log log;
  supervisor tree{one_for_one, {.ends_when_done = true}};
  tree.actor("f", {.restart = transient}, collector, 7).on_event(log.listener());
  auto running = tree.start(system);
  caf::anon_send(test::child_of(running, "f").actor, quit_atom::value, 1);
  ASSERT_TRUE(log.await(kind::started, "f", 2));
  EXPECT_EQ(log.last(kind::ended, "f").end.kind, end_kind::code);
  caf::anon_send(test::child_of(running, "f").actor, quit_atom::value);
  EXPECT_EQ(running.wait_for(20s).value_or(child_end{}).kind, end_kind::normal);
  EXPECT_EQ(log.last(kind::ended, "f").end.kind, end_kind::normal);
}

TEST(SupervisorActorTest, AnActorThatTrapsExitsIsKilledAfterItsTime) {
  quiet_config config;
  caf::actor_system system{config};
  test::event_log log;
  supervisor tree;
  tree.actor("s", {.stop_timeout = 10ms}, stubborn).on_event(log.listener());
  { auto running = tree.start(system); }
  const auto end = log.last(kind::ended, "s").end;
  EXPECT_EQ(end.kind, end_kind::stopped);
  EXPECT_NE(end.text.find("had not ended in time"), std::string::npos) << end.text;
}

TEST(SupervisorActorTest, AnActorInTheMiddleOfItsHandlerIsLeftBehind) {
  quiet_config config;
  caf::actor_system system{config};
  test::event_log log;
  std::promise<void> is_in, go_on;
  auto may_go_on = go_on.get_future().share();
  supervisor tree;
  tree.actor("busy", {.stop_timeout = 10ms},
             [&](caf::actor_system& where) {
               return where.spawn([&is_in, may_go_on](caf::event_based_actor*) -> caf::behavior {
                 return {[&is_in, may_go_on](ask_atom) {
                   is_in.set_value();
                   may_go_on.wait();
                 }};
               });
             })
      .on_event(log.listener());
  {
    auto running = tree.start(system);
    caf::anon_send(test::child_of(running, "busy").actor, ask_atom::value);
    is_in.get_future().wait();
  }
  EXPECT_EQ(log.last(kind::ended, "busy").end.kind, end_kind::hung);
  go_on.set_value();
}

TEST(SupervisorActorTest, AnActorAndAProcessAreRestartedTogether) {
  quiet_config config;
  caf::actor_system system{config};
  test::event_log log;
  supervisor tree{one_for_all};
  tree.actor("a", collector, 1).process("p", wait_for_ever).on_event(log.listener());
  auto running = tree.start(system);
  kill(test::child_of(running, "p").pid, SIGKILL);
  ASSERT_TRUE(log.await(kind::started, "p", 2));
  EXPECT_EQ(log.order(), "+a +p -p -a +a +p");
  EXPECT_EQ(ask(system, test::child_of(running, "a").actor), 1);
}

TEST(SupervisorActorTest, ActorsNeedASystem) {
  supervisor tree;
  tree.actor("a", collector, 1);
  try {
    auto running = tree.start();
    FAIL() << "it has started";
  } catch (const hawser::error& failed) {
    EXPECT_EQ(failed.code(), hawser::errc::not_supported);
  }
}

TEST(SupervisorActorTest, EventsReachAListener) {
  quiet_config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  supervisor tree;
  tree.process("p", wait_for_ever).on_event(caf::actor_cast<caf::actor>(self));
  auto running = tree.start(system);
  kill(test::child_of(running, "p").pid, SIGKILL);
  std::vector<kind> seen;
  for (int i = 0; i < 4; ++i)
    self->receive([&](const supervisor_event& event) { seen.push_back(event.what); },
                  caf::after(20s) >> [] { FAIL() << "no event"; });
  EXPECT_EQ(seen, (std::vector{kind::started, kind::ended, kind::restarting, kind::started}));
}
