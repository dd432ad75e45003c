/// The examples of starting processes: what they print, and what they leave behind.
#include "run_program.hpp"
#include "traces.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace hawser::test {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void expect_shape(const std::string& output, const std::vector<std::string>& patterns) {
  const auto lines = lines_of(output);
  ASSERT_EQ(lines.size(), patterns.size()) << output;
  for (std::size_t i = 0; i < lines.size(); ++i)
    EXPECT_TRUE(std::regex_match(lines[i], std::regex{patterns[i]})) << lines[i];
}

TEST(IdentityExampleTest, EverybodySaysWhoTheyAre) {
  running_program program{{example("identity"), "--children", "3"}};
  const pid_t pid = program.pid();
  ASSERT_EQ(program.wait(), 0) << program.output() << program.errors();
  const std::string self = std::to_string(pid), test = std::to_string(::getpid());
  expect_shape(
      program.output(),
      {"program identity: process " + self + ", parent " + test + ", main thread " + self,
       R"(child child-1: process (\d+), parent )" + self + R"(, main thread \1)",
       R"(child child-2: process (\d+), parent )" + self + R"(, main thread \1)",
       R"(child child-3: process (\d+), parent )" + self + R"(, main thread \1)",
       R"(actor introduction: process (\d+), parent )" + self + R"(, thread (?!\1)\d+, actor \d+)",
       "program identity: process " + self + " saw 4 processes end"});
  EXPECT_EQ(program.errors(), "");
  EXPECT_EQ(shared_memory_of(pid), std::vector<std::string>{});
  EXPECT_EQ(own_children(), std::vector<pid_t>{});
}

TEST(ProcessesExampleTest, TellsHowEachProcessEnded) {
  running_program program{{example("processes"), "--lines", "2"}};
  const pid_t pid = program.pid();
  ASSERT_EQ(program.wait(), 0) << program.output() << program.errors();
  expect_shape(
      program.output(),
      {"started 6 processes from process " + std::to_string(pid),
       R"(hello 1 from writer \(process \d+\))", R"(hello 2 from writer \(process \d+\))",
       R"(writer \(process \d+\): exited with 0)", R"(exits-with-7 \(process \d+\): exited with 7)",
       R"(thrower \(process \d+\): exited with 1: std::runtime_error: no disk in drive A)",
       R"(counter \(process \d+\): exited with 0)",
       R"(sleeper-1 \(process \d+\): still running after 50 ms)",
       R"(sleeper-1 \(process \d+\): killed by signal 15 \(Terminated\))",
       R"(sleeper-2 \(process \d+\): killed by signal 9 \(Killed\))"});
  EXPECT_EQ(program.errors(), "");
  EXPECT_EQ(shared_memory_of(pid), std::vector<std::string>{});
  EXPECT_EQ(own_children(), std::vector<pid_t>{});
}

TEST(ProcessesExampleTest, LeavesNothingBehindWhenItIsInterrupted) {
  running_program program{{example("processes"), "--lines", "1000000"}};
  const pid_t pid = program.pid();
  ASSERT_TRUE(program.wait_until(
      [&] { return program.output().find("hello 1 from") != std::string::npos; }));
  program.signal(SIGINT);
  EXPECT_EQ(program.wait(), 128 + SIGINT);
  EXPECT_EQ(shared_memory_of(pid), std::vector<std::string>{});
  EXPECT_EQ(own_children(), std::vector<pid_t>{});
}

TEST(ProcessesExampleTest, TakesItsProcessesAlongWhenItIsKilled) {
  running_program program{{example("processes"), "--lines", "1000000"}};
  const pid_t pid = program.pid();
  ASSERT_TRUE(program.wait_until([&] { return program.children().size() >= 3; }));
  program.signal(SIGKILL);
  EXPECT_EQ(program.wait(), 128 + SIGKILL);
  // What was killed with it became ours: nothing of it may go on.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (!own_children().empty() && std::chrono::steady_clock::now() < end) reap_orphans();
  EXPECT_EQ(own_children(), std::vector<pid_t>{});
  // Its queue stays, until the next start.
  EXPECT_EQ(run({example("processes"), "--lines", "1"}).status, 0);
  EXPECT_EQ(shared_memory_of(pid), std::vector<std::string>{});
}

TEST(ProcessesExampleTest, ExplainThemselves) {
  for (const char* name : {"identity", "processes"}) {
    const auto help = run({example(name), "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_NE(help.output.find("Usage: "), std::string::npos);
    EXPECT_NE(run({example(name), "--no-such-option"}).status, 0);
  }
}

}  // namespace
}  // namespace hawser::test
