#include "run_program.hpp"
#include "traces.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <random>
#include <regex>
#include <thread>

namespace hawser::test {
namespace {

const std::string program = example("task_queue");

std::string last_line(const std::string& output) {
  const auto end = output.find_last_not_of('\n');
  const auto begin = output.rfind('\n', end);
  return output.substr(begin + 1, end - begin);
}

std::uint64_t sum_of_shares(const std::string& output) {
  static const std::regex form{R"(worker \d+ squared (\d+) numbers)"};
  std::uint64_t sum = 0;
  for (std::sregex_iterator share{output.begin(), output.end(), form}, end; share != end; ++share)
    sum += std::stoull((*share)[1]);
  return sum;
}

TEST(TaskQueueTest, GivesExactlyOneResultForEachTaskWhateverTheNumberOfRoles) {
  for (const auto& [tasks, producers, workers, sum] : {std::tuple{"0", "1", "1", "0"},
                                                       {"1", "3", "4", "0"},
                                                       {"10", "1", "1", "285"},
                                                       {"1000", "2", "3", "332833500"},
                                                       {"5000", "4", "1", "41654167500"},
                                                       {"5000", "1", "6", "41654167500"}}) {
    const auto ended =
        run({program, "--tasks", tasks, "--producers", producers, "--workers", workers});
    EXPECT_EQ(ended.status, 0) << ended.errors;
    EXPECT_EQ(last_line(ended.output),
              std::string{tasks} + " tasks in, " + tasks + " results out, sum of squares " + sum);
    EXPECT_EQ(sum_of_shares(ended.output), std::stoull(tasks));
  }
}

TEST(TaskQueueTest, GivesExactlyOneResultForEachTaskWhenWorkersAreKilled) {
  for (unsigned seed = 0; seed < 5; ++seed) {
    running_program running{{program, "--tasks", "100000", "--workers", "4"}};
    std::mt19937 random{seed};
    // The workers are started first: with a producer there, none is killed while it starts.
    ASSERT_TRUE(running.wait_until([&] { return running.children().size() > 4; }));
    for (int killed = 0; killed < 3 && !running.wait(std::chrono::milliseconds{0});) {
      std::this_thread::sleep_for(std::chrono::microseconds{random() % 20'000});
      for (const pid_t child : running.children())
        if (command_name(child) == "work" && ::kill(child, SIGKILL) == 0) {
          ++killed;
          break;
        }
    }
    EXPECT_EQ(running.wait(), 0) << running.errors();
    EXPECT_EQ(last_line(running.output()),
              "100000 tasks in, 100000 results out, sum of squares 333328333350000");
    EXPECT_EQ(shared_memory_of(running.pid()), std::vector<std::string>{});
  }
}

TEST(TaskQueueTest, SaysSoWhenNobodyIsLeftToDoTheTasks) {
  running_program running{{program, "--tasks", "1000000", "--workers", "1"}};
  ASSERT_TRUE(running.wait_until([&] {
    if (running.children().size() < 2) return false;
    for (const pid_t child : running.children())
      if (command_name(child) == "work") return ::kill(child, SIGKILL) == 0;
    return false;
  }));
  EXPECT_EQ(running.wait(), 1);
}

}  // namespace
}  // namespace hawser::test
