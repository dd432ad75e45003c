/// The example of a pipe between two processes: what it prints, and what it leaves behind.
#include "run_program.hpp"
#include "traces.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <regex>
#include <string>
#include <vector>

namespace hawser::test {
namespace {

TEST(PipeExampleTest, ReceivesEverythingFromAWriterThatClosesAndFromOneThatIsKilled) {
  running_program program{{example("pipe"), "--kill-after", "500"}};
  const pid_t pid = program.pid();
  ASSERT_EQ(program.wait(), 0) << program.output() << program.errors();
  const std::regex shape{
      R"(received 'Hello'\n)"
      R"(received 42\n)"
      R"(received \{'key': 'value'\}\n)"
      R"(received \[1, 2, 3\]\n)"
      R"(the writer \(process \d+\) has closed the pipe: exited with 0\n)"
      R"(killed the writer \(process \d+\) after 500 values\n)"
      R"(every value that it sent was received, in order, then end of file: \d+\n)"
      R"(writing to it: closed\n)"};
  EXPECT_TRUE(std::regex_match(program.output(), shape)) << program.output();
  EXPECT_EQ(program.errors(), "");
  EXPECT_EQ(shared_memory_of(pid), std::vector<std::string>{});
  EXPECT_EQ(own_children(), std::vector<pid_t>{});
}

TEST(PipeExampleTest, LeavesNothingBehindWhenItIsInterrupted) {
  running_program program{{example("pipe"), "--kill-after", "1000000"}};
  const pid_t pid = program.pid();
  ASSERT_TRUE(program.wait_until(
      [&] { return program.output().find("has closed the pipe") != std::string::npos; }));
  program.signal(SIGINT);
  EXPECT_EQ(program.wait(), 128 + SIGINT);
  EXPECT_EQ(shared_memory_of(pid), std::vector<std::string>{});
  EXPECT_EQ(own_children(), std::vector<pid_t>{});
}

TEST(PipeExampleTest, ExplainsItself) {
  const auto help = run({example("pipe"), "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.output.find("Usage: "), std::string::npos);
  EXPECT_NE(run({example("pipe"), "--no-such-option"}).status, 0);
}

}  // namespace
}  // namespace hawser::test
