/// What a supervisor hears of its processes: their output, and whether they live.
#include "supervisor_support.hpp"
#include <hawser/actors/this_process.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>

#include <fcntl.h>
#include <poll.h>

using namespace std::chrono_literals;
using namespace hawser::actors;
using hawser::errc;
using kind = supervisor_event::kind;

namespace {

void wait_for_ever() {
  for (;;) pause();
}
HAWSER_PROCESS(wait_for_ever);

void say(int count) {
  for (int i = 0; i < count; ++i) std::printf("line %d\n", i);
  std::fputs("and an error", stderr);
  throw std::runtime_error{"said all"};
}
HAWSER_PROCESS(say);

void flood(std::size_t bytes) {
  const std::string line(999, 'x');
  for (std::size_t i = 0; i < bytes; i += 1000) std::puts(line.c_str());
}
HAWSER_PROCESS(flood);

/// Beats until it is told to hang.
void beat_until(std::filesystem::path hang) {
  do {  // once at least: who has never beaten is not held to it
    this_process::alive();
    usleep(1000);
  } while (!std::filesystem::exists(hang));
  std::filesystem::remove(hang);  // only once
  for (;;) pause();
}
HAWSER_PROCESS(beat_until);

}  // namespace

TEST(SupervisorWatchTest, TheLastLinesOfADeadChildAreKept) {
  test::event_log log;
  supervisor tree{one_for_one, {.ends_when_done = true}};
  tree.process("s", {.restart = temporary, .keep_lines = 3, .pass_on = false}, say, 1000)
      .on_event(log.listener());
  tree.run();
  const child_end end = log.last(kind::ended, "s").end;
  EXPECT_EQ(end.last_output, (std::vector<std::string>{"line 998", "line 999", "and an error"}));
}

TEST(SupervisorWatchTest, WhatIsKeptIsPassedOn) {
  supervisor tree{one_for_one, {.ends_when_done = true}};
  tree.process("s", {.restart = temporary, .keep_lines = 1}, say, 3);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  tree.run();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "line 0\nline 1\nline 2\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "and an error");
}

TEST(SupervisorWatchTest, NoChildWaitsForOutputThatNobodyReadsOfUs) {
  constexpr std::size_t bytes = 3'000'000;
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  std::fflush(stdout);
  const int ours = dup(STDOUT_FILENO), our_errors = dup(STDERR_FILENO);
  dup2(ends[1], STDOUT_FILENO);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  supervisor tree{one_for_one, {.ends_when_done = true}};
  tree.process("f", {.restart = temporary, .keep_lines = 1}, flood, bytes);
  const child_end end = tree.run();  // though nobody reads

  std::string text;
  char some[4096];
  while (text.find("were dropped here\n") == std::string::npos) {
    pollfd entry{ends[0], POLLIN, 0};
    if (poll(&entry, 1, 20'000) != 1) break;
    const ssize_t count = read(ends[0], some, sizeof some);
    if (count <= 0) break;
    text.append(some, static_cast<std::size_t>(count));
  }
  dup2(ours, STDOUT_FILENO);
  dup2(our_errors, STDERR_FILENO);
  for (const int fd : {ends[0], ours, our_errors}) close(fd);
  EXPECT_EQ(end.kind, end_kind::normal);
  const auto said = text.find("\nhawser: ");
  ASSERT_NE(said, std::string::npos);
  EXPECT_EQ(said + std::stoul(text.substr(said + 9)), bytes);
}

TEST(SupervisorWatchTest, AChildThatNoLongerBeatsIsKilledAndRestarted) {
  const test::temporary_folder folder;
  test::event_log log;
  supervisor tree;
  tree.process("h", {.hang_timeout = 300ms}, beat_until, folder / "hang").on_event(log.listener());
  auto running = tree.start();
  test::write_file(folder / "hang", "");
  ASSERT_TRUE(log.await(kind::started, "h", 2));
  EXPECT_EQ(log.last(kind::ended, "h").end.kind, end_kind::hung);
}

TEST(SupervisorWatchTest, AChildThatNeverBeatsIsHungOnlyWhenItIsStopped) {
  test::event_log log;
  supervisor tree;
  tree.process("quiet", {.hang_timeout = 40ms}, wait_for_ever)
      .process("h", {.hang_timeout = 40ms}, wait_for_ever)
      .on_event(log.listener());
  auto running = tree.start();
  for (std::size_t times = 1; times <= 3; ++times) {
    kill(test::child_of(running, "h").pid, SIGSTOP);
    ASSERT_TRUE(log.await(kind::started, "h", times + 1));
    EXPECT_EQ(log.last(kind::ended, "h").end.kind, end_kind::hung);
  }
  EXPECT_EQ(log.count(kind::ended, "quiet"), 0U) << "it has said nothing for as long";
}
