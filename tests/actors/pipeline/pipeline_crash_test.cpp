// Workers of a pipeline that die, of what they are given or of a kill.

#include "pipeline_stages.hpp"

#include <atomic>
#include <map>
#include <random>

namespace test {
namespace {

stage_options workers(std::size_t count, unsigned retries = 2) {
  stage_options all;
  all.workers = count;
  all.retries = retries;
  return all;
}

/// Kills every few milliseconds, though not before 20 outcomes have come since the last time: workers that
/// start more slowly than they are killed come to nothing.
template <class Line>
class random_kills {
 public:
  random_kills(const Line& line, std::chrono::microseconds pause)
      : thread_{[this, &line, pause](const std::stop_token& stops) {
          std::mt19937 random{std::random_device{}()};
          std::uint64_t next = 0;
          while (!stops.stop_requested()) {
            std::this_thread::sleep_for(pause);  // between kills: nothing waits for it
            const auto pids = line.worker_pids();
            if (pids.empty() || outcomes_ < next) continue;
            next = outcomes_ + 20;
            kills_ += kill(pids[random() % pids.size()], SIGKILL) == 0;
          }
        }} {}
  void outcome() { ++outcomes_; }
  int stop() {
    thread_.request_stop();
    thread_.join();
    return kills_;
  }

 private:
  std::atomic<std::uint64_t> outcomes_{0};
  std::atomic<int> kills_{0};
  std::jthread thread_;
};

class PipelineCrashTest : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(, PipelineCrashTest, testing::Bool(), [](const auto& one) {
  return std::string{one.param ? "ordered" : "unordered"};
});

TEST_P(PipelineCrashTest, EachInputHasOneOutcomeWhoeverIsKilled) {
  constexpr int inputs = 2000;
  auto line = pipeline<int>{{.ordered = GetParam()}}
                  .stage("twice", workers(2, 100), twice)
                  .stage("work", workers(3, 100), works_for_a_moment)
                  .stage("thread", {.workers = 2}, [](int x) { return x + 1; })
                  .stage("text", workers(2, 100), text_of)
                  .start();
  random_kills kills{line, 8ms};
  std::map<std::uint64_t, int> seen;
  std::uint64_t next = 0;
  for (auto& done : line.run(numbers_to(inputs))) {
    kills.outcome();
    ASSERT_TRUE(done) << done.words();
    ASSERT_EQ(done.get(), std::to_string(2 * done.index + 1));
    ++seen[done.index];
    if (GetParam()) {
      ASSERT_EQ(done.index, next++);
    }
  }
  EXPECT_GT(kills.stop(), 10);
  ASSERT_EQ(seen.size(), std::size_t{inputs});
  for (const auto& [index, times] : seen) ASSERT_EQ(times, 1) << index;
  EXPECT_EQ(line.metrics().taken, std::uint64_t{inputs});
}

TEST_P(PipelineCrashTest, WhatKillsItsWorkersIsADeadLetterAndTheOthersKnowNothingOfIt) {
  auto line = pipeline<int>{{.ordered = GetParam()}}
                  .stage("deadly", workers(2), dies_of_42)
                  .stage("text", workers(1), text_of)
                  .start();
  int dead = 0;
  for (auto& done : line.run(numbers_to(400))) {
    if (done.index % 100 != 42) {
      ASSERT_EQ(done.get(), std::to_string(done.index));
      continue;
    }
    ++dead;
    EXPECT_EQ(done.letter<int>(), static_cast<int>(done.index));
    try {
      done.get();
      FAIL();
    } catch (const worker_lost& lost) {
      EXPECT_EQ(lost.attempts(), 3U);
      EXPECT_EQ(lost.status().signal(), SIGKILL) << lost.what();
      EXPECT_NE(lost.pid(), 0);
    }
  }
  EXPECT_EQ(dead, 4);
  const auto all = line.metrics();
  EXPECT_EQ(all.stages[0].deaths, 12U);
  EXPECT_EQ(all.stages[0].dead, 4U);
}

TEST(PipelineDeathTest, WhatTakesTooLongIsGivenUp) {
  stage_options impatient = workers(2, 1);
  impatient.timeout = 50ms;
  auto line = pipeline<int>{}.stage("slow", impatient, takes_too_long).start();
  for (auto& done : line.run(numbers_to(20))) {
    if (done.index == 5) {
      EXPECT_THROW(done.get(), task_timeout) << done.words();
    } else {
      ASSERT_TRUE(done) << done.words();
    }
  }
}

TEST(PipelineDeathTest, AFunctionThatExitsHasNotDoneItsWork) {
  auto line = pipeline<int>{}.stage("exits", workers(2), exits).start();
  for (auto& done : line.run(numbers_to(10))) {
    if (done.index == 3) {
      EXPECT_THROW(done.get(), worker_lost) << done.words();
    } else {
      ASSERT_TRUE(done) << done.words();
    }
  }
}

TEST(PipelineDeathTest, AWorkerThatLeavesWithoutAWordBreaksThePipelineAndNobodyHangs) {
  auto line = pipeline<int>{}.stage("exits", workers(1), exits_quickly).start();
  try {
    for (auto& done : line.run(numbers_to(10))) ASSERT_LT(done.index, 3U);
    FAIL() << "it ended";
  } catch (const hawser::error& broken) {
    EXPECT_EQ(broken.code(), errc::system);
    EXPECT_NE(std::string{broken.what()}.find("left by _exit(0)"), std::string::npos)
        << broken.what();
  }
  EXPECT_THROW(line.push(1), hawser::error);
}

TEST(PipelineDeathTest, AStageThatKillsAllItsWorkersIsNotTheEnd) {
  auto line = pipeline<int>{}.stage("deadly", workers(2, 0), never_comes_back).start();
  int lost = 0;
  for (auto& done : line.run(numbers_to(10))) lost += done ? 0 : 1;
  EXPECT_EQ(lost, 10);
}

TEST(PipelineDeathTest, WorkersThatAreKilledBeforeTheyBeginBreakThePipelineInWords) {
  auto line = pipeline<int>{}.stage("twice", workers(1, 0), twice).start();
  std::jthread kills{[&](const std::stop_token& stops) {
    while (!stops.stop_requested())
      for (const pid_t one : line.worker_pids()) kill(one, SIGKILL);
  }};
  // There is nothing to do: each death is one without a message.
  try {
    (void)line.pop();
    FAIL() << "it has an outcome";
  } catch (const hawser::error& broken) {
    const std::string words = broken.what();
    EXPECT_NE(words.find("the workers of stage \"twice\" have died"), std::string::npos) << words;
    EXPECT_NE(words.find("killed by signal 9"), std::string::npos) << words;
  }
}

int runs_a_pipeline(std::string file) {
  auto line = pipeline<int>{}
                  .stage("twice", {.workers = 2}, twice)
                  .stage("slow", {.workers = 2}, takes_too_long)
                  .start();
  for (int i = 0; i < 20; ++i) line.push(i);
  std::string pids;
  for (const pid_t one : line.worker_pids()) pids += std::to_string(one) + " ";
  write_file(file, pids);
  while (line.pop()) continue;
  return 0;
}
HAWSER_PROCESS(runs_a_pipeline);

TEST(PipelineDeathTest, ItsWorkersDieWithItAndTheNextOneCleansUp) {
  const temporary_folder folder;
  const auto file = folder / "pids";
  auto owner = process::spawn(runs_a_pipeline, file.string());
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(file); }));
  std::istringstream pids{contents(file)};
  std::vector<std::unique_ptr<stranger>> all;
  for (pid_t one = 0; pids >> one;) all.push_back(std::make_unique<stranger>(one));
  ASSERT_EQ(all.size(), 4U);
  owner.kill();
  owner.join();
  for (const auto& one : all) EXPECT_TRUE(one->has_ended(10s));
  auto next = pipeline<int>{}.stage("twice", workers(1), twice).start();
  EXPECT_EQ(channels_of(owner.pid()), 0U);
}

TEST(PipelineDeathTest, AStoppedWorkerHoldsUpNobodyElse) {
  auto line =
      pipeline<int>{{.ordered = false}}.stage("work", workers(2), works_for_a_moment).start();
  const auto pids = line.worker_pids();
  ASSERT_EQ(pids.size(), 2U);
  ASSERT_TRUE(hawser::test::eventually([&] {
    for (const auto& one : shm::list_channels())
      if (one.name.starts_with("actors.pipeline." + std::to_string(getpid())) &&
          one.name.ends_with(".0"))
        return one.participants.size() == 3;
    return false;
  }));
  kill(pids[0], SIGSTOP);
  for (int i = 0; i < 50; ++i) line.push(i);
  line.close();
  int out = 0;
  // One may be in its hands: it comes when the worker goes on.
  for (; out < 49; ++out) ASSERT_TRUE(line.pop());
  kill(pids[0], SIGCONT);
  for (; line.pop(); ++out) continue;
  EXPECT_EQ(out, 50);
}

}  // namespace
}  // namespace test
