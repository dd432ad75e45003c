/// A program whose main() (GoogleTest's) lacks the run_as_child line.
#include <hawser/actors/process.hpp>

#include <gtest/gtest.h>

#include <string>

namespace {
void worker() {}
HAWSER_PROCESS(worker);
}  // namespace

TEST(ProcessUndispatchedTest, StartsNothingAndNamesTheMissingLine) {
  try {
    auto child = hawser::actors::process::spawn(worker);
    FAIL() << "started process " << child.pid();
  } catch (const hawser::error& failed) {
    EXPECT_EQ(failed.code(), hawser::errc::not_supported);
    EXPECT_NE(std::string{failed.what()}.find("run_as_child(argc, argv)"), std::string::npos)
        << failed.what();
  }
}
