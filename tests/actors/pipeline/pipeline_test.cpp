// A pipeline whose workers are processes, or threads: the same but for what kills them.

#include "pipeline_stages.hpp"

#include <atomic>
#include <set>

namespace test {
namespace {

class PipelineTest : public testing::TestWithParam<bool> {
 protected:
  static stage_options workers(std::size_t count) {
    stage_options all;
    all.workers = count;
    all.threads = GetParam();
    return all;
  }
  ~PipelineTest() override { EXPECT_EQ(channels_of(getpid()), 0U); }
};

INSTANTIATE_TEST_SUITE_P(, PipelineTest, testing::Bool(), [](const auto& one) {
  return std::string{one.param ? "threads" : "processes"};
});

TEST_P(PipelineTest, EachInputComesOutOnceAndInOrder) {
  auto line = pipeline<int>{}
                  .stage("twice", workers(3), twice)
                  .stage("text", workers(2), text_of)
                  .stage("length", workers(2), length_of)
                  .start();
  std::uint64_t expected = 0;
  for (auto& done : line.run(numbers_to(5000))) {
    ASSERT_TRUE(done) << done.words();
    ASSERT_EQ(done.index, expected);
    ASSERT_EQ(done.get(), std::to_string(2 * expected).size());
    ++expected;
  }
  EXPECT_EQ(expected, 5000U);
  EXPECT_TRUE(line.is_over());
  EXPECT_EQ(line.pop(), std::nullopt);
}

TEST_P(PipelineTest, UnorderedOutcomesComeAsTheyAreReady) {
  shm::event go{create_only, hawser::test::unique_name()};
  auto line = pipeline<std::pair<std::string, int>>{{.ordered = false}}
                  .stage("waits", workers(2), waits_first)
                  .start();
  for (int i = 0; i < 40; ++i) line.push({go.name(), i});
  line.close();
  std::set<std::uint64_t> indices;
  for (int i = 1; i < 40; ++i) indices.insert(line.pop()->index);
  EXPECT_EQ(indices.size(), 39U);
  EXPECT_EQ(indices.count(0), 0U);
  go.set();
  EXPECT_EQ(line.pop()->index, 0U);
  EXPECT_EQ(line.pop(), std::nullopt);
}

TEST_P(PipelineTest, OrderedOutcomesWaitForTheFirst) {
  shm::event go{create_only, hawser::test::unique_name()};
  auto line = pipeline<std::pair<std::string, int>>{{.window = 40}}
                  .stage("waits", workers(2), waits_first)
                  .start();
  for (int i = 0; i < 40; ++i) line.push({go.name(), i});
  ASSERT_TRUE(hawser::test::eventually([&] { return line.metrics().stages[0].done == 39; }));
  EXPECT_EQ(line.try_pop(), std::nullopt);
  EXPECT_EQ(line.try_push({go.name(), 40}), std::nullopt);  // the window is full
  go.set();
  for (std::uint64_t i = 0; i < 40; ++i) ASSERT_EQ(line.pop()->index, i);
}

TEST_P(PipelineTest, WhatIsThrownIsADeadLetterWithWhatTheStageWasGiven) {
  int dead = 0;
  auto line =
      pipeline<int>{}.stage("picky", workers(2), picky).stage("text", workers(1), text_of).start();
  for (auto& done : line.run(numbers_to(100))) {
    if (done.index % 10 != 7) {
      ASSERT_EQ(done.get(), std::to_string(done.index));
      continue;
    }
    ++dead;
    ASSERT_FALSE(done);
    EXPECT_EQ(done.stage, "picky");
    EXPECT_EQ(done.letter<int>(), static_cast<int>(done.index));
    EXPECT_EQ(done.letter<std::string>(), std::nullopt);
    const std::string number = std::to_string(done.index);
    EXPECT_EQ(done.words(),
              "std::invalid_argument: not " + number + " (task " + number + " of picky)");
    EXPECT_THROW(done.get(), task_error);
  }
  EXPECT_EQ(dead, 10);
  EXPECT_EQ(line.metrics().dead, 10U);
  EXPECT_EQ(line.metrics().stages[0].dead, 10U);
}

TEST_P(PipelineTest, WhoPushesWaitsForWhoTakes) {
  auto line =
      pipeline<int>{{.window = 10, .capacity = 4}}.stage("twice", workers(2), twice).start();
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(hawser::test::eventually([&] { return line.try_push(i).has_value(); }));
  EXPECT_EQ(line.try_push(10), std::nullopt);
  EXPECT_EQ(line.push_for(10, 20ms), std::nullopt);
  EXPECT_EQ(line.metrics().on_the_way, 10U);
  EXPECT_EQ(line.pop()->get(), 0);
  EXPECT_EQ(line.push(10), 10U);
  line.close();
  for (int i = 1; i <= 10; ++i) EXPECT_EQ(line.pop()->get(), 2 * i);
  EXPECT_EQ(line.pop(), std::nullopt);
}

TEST_P(PipelineTest, ThreadsMayPushAndTake) {
  auto line = pipeline<int>{{.ordered = false}}
                  .stage("twice", workers(2), twice)
                  .stage("text", workers(2), text_of)
                  .start();
  constexpr int pushers = 3, each = 400;
  constexpr std::size_t inputs = 1200;
  std::mutex mutex;
  std::set<std::uint64_t> indices;
  std::multiset<std::string> values;
  std::vector<std::thread> all;
  std::atomic<int> pushing{pushers};
  for (int p = 0; p < pushers; ++p)
    all.emplace_back([&, p] {
      for (int i = 0; i < each; ++i) line.push(p * each + i);
      if (--pushing == 0) line.close();
    });
  for (int t = 0; t < 2; ++t)
    all.emplace_back([&] {
      while (auto done = line.pop()) {
        const std::scoped_lock hold{mutex};
        indices.insert(done->index);
        values.insert(done->get());
      }
    });
  for (auto& one : all) one.join();
  EXPECT_EQ(indices.size(), inputs);
  EXPECT_EQ(*indices.rbegin(), inputs - 1);
  for (int i = 0; i < pushers * each; ++i) ASSERT_EQ(values.count(std::to_string(2 * i)), 1U) << i;
}

TEST_P(PipelineTest, AStageMayReturnNothing) {
  auto line = pipeline<int>{}.stage("nothing", workers(2), nothing_of).start();
  std::size_t count = 0;
  for (auto& done : line.run(numbers_to(50))) count += done ? 1U : 0U;
  EXPECT_EQ(count, 50U);
}

TEST_P(PipelineTest, WhatIsTooLongIsToldWithTheRemedy) {
  stage_options small = workers(1);
  small.message_bytes_max = 100;
  auto line = pipeline<std::string>{{.message_bytes_max = 4}}
                  .stage("length", small, length_of)
                  .stage("text", workers(1), [](std::size_t n) { return std::string(n, 'x'); })
                  .start();
  try {
    line.push(std::string(1000, 'y'));
    FAIL() << "it went in";
  } catch (const hawser::error& refused) {
    EXPECT_EQ(refused.code(), errc::too_large);
    const std::string words = refused.what();
    EXPECT_NE(words.find("message_bytes_max of stage \"length\" is 100; raise that"),
              std::string::npos)
        << words;
  }
  // An input that was refused does not count.
  EXPECT_EQ(line.push("four"), 0U);
  const auto dead_of_four = line.pop();
  EXPECT_FALSE(*dead_of_four);
  EXPECT_EQ(dead_of_four->letter<std::size_t>(), 4U);
  line.close();

  auto longer = pipeline<int>{}.stage("long", workers(1), long_text).start();
  longer.push(1 << 20);
  const auto dead = longer.pop();
  EXPECT_NE(dead->words().find("message_bytes_max of the pipeline allows for 65536"),
            std::string::npos)
      << dead->words();
  EXPECT_EQ(dead->letter<int>(), 1 << 20);
}

TEST_P(PipelineTest, OptionsThatCannotBeAreRefusedInWords) {
  const auto words_of = [](const auto& start) -> std::string {
    try {
      start();
    } catch (const hawser::error& refused) {
      return refused.what();
    }
    return "none";
  };
  EXPECT_EQ(words_of([] { auto line = pipeline<int>{}.start(); }),
            "cannot start pipeline \"pipeline\": it has no stages; add one with stage()");
  EXPECT_NE(
      words_of([] {
        auto line =
            pipeline<int>{}.stage("a", workers(1), twice).stage("a", workers(1), twice).start();
      }).find("\"pipeline/a\": another stage has this name"),
      std::string::npos);
  EXPECT_NE(words_of([] {
              auto line =
                  pipeline<int>{}.stage("a", {.timeout = 1s}, [](int x) { return x; }).start();
            }).find("threads cannot be stopped"),
            std::string::npos);
  EXPECT_NE(words_of([] {
              (void)pipeline<int>{}.stage("a", {}, not_registered);
            }).find("add HAWSER_TASK(function)"),
            std::string::npos);
}

TEST_P(PipelineTest, TerminateEndsItWithWhatIsOnTheWay) {
  auto line = pipeline<int>{}.stage("slow", workers(2), works_for_a_moment).start();
  for (int i = 0; i < 20; ++i) line.push(i);
  line.terminate();
  EXPECT_THROW(line.push(1), hawser::error);
  EXPECT_THROW(while (line.pop()){}, hawser::error);
  EXPECT_TRUE(line.worker_pids().empty());
}

TEST_P(PipelineTest, AClosedOneTakesNothing) {
  auto line = pipeline<int>{}.stage("twice", workers(1), twice).start();
  line.push(1);
  line.close();
  line.close();
  EXPECT_THROW(line.push(2), hawser::error);
  EXPECT_EQ(line.pop()->get(), 2);
  EXPECT_EQ(line.pop(), std::nullopt);
  EXPECT_EQ(line.try_pop(), std::nullopt);
  EXPECT_EQ(line.metrics().taken, 1U);
}

TEST_P(PipelineTest, WhoWaitsIsToldThatItIsClosed) {
  auto line = pipeline<int>{}.stage("twice", workers(1), twice).start();
  std::thread takes{[&] { EXPECT_EQ(line.pop(), std::nullopt); }};
  line.close();
  takes.join();
}

TEST_P(PipelineTest, MetricsNameTheBottleneck) {
  auto line = pipeline<int>{}
                  .stage("twice", workers(1), twice)
                  .stage("slow", workers(1), works_for_a_moment)
                  .stage("text", workers(1), text_of)
                  .start();
  (void)line.metrics();
  std::size_t count = 0;
  for (auto& done : line.run(numbers_to(1000))) count += done ? 1U : 0U;
  const pipeline_metrics all = line.metrics();
  EXPECT_EQ(count, 1000U);
  EXPECT_EQ(all.bottleneck, "slow") << to_string(all);
  EXPECT_EQ(all.pushed, 1000U);
  EXPECT_EQ(all.taken, 1000U);
  EXPECT_EQ(all.on_the_way, 0U);
  ASSERT_EQ(all.stages.size(), 3U);
  for (const auto& one : all.stages) {
    EXPECT_EQ(one.done, 1000U) << one.name;
    EXPECT_EQ(one.dead, 0U);
    EXPECT_EQ(one.depth, 0U);
    EXPECT_GT(one.per_second, 0);
    EXPECT_LE(one.utilisation + one.blocked, 1 + 1e-9);
  }
  EXPECT_GT(all.stages[1].utilisation, all.stages[0].utilisation);
  EXPECT_NE(to_string(all).find("<- bottleneck"), std::string::npos);
}

TEST_P(PipelineTest, InputsAreReadNoFasterThanTheyAreNeeded) {
  auto line = pipeline<int>{{.window = 8}}.stage("twice", workers(1), twice).start();
  std::vector<int> inputs = numbers_to(1000);
  std::uint64_t taken = 0;
  for (auto& done : line.run(inputs)) {
    ASSERT_EQ(done.get(), 2 * static_cast<int>(taken++));
    ASSERT_LE(line.metrics().pushed, taken + 8);
  }
  EXPECT_EQ(taken, 1000U);
}

}  // namespace
}  // namespace test
