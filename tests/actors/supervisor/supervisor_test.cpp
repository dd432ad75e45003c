/// Processes under a supervisor: order, strategies, ends, and what is told of them.
#include "supervisor_support.hpp"
#include <hawser/actors/this_process.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <new>
#include <stop_token>
#include <thread>

using namespace std::chrono_literals;
using namespace hawser::actors;
using hawser::errc;
using kind = supervisor_event::kind;

namespace {

void wait_for_ever() {
  for (;;) pause();
}
HAWSER_PROCESS(wait_for_ever);

int leave(int code) { return code; }
HAWSER_PROCESS(leave);

void throw_it(const std::string& what) {
  if (what == "memory") throw std::bad_alloc{};
  throw std::runtime_error{what};
}
HAWSER_PROCESS(throw_it);

/// Ends abnormally as often as there is no such file.
int leave_until(std::filesystem::path file) { return std::filesystem::exists(file) ? 0 : 3; }
HAWSER_PROCESS(leave_until);

void ignore_terminate() {
  std::signal(SIGTERM, SIG_IGN);
  this_process::ready();
  for (;;) pause();
}
HAWSER_PROCESS(ignore_terminate);

void ready_when(std::filesystem::path file) {
  test::require(test::eventually([&] { return std::filesystem::exists(file); }), "no file");
  test::write_file(file.string() + ".ready", "ready");
  this_process::ready();
  for (;;) pause();
}
HAWSER_PROCESS(ready_when);

void never_ready(std::filesystem::path file) {
  test::write_file(file, "running");
  for (;;) pause();
}
HAWSER_PROCESS(never_ready);

supervisor three(restart_strategy strategy, test::event_log& log) {
  supervisor tree{strategy, {.restarts = 100}};
  tree.process("a", wait_for_ever).process("b", wait_for_ever).process("c", wait_for_ever);
  tree.on_event(log.listener());
  return tree;
}

void kill_child(const running_supervisor& running, const std::string& name) {
  const test::stranger child{test::child_of(running, name).pid};
  ASSERT_TRUE(child.found());
  child.kill();
}

/// After the child has ended and all run again.
std::string order_after_killing(restart_strategy strategy, const std::string& name,
                                const std::string& last_started) {
  test::event_log log;
  auto running = three(strategy, log).start();
  const std::size_t before = log.size();
  kill_child(running, name);
  EXPECT_TRUE(log.await(kind::started, last_started, 2));
  const std::string order = log.order(before);
  for (const auto& child : running.children()) EXPECT_EQ(child.state, child_state::running);
  return order;
}

}  // namespace

TEST(SupervisorTest, StartsInOrderAndStopsInReverse) {
  test::event_log log;
  {
    auto running = three(one_for_one, log).start();
    EXPECT_EQ(log.order(), "+a +b +c");
    running.stop();
    EXPECT_EQ(running.wait().kind, end_kind::stopped);
  }
  EXPECT_EQ(log.order(), "+a +b +c -c -b -a");
  EXPECT_EQ(log.last(kind::ended, "a").end.kind, end_kind::stopped);
  EXPECT_FALSE(test::has_children());
}

TEST(SupervisorTest, OneForOneRestartsTheDeadChildAlone) {
  EXPECT_EQ(order_after_killing(one_for_one, "b", "b"), "-b +b");
}

TEST(SupervisorTest, OneForAllStopsTheOthersInReverseAndStartsAllInOrder) {
  EXPECT_EQ(order_after_killing(one_for_all, "b", "c"), "-b -c -a +a +b +c");
}

TEST(SupervisorTest, RestForOneRestartsThoseBehindTheDeadChild) {
  EXPECT_EQ(order_after_killing(rest_for_one, "b", "c"), "-b -c +b +c");
}

TEST(SupervisorTest, AFailedStartUndoesTheOthersAndIsThrown) {
  test::event_log log;
  supervisor tree;
  tree.process("a", wait_for_ever)
      .process("b", {.await_ready = true}, leave, 4)
      .process("c", wait_for_ever)
      .on_event(log.listener());
  try {
    auto running = tree.start();
    FAIL() << "it has started";
  } catch (const hawser::error& failed) {
    EXPECT_EQ(failed.code(), errc::system);
    EXPECT_NE(std::string{failed.what()}.find("exited with 4"), std::string::npos) << failed.what();
  }
  EXPECT_EQ(log.order(), "+a -b -a");
  EXPECT_FALSE(test::has_children());
}

TEST(SupervisorTest, TheNextChildIsStartedWhenTheOneBeforeIsReady) {
  const test::temporary_folder folder;
  const auto file = folder / "go";
  test::event_log log;
  supervisor tree;
  tree.process("a", {.await_ready = true}, ready_when, file)
      .process("b", wait_for_ever)
      .on_event(log.listener());
  std::thread starter{[&] {
    auto running = tree.start();
    EXPECT_TRUE(std::filesystem::exists(file.string() + ".ready"));
  }};
  EXPECT_EQ(log.order(), "");
  test::write_file(file, "go");
  starter.join();
  EXPECT_EQ(log.order(), "+a +b -b -a");
}

TEST(SupervisorTest, ExitReasonsAreToldApart) {
  test::event_log log;
  supervisor tree{one_for_one, {.ends_when_done = true}};
  const process_child_options once{.restart = temporary};
  tree.process("normal", once, leave, 0)
      .process("code", once, leave, 3)
      .process("exception", once, throw_it, "disk full")
      .process("memory", once, throw_it, "memory")
      .on_event(log.listener());
  EXPECT_EQ(tree.run().kind, end_kind::normal);
  EXPECT_EQ(log.last(kind::ended, "normal").end.kind, end_kind::normal);
  EXPECT_EQ(log.last(kind::ended, "code").end.kind, end_kind::code);
  EXPECT_EQ(log.last(kind::ended, "code").end.status, exit_status::exited(3));
  EXPECT_EQ(log.last(kind::ended, "memory").end.kind, end_kind::out_of_memory);
  const child_end thrown = log.last(kind::ended, "exception").end;
  EXPECT_EQ(thrown.kind, end_kind::exception);
  EXPECT_EQ(thrown.text, "exited with 1: std::runtime_error: disk full");
}

TEST(SupervisorTest, ATransientChildIsRestartedUntilItEndsNormally) {
  const test::temporary_folder folder;
  test::event_log log;
  supervisor tree{one_for_one,
                  {.restarts = 100, .backoff = {.first = 1ms}, .ends_when_done = true}};
  tree.process("t", {.restart = transient}, leave_until, folder / "enough")
      .on_event(log.listener());
  auto running = tree.start();
  ASSERT_TRUE(log.await(kind::ended, "t", 3));
  test::write_file(folder / "enough", "");
  EXPECT_EQ(running.wait().kind, end_kind::normal);
  EXPECT_EQ(log.last(kind::ended, "t").end.kind, end_kind::normal);
  EXPECT_EQ(log.count(kind::started, "t"), log.count(kind::ended, "t"));
}

TEST(SupervisorTest, TooManyRestartsEndItAndItsOtherChildren) {
  test::event_log log;
  supervisor tree{one_for_one, {.restarts = 2, .within = 60s, .backoff = {.first = 1ms}}};
  tree.process("good", wait_for_ever).process("bad", leave, 3).on_event(log.listener());
  const child_end end = tree.run();
  EXPECT_EQ(end.kind, end_kind::gave_up);
  EXPECT_NE(end.text.find("exited with 3"), std::string::npos) << end.text;
  EXPECT_EQ(log.count(kind::started, "bad"), 3U);
  EXPECT_EQ(log.count(kind::gave_up, ""), 1U);
  EXPECT_EQ(log.last(kind::ended, "good").end.kind, end_kind::stopped);
  EXPECT_FALSE(test::has_children());
}

TEST(SupervisorTest, ASubtreeThatGivesUpIsRestartedByItsOwnSupervisor) {
  const test::temporary_folder folder;
  test::event_log log;
  supervisor inner{one_for_one, {.restarts = 1, .within = 60s, .backoff = {.first = 1ms}}};
  inner.process("bad", {.restart = transient}, leave_until, folder / "enough");
  supervisor tree{one_for_one, {.restarts = 100, .backoff = {.first = 1ms}}};
  tree.subtree("in", std::move(inner)).process("z", wait_for_ever).on_event(log.listener());
  auto running = tree.start();
  ASSERT_TRUE(log.await(kind::started, "in", 3));
  EXPECT_EQ(log.last(kind::ended, "in").end.kind, end_kind::gave_up);
  EXPECT_EQ(log.count(kind::ended, "z"), 0U);
  EXPECT_GE(log.count(kind::ended, "in/bad"), 4U);
  test::write_file(folder / "enough", "");
  running.stop();
  EXPECT_EQ(running.wait().kind, end_kind::stopped);
}

TEST(SupervisorTest, AChildThatIgnoresTheRequestIsKilledAfterItsTime) {
  test::event_log log;
  supervisor tree;
  tree.process("a", {.stop_timeout = 20ms, .await_ready = true}, ignore_terminate)
      .on_event(log.listener());
  { auto running = tree.start(); }
  const child_end end = log.last(kind::ended, "a").end;
  EXPECT_EQ(end.kind, end_kind::stopped);
  EXPECT_EQ(end.status, exit_status::killed(SIGKILL));
}

TEST(SupervisorTest, AStoppedProcessIsStoppedInOrderAllTheSame) {
  test::event_log log;
  supervisor tree;
  tree.process("a", {.stop_timeout = 10s}, wait_for_ever).on_event(log.listener());
  {
    auto running = tree.start();
    kill(test::child_of(running, "a").pid, SIGSTOP);
  }
  EXPECT_EQ(log.last(kind::ended, "a").end.status, exit_status::killed(SIGTERM));
}

TEST(SupervisorTest, ChildrenAreAddedStoppedRestartedAndRemovedWhileItRuns) {
  test::event_log log;
  supervisor inner;
  inner.process("i", wait_for_ever);
  supervisor tree;
  tree.subtree("in", std::move(inner)).on_event(log.listener());
  auto running = tree.start();
  running.process("new", wait_for_ever);
  EXPECT_EQ(test::child_of(running, "new").state, child_state::running);
  EXPECT_THROW(running.process("new", wait_for_ever), hawser::error);
  EXPECT_THROW(running.process("fails", {.await_ready = true}, leave, 1), hawser::error);
  EXPECT_EQ(running.children().size(), 3U);

  running.stop_child("in/i");
  EXPECT_EQ(test::child_of(running, "in/i").state, child_state::stopped);
  running.restart_child("in/i");
  EXPECT_EQ(test::child_of(running, "in/i").state, child_state::running);
  running.remove_child("new");
  EXPECT_THROW(running.stop_child("new"), hawser::error);
  EXPECT_THROW(running.stop_child("new/x"), hawser::error);
  EXPECT_EQ(log.order(), "+in/i +in +new -fails -in/i +in/i -new");

  running.stop();
  running.wait();
  EXPECT_THROW(running.process("late", wait_for_ever), hawser::error);
}

TEST(SupervisorTest, StoppingInterruptsABackOff) {
  test::event_log log;
  supervisor tree{one_for_one, {.restarts = 10, .backoff = {.first = 1h, .longest = 1h}}};
  tree.process("bad", leave, 3).on_event(log.listener());
  auto running = tree.start();
  ASSERT_TRUE(log.await(kind::restarting, "bad", 2));
  running.stop();
  EXPECT_EQ(running.wait_for(20s).value_or(child_end{}).kind, end_kind::stopped);
}

TEST(SupervisorTest, StoppingInterruptsAStartThatDoesNotBecomeReady) {
  const test::temporary_folder folder;
  test::event_log log;
  supervisor tree;
  tree.process("a", {.await_ready = true, .start_timeout = 1h}, ready_when, folder / "go")
      .on_event(log.listener());
  test::write_file(folder / "go", "");
  auto running = tree.start();
  std::filesystem::remove(folder / "go");
  kill_child(running, "a");
  ASSERT_TRUE(log.await(kind::restarting, "a", 1));
  ASSERT_TRUE(test::eventually(
      [&] { return test::child_of(running, "a").state == child_state::starting; }));
  running.stop();
  EXPECT_EQ(running.wait_for(10s).value_or(child_end{}).kind, end_kind::stopped);
  EXPECT_FALSE(test::has_children());
}

TEST(SupervisorTest, ItsFirstStartCanBeGivenUp) {
  const test::temporary_folder folder;
  test::event_log log;
  supervisor tree;
  tree.process("a", wait_for_ever)
      .process("b", {.await_ready = true, .start_timeout = 1h}, never_ready, folder / "b")
      .on_event(log.listener());
  std::stop_source end;
  std::thread stopper{[&] {
    EXPECT_TRUE(test::eventually([&] { return std::filesystem::exists(folder / "b"); }));
    end.request_stop();
  }};
  EXPECT_THROW(tree.run(end.get_token()), hawser::error);
  stopper.join();
  EXPECT_EQ(log.order(), "+a -b -a");
  EXPECT_FALSE(test::has_children());
}

TEST(SupervisorTest, AStopThatIsRequestedEndsItsRun) {
  test::event_log log;
  supervisor tree;
  tree.process("a", wait_for_ever).on_event(log.listener());
  std::stop_source end;
  std::thread stopper{[&] {
    EXPECT_TRUE(log.await(kind::started, "a", 2));  // a restart: it runs
    end.request_stop();
  }};
  tree.on_event([&](const supervisor_event& event) {
    if (event.what == kind::started && log.count(kind::started, "a") == 1) kill(event.pid, SIGKILL);
  });
  EXPECT_EQ(tree.run(end.get_token()).kind, end_kind::stopped);
  stopper.join();
  EXPECT_FALSE(test::has_children());
}

TEST(SupervisorTest, AnEventCallbackMayStopItButNotWaitForIt) {
  supervisor tree;
  running_supervisor* running = nullptr;
  std::mutex mutex;
  int refused = 0;
  tree.process("a", wait_for_ever).on_event([&](const supervisor_event& event) {
    const std::scoped_lock hold{mutex};
    if (running == nullptr || event.what != kind::ended) return;
    try {
      running->wait();
    } catch (const hawser::error&) {
      ++refused;
    }
    try {
      running->stop_child("a");
    } catch (const hawser::error&) {
      ++refused;
    }
    running->stop();
  });
  auto started = tree.start();
  {
    const std::scoped_lock hold{mutex};
    running = &started;
  }
  kill_child(started, "a");
  EXPECT_EQ(started.wait_for(20s).value_or(child_end{}).kind, end_kind::stopped);
  const std::scoped_lock hold{mutex};
  EXPECT_GE(refused, 2);
  running = nullptr;
}

TEST(SupervisorTest, NamesAreCheckedWhenAChildIsAdded) {
  supervisor tree;
  tree.process("a", wait_for_ever);
  EXPECT_THROW(tree.process("a", wait_for_ever), hawser::error);
  EXPECT_THROW(tree.process("", wait_for_ever), hawser::error);
  EXPECT_THROW(tree.process("a/b", wait_for_ever), hawser::error);
}

TEST(SupervisorTest, NoDescriptorIsLeft) {
  const auto once = [] {
    test::event_log log;
    supervisor tree;
    tree.process("a", {.keep_lines = 3}, wait_for_ever).on_event(log.listener());
    auto running = tree.start();
    kill_child(running, "a");
    EXPECT_TRUE(log.await(kind::started, "a", 2));
  };
  once();  // threads that live as long as the process have some
  const auto before = test::open_descriptors();
  once();
  once();
  EXPECT_EQ(test::open_descriptors(), before);
}
