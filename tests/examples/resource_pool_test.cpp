/// Scenario 8: what the example says of its pool, and what it leaves behind.
#include "run_program.hpp"
#include "traces.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <regex>
#include <string>
#include <thread>

namespace hawser::test {
namespace {

/// Its temporary directories, as it is run by this test with a directory of its own.
class ResourcePoolTest : public testing::Test {
 protected:
  ResourcePoolTest() {
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
  }
  ~ResourcePoolTest() override { std::filesystem::remove_all(directory); }

  bool nothing_left(const running_program& ended) const {
    return own_children().empty() && shared_memory_of(ended.pid()).empty() &&
           std::filesystem::is_empty(directory);
  }

  const std::string directory =
      std::filesystem::temp_directory_path() / ("resource-pool-test-" + std::to_string(getpid()));
  const running_program::options with{.environment = {"TMPDIR=" + directory}};
};

TEST_F(ResourcePoolTest, NeverMoreThanThereAreAndAllComeBack) {
  running_program program{{example("resource_pool"), "--workers", "4", "--uses", "3"}, with};
  ASSERT_EQ(program.wait(), 0) << program.output() << program.errors();
  const std::regex last{R"(granted 12 returned 12 reclaimed 0 max_in_use [123]\n$)"};
  EXPECT_TRUE(std::regex_search(program.output(), last)) << program.output();
  EXPECT_TRUE(nothing_left(program));
}

TEST_F(ResourcePoolTest, OneResourceHasOneUserAtATime) {
  running_program program{{example("resource_pool"), "--resources", "1", "--workers", "3"}, with};
  ASSERT_EQ(program.wait(), 0) << program.output() << program.errors();
  EXPECT_NE(program.output().find("granted 12 returned 12 reclaimed 0 max_in_use 1\n"),
            std::string::npos)
      << program.output();
}

TEST_F(ResourcePoolTest, WhatAKilledWorkerHadIsLentAgain) {
  running_program program{{example("resource_pool"), "--kill-one"}, with};
  ASSERT_EQ(program.wait(), 0) << program.output() << program.errors();
  const std::string output = program.output();
  std::smatch killed, last;
  ASSERT_TRUE(std::regex_search(
      output, killed,
      std::regex{R"(killed (worker-\d \(process \d+\)) holding connection (\d): lent again)"}))
      << output;
  EXPECT_NE(output.find("reclaimed from " + killed[1].str()), std::string::npos) << output;
  ASSERT_TRUE(std::regex_search(
      output, last, std::regex{R"(granted (\d+) returned (\d+) reclaimed 1 max_in_use [123]\n$)"}))
      << output;
  EXPECT_EQ(std::stoi(last[1]), std::stoi(last[2]) + 1);
  EXPECT_TRUE(nothing_left(program));
}

TEST_F(ResourcePoolTest, WhatAKilledWorkerHadIsFreeAgainIfNobodyWaits) {
  running_program program{{example("resource_pool"), "--kill-one", "--workers", "2"}, with};
  ASSERT_EQ(program.wait(), 0) << program.output() << program.errors();
  EXPECT_NE(program.output().find(": free again after "), std::string::npos) << program.output();
  EXPECT_NE(program.output().find("granted 5 returned 4 reclaimed 1 max_in_use "),
            std::string::npos)
      << program.output();
}

TEST_F(ResourcePoolTest, LeavesNothingWhenItIsKilled) {
  running_program program{{example("resource_pool"), "--uses", "100000"}, with};
  ASSERT_TRUE(program.wait_until(
      [&] { return program.output().find("lent to worker-5") != std::string::npos; }));
  program.signal(SIGKILL);
  EXPECT_EQ(program.wait(), 128 + SIGKILL);
  // Its workers die with it; who cleans up after it ends then, too.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!own_children().empty() && std::chrono::steady_clock::now() < deadline) {
    reap_orphans();
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  EXPECT_TRUE(nothing_left(program));
}

}  // namespace
}  // namespace hawser::test
