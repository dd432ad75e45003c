/// Many processes, and processes of processes.
#include "process_support.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/actors/this_process.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <deque>
#include <thread>
#include <vector>

#include <sys/prctl.h>

using namespace std::chrono_literals;
using hawser::errc;
using hawser::actors::exit_status;
using hawser::actors::process;

namespace {

int return_code(int code) { return code; }
HAWSER_PROCESS(return_code);

/// Never ends by itself; leaves its pid in `out`.
void show_pid_and_wait(std::filesystem::path out) {
  test::write_file(out, std::to_string(getpid()));
  for (;;) pause();
}
HAWSER_PROCESS(show_pid_and_wait);

void wait_for_ever() {
  for (;;) pause();
}
HAWSER_PROCESS(wait_for_ever);

/// Is always in the middle of starting one.
void start_children_for_ever(std::filesystem::path running) {
  test::write_file(running, "running");
  std::deque<process> children;
  for (;;) {
    children.push_back(process::spawn(wait_for_ever));
    if (children.size() > 4) children.pop_front();
  }
}
HAWSER_PROCESS(start_children_for_ever);

enum class ending { wait, leave, throw_it };

void have_a_child(std::filesystem::path out, bool detached, ending how) {
  auto child = process::spawn({.detached = detached}, show_pid_and_wait, out);
  test::require(test::eventually([&] { return std::filesystem::exists(out); }), "no grandchild");
  test::write_file(out.string() + ".parent", "ready");
  if (how == ending::wait) child.join();
  if (how == ending::throw_it) throw std::runtime_error{"with a child"};
  if (how == ending::leave) _exit(0);  // no destructor runs
}
HAWSER_PROCESS(have_a_child);

int sum_of_a_tree(int depth) {
  if (depth == 0) return 1;
  auto left = process::spawn(sum_of_a_tree, depth - 1);
  auto right = process::spawn(sum_of_a_tree, depth - 1);
  return left.join().code().value() + right.join().code().value();
}
HAWSER_PROCESS(sum_of_a_tree);

pid_t pid_in(const std::filesystem::path& file) { return std::stoi(test::contents(file)); }

/// Orphans become ours, so that the test sees their end and leaves none behind.
struct adopts_orphans {
  adopts_orphans() { prctl(PR_SET_CHILD_SUBREAPER, 1); }
  ~adopts_orphans() { prctl(PR_SET_CHILD_SUBREAPER, 0); }
};

}  // namespace

TEST(ProcessTreeTest, GrandchildrenAnswer) {
  EXPECT_EQ(process::spawn(sum_of_a_tree, 3).join(), exit_status::exited(8));
}

TEST(ProcessTreeTest, AKilledParentTakesItsChildrenAlong) {
  const adopts_orphans orphanage;
  const test::temporary_folder folder;
  const auto out = folder / "pid";
  auto parent = process::spawn(have_a_child, out, false, ending::wait);
  ASSERT_TRUE(test::eventually([&] { return std::filesystem::exists(out.string() + ".parent"); }));
  const pid_t grandchild = pid_in(out);
  const test::stranger watched{grandchild};
  ASSERT_TRUE(watched.found());

  parent.kill();

  EXPECT_TRUE(watched.has_ended(20s));
  EXPECT_EQ(parent.join(), exit_status::killed(SIGKILL));
  int status = 0;
  EXPECT_EQ(waitpid(grandchild, &status, 0), grandchild);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(ProcessTreeTest, AParentKilledWhileItStartsChildrenTakesThemAlong) {
  const adopts_orphans orphanage;
  for (int round = 0; round < 20; ++round) {
    const test::temporary_folder folder;
    auto parent = process::spawn(start_children_for_ever, folder / "running");
    ASSERT_TRUE(test::eventually([&] { return std::filesystem::exists(folder / "running"); }));
    usleep(static_cast<useconds_t>(round) * 700);  // another moment each time
    parent.kill();
    EXPECT_EQ(parent.join(), exit_status::killed(SIGKILL));
    EXPECT_TRUE(test::eventually([] {
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      return !test::has_children();
    }));
  }
}

TEST(ProcessTreeTest, AParentThatLeavesTakesItsChildrenAlong) {
  const adopts_orphans orphanage;
  for (const ending how : {ending::leave, ending::throw_it}) {
    const test::temporary_folder folder;
    const auto out = folder / "pid";
    auto parent = process::spawn(have_a_child, out, false, how);
    EXPECT_EQ(parent.join().code(), how == ending::leave ? 0 : 1);
    const test::stranger watched{pid_in(out)};
    EXPECT_TRUE(!watched.found() || watched.has_ended(20s));
    // Killed by the kernel it is ours to reap now; terminated by ~process it is reaped already.
    while (waitpid(-1, nullptr, 0) > 0) {
    }
  }
}

TEST(ProcessTreeTest, ADetachedChildSurvivesItsKilledParent) {
  const adopts_orphans orphanage;
  const test::temporary_folder folder;
  const auto out = folder / "pid";
  auto parent = process::spawn(have_a_child, out, true, ending::wait);
  ASSERT_TRUE(test::eventually([&] { return std::filesystem::exists(out.string() + ".parent"); }));
  const pid_t grandchild = pid_in(out);
  const test::stranger watched{grandchild};
  ASSERT_TRUE(watched.found());

  parent.kill();
  parent.join();

  // It is ours once its parent is gone; the kernel kills children before it hands them over.
  ASSERT_TRUE(test::eventually([&] {
    return test::contents("/proc/" + std::to_string(grandchild) + "/status")
               .find("PPid:\t" + std::to_string(getpid()) + "\n") != std::string::npos;
  }));
  EXPECT_FALSE(watched.has_ended(0ms));
  EXPECT_EQ(getsid(grandchild), grandchild);
  watched.kill();
  EXPECT_EQ(waitpid(grandchild, nullptr, 0), grandchild);
}

TEST(ProcessTreeTest, TwoHundredAtOnceLeaveNothingBehind) {
  process::spawn(return_code, 0).join();  // the watching thread keeps its two descriptors
  const auto before = test::open_descriptors();
  {
    std::vector<process> children(200);
    std::atomic<int> called_back = 0;
    std::vector<std::thread> starters;
    for (std::size_t part = 0; part < 8; ++part)
      starters.emplace_back([&, part] {
        for (std::size_t i = part; i < children.size(); i += 8) {
          children[i] = process::spawn(return_code, static_cast<int>(i));
          children[i].on_exit([&](const exit_status&) { ++called_back; });
        }
      });
    for (auto& starter : starters) starter.join();
    for (std::size_t i = 0; i < children.size(); ++i)
      EXPECT_EQ(children[i].join(), exit_status::exited(static_cast<int>(i)));
    EXPECT_TRUE(test::eventually([&] { return called_back == 200; }));
  }
  EXPECT_FALSE(test::has_children());
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(ProcessTreeTest, NoZombieIsLeftWhenNobodyJoins) {
  for (int i = 0; i < 20; ++i) process::spawn(return_code, i).detach();
  EXPECT_TRUE(test::eventually([] { return !test::has_children(); }));
}

TEST(ProcessTreeTest, SeveralThreadsMayJoinTheSameProcess) {
  const test::temporary_folder folder;
  auto child = process::spawn(show_pid_and_wait, folder / "pid");
  std::vector<std::thread> waiting;
  std::atomic<int> agreed = 0;
  for (int i = 0; i < 4; ++i)
    waiting.emplace_back([&] { agreed += child.join() == exit_status::killed(SIGKILL) ? 1 : 0; });
  child.kill();
  for (auto& thread : waiting) thread.join();
  EXPECT_EQ(agreed, 4);
}

TEST(ProcessTreeTest, AForkOfTheParentLeavesTheChildrenAlone) {
  const test::temporary_folder folder;
  auto child = std::make_unique<process>(process::spawn(show_pid_and_wait, folder / "pid"));
  const pid_t fork_of_us = fork();
  if (fork_of_us == 0) {
    int failures = 0;
    try {
      child->kill();
      ++failures;
    } catch (const hawser::error& failed) {
      failures += failed.code() == errc::not_supported ? 0 : 1;
    }
    child.reset();
    // And it can have children of its own.
    failures += process::spawn(return_code, 3).join() == exit_status::exited(3) ? 0 : 1;
    _exit(failures);
  }
  int status = 0;
  ASSERT_EQ(waitpid(fork_of_us, &status, 0), fork_of_us);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(child->running());
  child->kill();
  EXPECT_EQ(child->join(), exit_status::killed(SIGKILL));
}
