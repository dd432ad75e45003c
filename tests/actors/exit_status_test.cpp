#include <hawser/actors/exit_status.hpp>

#include <gtest/gtest.h>

#include <csignal>

using hawser::actors::exit_status;

TEST(ExitStatusTest, SaysTheCode) {
  const auto status = exit_status::exited(3);
  EXPECT_EQ(to_string(status), "exited with 3");
  EXPECT_EQ(status.code(), 3);
  EXPECT_EQ(status.signal(), std::nullopt);
  EXPECT_FALSE(status.success());
  EXPECT_TRUE(exit_status::exited(0).success());
}

TEST(ExitStatusTest, SaysTheSignalByNumberAndName) {
  const auto status = exit_status::killed(SIGKILL);
  EXPECT_EQ(to_string(status), "killed by signal 9 (Killed)");
  EXPECT_EQ(status.signal(), SIGKILL);
  EXPECT_EQ(status.code(), std::nullopt);
  EXPECT_EQ(to_string(exit_status::killed(SIGSEGV, true)),
            "killed by signal 11 (Segmentation fault), core dumped");
  EXPECT_EQ(to_string(exit_status::killed(SIGRTMIN + 1)),
            "killed by signal " + std::to_string(SIGRTMIN + 1));
}

TEST(ExitStatusTest, SaysTheExceptionThatEscaped) {
  const auto status = exit_status::exited(1, {"std::runtime_error", "disk full"});
  EXPECT_EQ(to_string(status), "exited with 1: std::runtime_error: disk full");
  ASSERT_TRUE(status.exception());
  EXPECT_EQ(status.exception()->type, "std::runtime_error");
  EXPECT_NE(status, exit_status::exited(1));
}

TEST(ExitStatusTest, IsNeitherCodeNorSignalWhenUnknown) {
  const exit_status status;
  EXPECT_TRUE(status.is_unknown());
  EXPECT_FALSE(status.success());
  EXPECT_EQ(status.code(), std::nullopt);
  EXPECT_EQ(status.signal(), std::nullopt);
  EXPECT_EQ(to_string(status), "ended, nobody knows how");
}
