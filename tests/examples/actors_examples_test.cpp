/// The examples of actors across processes: what they print, and what they leave behind.
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

TEST(PingPongTest, TwoProcessesSayTenWordsInTurn) {
  const auto ended = run({example("ping_pong")});
  ASSERT_EQ(ended.status, 0) << ended.errors;
  const std::regex shape{R"((Ping from process (\d+)\nPong from process (\d+)\n){5}10 words\n)"};
  std::smatch found;
  ASSERT_TRUE(std::regex_match(ended.output, found, shape)) << ended.output;
  EXPECT_NE(found[2], found[3]);
}

TEST(PingPongTest, SaysAsManyWordsAsItIsTold) {
  for (const int words : {1, 2, 7, 1000}) {
    const auto ended = run({example("ping_pong"), "--words", std::to_string(words)});
    ASSERT_EQ(ended.status, 0) << ended.errors;
    std::istringstream lines{ended.output};
    std::string line;
    for (int i = 0; i < words; ++i) {
      ASSERT_TRUE(std::getline(lines, line));
      ASSERT_TRUE(line.starts_with(i % 2 == 0 ? "Ping " : "Pong ")) << i << ": " << line;
    }
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(line, std::to_string(words) + " words");
    EXPECT_FALSE(std::getline(lines, line));
  }
  EXPECT_NE(run({example("ping_pong"), "--words", "0"}).status, 0);
}

TEST(PingPongTest, SaysSoWhenTheOtherProcessIsKilled) {
  running_program program{{example("ping_pong"), "--words", "10000000"}};
  ASSERT_TRUE(
      program.wait_until([&] { return program.output().find("Pong") != std::string::npos; }));
  const auto children = program.children();
  ASSERT_EQ(children.size(), 1U);
  kill(children.front(), SIGKILL);
  EXPECT_EQ(program.wait(), 1);
  EXPECT_EQ(program.errors(), "ping_pong: the process was killed: process " +
                                  std::to_string(children.front()) +
                                  " was killed by signal 9 (Killed)\n");
  EXPECT_EQ(shared_memory_of(program.pid()), std::vector<std::string>{});
  EXPECT_EQ(own_children(), std::vector<pid_t>{});
}

TEST(PoolTest, SquaresNumbersAndTellsWhatFailed) {
  const auto ended = run({example("pool")});
  ASSERT_EQ(ended.status, 0) << ended.errors;
  EXPECT_NE(ended.output.find("map: [1, 4, 9, 16, 25, 36, 49, 64, 81, 100]\n"), std::string::npos)
      << ended.output;
  EXPECT_NE(ended.output.find("as they came: 385\nsubmit: 12 squared is 144\n"), std::string::npos);
  EXPECT_NE(ended.output.find("std::domain_error: 3 is a bad number (task 2 of moody)\n"),
            std::string::npos);
  EXPECT_TRUE(std::regex_search(
      ended.output,
      std::regex{
          R"(task 4 of moody was tried 3 times; worker \d+ killed by signal 9 \(Killed\)\n)"}))
      << ended.output;
  EXPECT_NE(ended.output.find("4 others had their result\n"), std::string::npos);
  EXPECT_NE(ended.errors.find("squares 10/10 (100 %)"), std::string::npos) << ended.errors;
  EXPECT_NE(run({example("pool"), "--workers", "0"}).status, 0);
}

TEST(PoolTest, AnInterruptLeavesNothing) {
  running_program program{{example("pool"), "--tasks", "1000", "--workers", "2"}};
  ASSERT_TRUE(
      program.wait_until([&] { return program.output().find("map: [1, 4") != std::string::npos; }));
  kill(program.pid(), SIGINT);
  EXPECT_EQ(program.wait(), 128 + SIGINT) << program.errors();
  EXPECT_EQ(shared_memory_of(program.pid()), std::vector<std::string>{});
  EXPECT_EQ(own_children(), std::vector<pid_t>{});
}

TEST(SupervisorExampleTest, AKilledProcessAndTheOneBehindItComeBack) {
  const auto ended = run({example("supervisor"), "--kills", "2"});
  ASSERT_EQ(ended.status, 0) << ended.output << ended.errors;
  const std::string healed =
      R"(storage/journal \(pid \d+\): killed by signal 9 \(Killed\)\n  \| the journal is open\n)"
      R"(storage/journal: restart in \d+ ms, \d of 100 restarts within 5 s\n)"
      R"(storage/index \(pid \d+\): stopped: killed by signal 15 \(Terminated\)\n)"
      R"(  \| the index is open\n)"
      R"(storage/journal \(pid \d+\) has started\nstorage/index \(pid \d+\) has started\n)";
  // A tree is told of by its own supervisor's supervisor: among what its children do meanwhile.
  std::string output = ended.output;
  const std::string tree = "storage has started\n";
  const auto at = output.find(tree);
  ASSERT_NE(at, std::string::npos) << output;
  output.erase(at, tree.size());
  EXPECT_TRUE(std::regex_search(output, std::regex{healed + healed})) << ended.output;
  EXPECT_NE(ended.output.find("\nkilled 2 died 2\n"), std::string::npos) << ended.output;
  EXPECT_EQ(ended.errors, "");
  EXPECT_EQ(own_children(), std::vector<pid_t>{});
}

TEST(CalculatorTest, SurvivesTheKillsAndRestartsOfItsServer) {
  running_program program{{example("calculator"), "--sums", "200", "--kills", "5"}};
  ASSERT_EQ(program.wait(), 0) << program.output() << program.errors();
  const std::regex shape{
      R"((server \d+ started\nserver \d+ was killed by signal 9 \(Killed\)\n){5})"
      R"(server \d+ started\n1200 sums, all of them right, by 6 servers; asked again: \d+\n)"};
  EXPECT_TRUE(std::regex_match(program.output(), shape)) << program.output();
  EXPECT_EQ(program.errors(), "");
  EXPECT_EQ(shared_memory_of(program.pid()), std::vector<std::string>{});
}

TEST(CalculatorTest, ServesProgramsOfTheirOwn) {
  const std::string group = "calculator-test-" + std::to_string(getpid());
  const auto asking = [&](const std::string& sign) {
    return std::vector<std::string>{
        example("calculator"), "--group", group, "ask", "7", sign, "35"};
  };
  running_program early{asking("+")};  // before there is a server
  {
    running_program server{{example("calculator"), "--group", group, "serve"}};
    EXPECT_EQ(early.wait(), 0) << early.errors();
    EXPECT_EQ(early.output(), "7 + 35 = 42\n");
    EXPECT_EQ(run(asking("-")).output, "7 - 35 = -28\n");
    server.signal(SIGKILL);
    EXPECT_EQ(server.wait(), 128 + SIGKILL);
    running_program next{asking("+")};  // waits for the next one
    running_program restarted{{example("calculator"), "--group", group, "serve"}};
    EXPECT_EQ(next.wait(), 0) << next.errors();
    EXPECT_EQ(next.output(), "7 + 35 = 42\n");
    running_program second{{example("calculator"), "--group", group, "serve"}};
    EXPECT_EQ(second.wait(), 1);
    EXPECT_NE(second.errors().find("cannot publish actor \"calculator\": process " +
                                   std::to_string(restarted.pid()) + " has an actor of that name"),
              std::string::npos)
        << second.errors();
    restarted.signal(SIGINT);
    EXPECT_EQ(restarted.wait(), 128 + SIGINT);
  }
  EXPECT_EQ(shared_memory_of(getpid()), std::vector<std::string>{});
  EXPECT_NE(run({example("calculator"), "ask", "7", "*", "35"}).status, 0);
}

}  // namespace
}  // namespace hawser::test
