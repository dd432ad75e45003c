/// Actors as processes of their own.
#include "process_support.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/actors/this_process.hpp>

#include <caf/blocking_actor.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <gtest/gtest.h>

#include <csignal>

using namespace std::chrono_literals;
using hawser::actors::exit_status;
using hawser::actors::process;

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(process_actor_tests, caf::first_custom_type_id)
  CAF_ADD_ATOM(process_actor_tests, test, tick, "tick")
CAF_END_TYPE_ID_BLOCK(process_actor_tests)
// clang-format on
HAWSER_REGISTER(process_actor_tests);

using test::tick;
using test::tick_v;

namespace {

/// Counts down by sending itself messages, and writes down what it was.
class countdown : public caf::event_based_actor {
 public:
  countdown(caf::actor_config& config, int from, std::filesystem::path out)
      : caf::event_based_actor(config), left_(from), out_(std::move(out)) {}

 private:
  caf::behavior make_behavior() override {
    send(this, tick_v);
    return {[this](tick) {
      ++ticks_;
      if (--left_ > 0) return send(this, tick_v);
      test::write_file(out_, hawser::actors::this_process::name() + " " + std::to_string(ticks_));
      quit();
    }};
  }

  int left_;
  int ticks_ = 0;
  std::filesystem::path out_;
};
HAWSER_PROCESS_ACTOR(countdown, int, std::filesystem::path);

class thrower final : public caf::event_based_actor {
 public:
  explicit thrower(caf::actor_config& config) : caf::event_based_actor(config) {
    throw std::logic_error{"in the constructor"};
  }
};
HAWSER_PROCESS_ACTOR(thrower);

class throws_later : public caf::event_based_actor {
 public:
  using caf::event_based_actor::event_based_actor;

 private:
  caf::behavior make_behavior() override {
    send(this, tick_v);
    return {[](tick) { throw std::out_of_range{"no such tick"}; }};
  }
};
HAWSER_PROCESS_ACTOR(throws_later);

caf::behavior quit_with(caf::event_based_actor* self, std::string how) {
  self->send(self, tick_v);
  return {[=](tick) {
    if (how == "normal") self->quit();
    if (how == "kill") self->quit(caf::exit_reason::kill);
    if (how == "throw") throw std::runtime_error{"as asked"};
  }};
}
HAWSER_PROCESS(quit_with);

struct shutdown_state {
  std::filesystem::path out;
};

/// Ends in order when it is asked to.
caf::behavior tidy(hawser::actors::stateful_actor<shutdown_state>* self,
                   std::filesystem::path ready, const std::filesystem::path& out) {
  self->state.out = out;
  self->set_exit_handler([self](caf::exit_msg& message) {
    test::write_file(self->state.out, "tidied up");
    self->quit(std::move(message.reason));
  });
  test::write_file(ready, "ready");
  return {[](tick) {}};
}
HAWSER_PROCESS(tidy);

caf::behavior stubborn(caf::event_based_actor* self, std::filesystem::path ready,
                       std::filesystem::path asked) {
  self->set_exit_handler([asked](caf::exit_msg&) { test::write_file(asked, "asked"); });
  test::write_file(ready, "ready");
  return {[](tick) {}};
}
HAWSER_PROCESS(stubborn);

void blocking(caf::blocking_actor* self, int value) {
  self->send(self, value);
  self->receive([](int x) {
    if (x == 13) throw std::domain_error{"unlucky"};
  });
}
HAWSER_PROCESS(blocking);

template <class... Args>
concept can_start_countdown = requires(Args... args) {
  process::spawn<countdown>(args...);
};
static_assert(can_start_countdown<int, std::filesystem::path>);
static_assert(can_start_countdown<int, const char*>);
static_assert(!can_start_countdown<int>);
static_assert(!can_start_countdown<std::string, std::string>);

bool appears(const std::filesystem::path& file) {
  return test::eventually([&] { return std::filesystem::exists(file); });
}

}  // namespace

TEST(ProcessActorTest, AnActorClassRunsAsAProcessAndEndsIt) {
  const test::temporary_folder folder;
  auto child = process::spawn<countdown>({.name = "counter-1"}, 5, folder / "out");
  EXPECT_EQ(child.name(), "counter-1");
  EXPECT_EQ(child.join(), exit_status::exited(0));
  EXPECT_EQ(test::contents(folder / "out"), "counter-1 5");
}

TEST(ProcessActorTest, AnActorClassCanBeStartedByName) {
  const test::temporary_folder folder;
  EXPECT_EQ(process::spawn("countdown", 2, folder / "out").join(), exit_status::exited(0));
  EXPECT_EQ(test::contents(folder / "out"), "countdown 2");
}

TEST(ProcessActorTest, TheExitReasonBecomesTheExitStatus) {
  EXPECT_EQ(process::spawn(quit_with, "normal").join(), exit_status::exited(0));
  const auto killed = process::spawn(quit_with, "kill").join();
  EXPECT_EQ(killed.code(), 1);
  ASSERT_TRUE(killed.exception());
  EXPECT_EQ(killed.exception()->type, "caf::error");
  EXPECT_EQ(killed.exception()->message, HAWSER_CAF_1 ? "kill" : "exit_reason(kill)");
}

TEST(ProcessActorTest, AnExceptionInAHandlerReachesTheParent) {
  EXPECT_EQ(process::spawn(quit_with, "throw").join(),
            exit_status::exited(1, {"std::runtime_error", "as asked"}));
  EXPECT_EQ(process::spawn<throws_later>().join(),
            exit_status::exited(1, {"std::out_of_range", "no such tick"}));
  EXPECT_EQ(process::spawn(blocking, 13).join(),
            exit_status::exited(1, {"std::domain_error", "unlucky"}));
  EXPECT_EQ(process::spawn(blocking, 12).join(), exit_status::exited(0));
}

TEST(ProcessActorTest, AnExceptionInAConstructorReachesTheParent) {
  EXPECT_EQ(process::spawn<thrower>().join(),
            exit_status::exited(1, {"std::logic_error", "in the constructor"}));
}

TEST(ProcessActorTest, TerminateReachesTheActorAsAnExitMessage) {
  const test::temporary_folder folder;
  auto child = process::spawn(tidy, folder / "ready", folder / "out");
  ASSERT_TRUE(appears(folder / "ready"));
  child.terminate();
  EXPECT_EQ(child.join(), exit_status::exited(0));
  EXPECT_EQ(test::contents(folder / "out"), "tidied up");
}

TEST(ProcessActorTest, ASecondTerminateKillsAnActorThatStays) {
  const test::temporary_folder folder;
  auto child = process::spawn(stubborn, folder / "ready", folder / "asked");
  ASSERT_TRUE(appears(folder / "ready"));
  child.terminate();
  ASSERT_TRUE(appears(folder / "asked"));
  EXPECT_TRUE(child.running());
  child.terminate();
  EXPECT_EQ(child.join(), exit_status::killed(SIGTERM));
}
