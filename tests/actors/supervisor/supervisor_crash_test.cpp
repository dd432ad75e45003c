/// Random kills, of children and of the supervisor itself, with exact accounting.
#include "supervisor_support.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <memory>
#include <random>
#include <set>

#include <sys/prctl.h>
#include <sys/wait.h>

using namespace std::chrono_literals;
using namespace hawser::actors;
using kind = supervisor_event::kind;

namespace {

void wait_for_ever() {
  for (;;) pause();
}
HAWSER_PROCESS(wait_for_ever);

supervisor forest(restart_strategy strategy) {
  const supervisor_options often{.restarts = 1'000'000, .backoff = {.first = 0ms, .longest = 0ms}};
  supervisor inner{strategy, often};
  inner.process("x", wait_for_ever).process("y", {.keep_lines = 5}, wait_for_ever);
  supervisor tree{strategy, often};
  tree.process("a", wait_for_ever).subtree("in", std::move(inner)).process("b", wait_for_ever);
  return tree;
}

bool all_run(const running_supervisor& running) {
  const auto children = running.children();
  return children.size() == 5 &&
         std::all_of(children.begin(), children.end(), [](const child_info& child) {
           return child.state == child_state::running &&
                  (child.what == child_info::kind::supervisor || child.pid != 0);
         });
}

/// A supervisor in a process of its own; shows when all run.
void run_forest(std::filesystem::path out) {
  auto running = forest(one_for_one).start();
  test::require(all_run(running), "not all run");
  std::string pids;
  for (const auto& child : running.children())
    if (child.pid != 0) pids += std::to_string(child.pid) + " ";
  test::write_file(out, pids);
  running.wait();
}
HAWSER_PROCESS(run_forest);

class SupervisorCrashTest : public testing::TestWithParam<restart_strategy> {};

}  // namespace

TEST_P(SupervisorCrashTest, EveryKillIsToldOnceAndEveryChildWorksAgain) {
  std::minstd_rand random{static_cast<unsigned>(GetParam()) + 7};
  test::event_log log;
  std::set<pid_t> killed;  // one that is dead may be chosen again before its supervisor knows
  {
    auto tree = forest(GetParam());
    tree.on_event(log.listener());
    auto running = tree.start();
    for (int round = 0; round < 60; ++round) {
      const auto children = running.children();
      const auto& victim = children[random() % children.size()];
      if (victim.pid == 0) continue;
      const test::stranger process{victim.pid};
      if (!process.found()) continue;
      const std::size_t before = log.size();
      process.kill();
      ASSERT_TRUE(process.has_ended(20s));
      if (random() % 4 != 0) {  // else the next one is killed in the middle of the restart
        ASSERT_TRUE(test::eventually([&] { return log.size() > before && all_run(running); }));
      }
      killed.insert(victim.pid);
    }
    ASSERT_TRUE(test::eventually([&] { return all_run(running); }));
  }
  // Each life begins and ends once, and what was killed is told as that, unless the supervisor was
  // already stopping it.
  std::map<pid_t, child_end> ends;
  std::map<std::string, pid_t> lives;
  for (const auto& event : log.all()) {
    if (event.what == kind::started && event.pid != 0) {
      EXPECT_EQ(lives[event.child], 0) << event.child;
      lives[event.child] = event.pid;
    } else if (event.what == kind::ended && event.pid != 0) {
      EXPECT_EQ(lives[event.child], event.pid) << event.child;
      lives[event.child] = 0;
      EXPECT_TRUE(ends.emplace(event.pid, event.end).second) << event.pid << " ended twice";
    }
  }
  for (const auto& [name, pid] : lives) EXPECT_EQ(pid, 0) << name << " has not ended";
  for (const pid_t pid : killed) {
    ASSERT_TRUE(ends.contains(pid)) << pid;
    const child_end& end = ends[pid];
    EXPECT_TRUE(end.kind == end_kind::stopped ||
                (end.kind == end_kind::signal && end.status == exit_status::killed(SIGKILL)))
        << to_string(end);
  }
  // Nobody else has died but those that restarts of others have stopped.
  for (const auto& [pid, end] : ends)
    if (end.kind != end_kind::stopped) {
      EXPECT_TRUE(killed.contains(pid)) << to_string(end);
    }
  EXPECT_EQ(log.count(kind::gave_up, ""), 0U);
  EXPECT_FALSE(test::has_children());
}

INSTANTIATE_TEST_SUITE_P(EachStrategy, SupervisorCrashTest,
                         testing::Values(one_for_one, one_for_all, rest_for_one));

TEST(SupervisorProcessTest, AKilledSupervisorTakesItsChildrenAlongAndIsRestartedWithNewOnes) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const test::temporary_folder folder;
  test::event_log log;
  {
    supervisor tree{one_for_one, {.restarts = 1'000, .backoff = {.first = 0ms, .longest = 0ms}}};
    tree.process("forest", run_forest, folder / "pids").on_event(log.listener());
    auto running = tree.start();
    for (std::size_t round = 1; round <= 10; ++round) {
      ASSERT_TRUE(test::eventually([&] { return std::filesystem::exists(folder / "pids"); }));
      std::istringstream pids{test::contents(folder / "pids")};
      std::vector<std::unique_ptr<test::stranger>> children;
      for (pid_t pid; pids >> pid;) children.push_back(std::make_unique<test::stranger>(pid));
      ASSERT_EQ(children.size(), 4U);
      std::filesystem::remove(folder / "pids");
      const test::stranger root{test::child_of(running, "forest").pid};
      root.kill();
      ASSERT_TRUE(log.await(kind::ended, "forest", round));
      for (const auto& child : children) EXPECT_TRUE(child->has_ended(20s));
    }
    ASSERT_TRUE(test::eventually([&] { return std::filesystem::exists(folder / "pids"); }));
  }
  EXPECT_TRUE(test::eventually([] {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    return !test::has_children();
  }));
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}
