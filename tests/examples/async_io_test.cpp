#include "run_program.hpp"
#include "traces.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>

namespace hawser::test {
namespace {

TEST(AsyncIoTest, DelayedMessagesOfOneThreadTakeAsLongAsOne) {
  running_program running{{example("async_io")}};
  const pid_t pid = running.pid();
  ASSERT_EQ(running.wait(), 0) << running.output() << running.errors();
  if (running.output().find("no coroutines") != std::string::npos) GTEST_SKIP() << running.output();
  std::vector<std::string> lines;
  std::istringstream in{running.output()};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  const std::vector<std::string> expected{
      R"(process \d+ says hello 1)",
      R"(process \d+ says hello 2)",
      R"(process \d+ says hello 3)",
      R"(message 1 came after 1\.\d\d s)",
      R"(message 2 came after 1\.\d\d s)",
      R"(message 3 came after 1\.\d\d s)",
      R"(message 4 came after 1\.\d\d s)",
      R"(message 5 came after 1\.\d\d s)",
      R"(5 messages of 1\.00 s each and 3 of another process took 1\.\d\d s on 1 thread)"};
  EXPECT_EQ(lines.size(), expected.size()) << running.output();
  for (const std::string& pattern : expected)  // on a busy machine hellos may come later
    EXPECT_EQ(
        std::ranges::count_if(
            lines, [&](const auto& line) { return std::regex_match(line, std::regex{pattern}); }),
        1)
        << pattern << '\n'
        << running.output();
  EXPECT_EQ(shared_memory_of(pid), std::vector<std::string>{});
  EXPECT_EQ(own_children(), std::vector<pid_t>{});
}

TEST(AsyncIoTest, ManyMessagesTakeNoLonger) {
  const auto ended = run({example("async_io"), "--messages", "200", "--delay-ms", "500"});
  EXPECT_EQ(ended.status, 0) << ended.output << ended.errors;
}

}  // namespace
}  // namespace hawser::test
