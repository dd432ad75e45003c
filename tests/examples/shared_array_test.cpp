#include "run_program.hpp"
#include "traces.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <random>
#include <string>
#include <thread>

#include <sys/statvfs.h>

namespace hawser::test {
namespace {

const std::string program = example("shared_array");

std::string expected(const std::string& last_line) {
  return "3 processes: counter 3, array [0, 8, 16, 24, 32]\n"
         "8000000 ones in 8 chunks: 8000000\n" +
         last_line + "\n";
}

/// Whether /dev/shm has room for the numbers of the example as it is.
bool has_room() {
  struct statvfs space {};
  return statvfs("/dev/shm", &space) == 0 &&
         space.f_bavail * space.f_frsize > std::uint64_t{500'000'000};
}

TEST(SharedArrayTest, AddsUpAHundredMillionNumbersInPlace) {
  const bool whole = has_room();  // a container's may be as small as 64 MB
  running_program running{whole ? std::vector<std::string>{program}
                                : std::vector<std::string>{program, "--numbers", "4000000"}};
  EXPECT_EQ(running.wait(), 0) << running.errors();
  EXPECT_EQ(running.output(), expected(whole ? "1 to 100000000 by 8 processes: 5000000050000000"
                                             : "1 to 4000000 by 8 processes: 8000002000000"));
  EXPECT_EQ(running.errors(), "");
  EXPECT_EQ(shared_memory_of(running.pid()), std::vector<std::string>{});
}

TEST(SharedArrayTest, IsRightWhateverTheNumberOfProcesses) {
  for (const char* processes : {"1", "3", "20"}) {
    const auto ended = run({program, "--numbers", "100001", "--processes", processes});
    EXPECT_EQ(ended.status, 0) << ended.errors;
    EXPECT_EQ(ended.output,
              expected(std::string{"1 to 100001 by "} + processes + " processes: 5000150001"));
  }
}

TEST(SharedArrayTest, IsRightWhenProcessesThatAddUpAreKilled) {
  for (unsigned seed = 0; seed < 3; ++seed) {
    running_program running{{program, "--numbers", "8000000", "--processes", "6"}};
    std::mt19937 random{seed};
    for (int killed = 0; killed < 4 && !running.wait(std::chrono::milliseconds{0});) {
      std::this_thread::sleep_for(std::chrono::microseconds{random() % 10'000});
      // Not the youngest: one that is killed while it starts is the program's failure.
      const auto children = running.children();
      const auto oldest = std::ranges::min_element(children);
      if (children.size() > 1 && command_name(*oldest) == "add_up" && ::kill(*oldest, SIGKILL) == 0)
        ++killed;
    }
    EXPECT_EQ(running.wait(), 0) << running.errors();
    EXPECT_EQ(running.output(), expected("1 to 8000000 by 6 processes: 32000004000000"));
    EXPECT_EQ(shared_memory_of(running.pid()), std::vector<std::string>{});
  }
}

TEST(SharedArrayTest, ExplainsItself) {
  const auto help = run({program, "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.output.find("Usage: "), std::string::npos);
  EXPECT_NE(run({program, "--numbers", "1"}).status, 0);
}

}  // namespace
}  // namespace hawser::test
