#include "run_program.hpp"
#include "temporary_directory.hpp"
#include "totals_line.hpp"
#include "traces.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <random>
#include <thread>

#include <unistd.h>

namespace hawser::test {
namespace {

const std::string program = example("producer_consumer");
const std::string root = "/usr/include";

const total& expected() {
  static const total counted = wc_of({root});
  return counted;
}

/// Calls `act(random)` at random times until the program ends.
template <class Act>
std::optional<int> disturb(running_program& running, unsigned seed,
                           std::chrono::microseconds pause_max, const Act& act) {
  std::mt19937 random{seed};
  while (!running.wait(std::chrono::milliseconds{0})) {
    std::this_thread::sleep_for(
        std::chrono::microseconds{random() % static_cast<unsigned long>(pause_max.count())});
    act(random);
  }
  return running.wait();
}

pid_t one_of(const running_program& running, const std::string& name, std::mt19937& random) {
  std::vector<pid_t> found;
  for (const pid_t child : running.children())
    if (name.empty() || command_name(child) == name) found.push_back(child);
  return found.empty() ? 0 : found[random() % found.size()];
}

void expect_nothing_left(const running_program& ended) {
  EXPECT_TRUE(own_children().empty());
  EXPECT_EQ(shared_memory_of(ended.pid()), std::vector<std::string>{});
}

TEST(ProducerConsumerCrashTest, CountsRightWhileItsProcessesAreStoppedAndContinued) {
  for (unsigned seed = 0; seed < 3; ++seed) {
    running_program running{{program, "--quiet", "--kill-one", "--consumers", "3", root}};
    const auto status = disturb(running, seed, std::chrono::milliseconds{4}, [&](auto& random) {
      const pid_t victim = random() % 4 == 0 ? running.pid() : one_of(running, "", random);
      if (victim <= 0) return;
      ::kill(victim, SIGSTOP);
      std::this_thread::sleep_for(std::chrono::microseconds{random() % 15'000});
      ::kill(victim, SIGCONT);
    });
    EXPECT_EQ(status, 0) << running.errors();
    EXPECT_EQ(total_of(running.output()), expected()) << running.output();
    EXPECT_TRUE(running.output().starts_with("killed consumer ")) << running.output();
    expect_nothing_left(running);
  }
}

TEST(ProducerConsumerCrashTest, CountsRightWhileConsumersAreKilled) {
  for (unsigned seed = 0; seed < 3; ++seed) {
    running_program running{{program, "--quiet", "--consumers", "3", root}};
    unsigned killed = 0;
    const auto status = disturb(running, seed, std::chrono::milliseconds{20}, [&](auto& random) {
      const pid_t victim = one_of(running, "consumer", random);
      if (victim > 0 && killed < 50 && ::kill(victim, SIGKILL) == 0) ++killed;
    });
    EXPECT_EQ(status, 0) << running.errors();
    EXPECT_GT(killed, 0U);
    EXPECT_EQ(total_of(running.output()), expected()) << running.output() << running.errors();
    expect_nothing_left(running);
  }
}

TEST(ProducerConsumerCrashTest, CountsRightWhenTheProducerIsKilled) {
  for (unsigned seed = 0; seed < 5; ++seed) {
    running_program running{{program, "--quiet", root}};
    unsigned killed = 0;
    const auto status = disturb(running, seed, std::chrono::milliseconds{60}, [&](auto& random) {
      const pid_t producer = one_of(running, "producer", random);
      if (producer > 0 && killed < 5 && ::kill(producer, SIGKILL) == 0) ++killed;
    });
    EXPECT_EQ(status, 0) << running.errors();
    EXPECT_EQ(total_of(running.output()), expected()) << running.output() << running.errors();
    expect_nothing_left(running);
  }
}

TEST(ProducerConsumerCrashTest, RefusesATotalWhenTheFilesChangedAfterTheProducerWasKilled) {
  const temporary_directory tree;
  // Big enough to keep the one consumer busy while the files change.
  const std::string big = tree.write("big", "");
  ASSERT_EQ(::truncate(big.c_str(), off_t{1} << 29), 0);
  for (int i = 0; i < 400; ++i) tree.write("files/" + std::to_string(i), "text\n");
  running_program running{{program, "--quiet", "--consumers", "1", big, tree / "files"}};
  std::mt19937 random{1};
  pid_t producer = 0;
  ASSERT_TRUE(
      running.wait_until([&] { return (producer = one_of(running, "producer", random)) > 0; }));
  // It waits, because the queue has no place for 400 jobs: stopped there, then killed.
  ASSERT_TRUE(running.wait_until([&] { return one_of(running, "consumer", random) > 0; }));
  ::kill(producer, SIGKILL);
  std::filesystem::remove_all(tree / "files");
  std::filesystem::create_directory(tree / "files");
  for (int i = 0; i < 400; ++i) tree.write("files/other" + std::to_string(i), "text\n");

  const auto status = running.wait();
  // Killed before it had queued one of the files, it has not seen the old ones: then all is right.
  if (status == 0) {
    EXPECT_EQ(total_of(running.output()), wc_of({big, tree / "files"}));
  } else {
    EXPECT_EQ(status, 1);
    EXPECT_EQ(total_of(running.output()), total{}) << "no total that may be wrong";
    EXPECT_NE(running.errors().find("the files have changed since"), std::string::npos)
        << running.errors();
  }
  expect_nothing_left(running);
}

TEST(ProducerConsumerCrashTest, DiesWithItsSupervisorAndIsTidiedUpByTheNextStart) {
  const temporary_directory tree;
  const std::string endless = tree.write("endless", "");
  ASSERT_EQ(::truncate(endless.c_str(), off_t{1} << 42), 0);
  running_program running{{program, "--quiet", "--consumers", "3", endless}};
  ASSERT_TRUE(running.wait_until(
      [&] { return running.children().size() >= 3 && !shared_memory_of(running.pid()).empty(); }));
  running.signal(SIGKILL);
  EXPECT_EQ(running.wait(), 128 + SIGKILL);
  // The orphans come to us.
  for (int i = 0; i < 10'000 && !own_children().empty(); ++i) {
    reap_orphans();
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  EXPECT_TRUE(own_children().empty());

  const std::string file = tree.write("file", "text\n");
  EXPECT_EQ(run({program, "--quiet", file}).status, 0);
  EXPECT_EQ(shared_memory_of(running.pid()), std::vector<std::string>{});
}

}  // namespace
}  // namespace hawser::test
