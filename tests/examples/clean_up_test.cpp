// Scenario 29: whatever an example does, and however it is ended, it leaves no process and nothing
// in /dev/shm. Every program in build/.../examples is tried, as it runs without arguments.
#include "run_program.hpp"
#include "traces.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <thread>

namespace hawser::test {
namespace {

std::vector<std::string> examples() {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator{std::filesystem::path{example("any")}.parent_path()}) {
    const auto executable = entry.status().permissions() & std::filesystem::perms::owner_exec;
    if (entry.is_regular_file() && executable != std::filesystem::perms::none)
      names.push_back(entry.path().filename());
  }
  return names;
}

class CleanUpTest : public testing::TestWithParam<std::string> {
 protected:
  static void expect_nothing_left(const running_program& ended) {
    EXPECT_EQ(own_children(), std::vector<pid_t>{});
    EXPECT_EQ(shared_memory_of(ended.pid()), std::vector<std::string>{});
  }
};

TEST_P(CleanUpTest, ItIsRightAndLeavesNothing) {
  const std::size_t descriptors = open_descriptors();
  {
    running_program running{{example(GetParam())}};
    EXPECT_EQ(running.wait(), 0) << running.output() << running.errors();
    EXPECT_NE(running.output(), "");
    expect_nothing_left(running);
  }
  EXPECT_EQ(open_descriptors(), descriptors);
}

TEST_P(CleanUpTest, ItHasAHelp) {
  const auto ended = run({example(GetParam()), "--help"});
  EXPECT_EQ(ended.status, 0);
  EXPECT_NE(ended.output.find(GetParam()), std::string::npos) << ended.output;
}

TEST_P(CleanUpTest, ItLeavesNothingWhenItIsInterrupted) {
  for (int i = 0; i < 10; ++i) {
    running_program running{{example(GetParam())}};
    // Somewhere between its first process and its end, or after that.
    running.wait_until([&] { return !running.children().empty(); });
    std::this_thread::sleep_for(std::chrono::milliseconds{3 * i});
    running.signal(SIGINT);
    const auto status = running.wait();
    ASSERT_TRUE(status) << "does not end";
    EXPECT_TRUE(status == 128 + SIGINT || status == 0) << *status << running.errors();
    expect_nothing_left(running);
  }
}

INSTANTIATE_TEST_SUITE_P(Examples, CleanUpTest, testing::ValuesIn(examples()),
                         [](const auto& example) { return example.param; });

}  // namespace
}  // namespace hawser::test
