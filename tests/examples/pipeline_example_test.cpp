/// Scenario 13: what the example shows of its stages while they work, and that the sums are right whoever
/// is killed.
#include "run_program.hpp"
#include "traces.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <string>
#include <vector>

namespace hawser::test {
namespace {

std::string last_line(const std::string& output) {
  const std::size_t begin = output.rfind('\n', output.size() - 2);
  return output.substr(begin + 1, output.size() - begin - 2);
}

TEST(PipelineExampleTest, ShowsHowEachStageGetsOnAndSumsUp) {
  const auto ended = run(
      {example("pipeline"), "--documents", "400", "--broken-every", "200", "--show-every", "5"});
  ASSERT_EQ(ended.status, 0) << ended.output << ended.errors;
  EXPECT_EQ(last_line(ended.output), "documents 400 results 398 dead 2 kills 0");
  for (const std::string stage : {"clean", "extract", "score"}) {
    // Depth, throughput and utilisation, live: more than once, and more each time.
    const std::regex row{stage +
                         R"( +\d+ +\d+/64 +(\d+) +\d+ +\d+ +\d+% +\d+% +0( +<- bottleneck)?\n)"};
    std::vector<int> done;
    for (std::sregex_iterator one{ended.output.begin(), ended.output.end(), row}, end; one != end;
         ++one)
      done.push_back(std::stoi((*one)[1]));
    ASSERT_GT(done.size(), 1U) << ended.output;
    EXPECT_EQ(done.back(), 398);
    EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  }
  EXPECT_NE(ended.output.find("<- bottleneck"), std::string::npos);
  EXPECT_NE(ended.output.find("dead letter: document 199: std::invalid_argument: it has no text "
                              "(task 199 of clean)"),
            std::string::npos)
      << ended.output;
}

TEST(PipelineExampleTest, KilledWorkersChangeNothingOfIt) {
  for (const bool ordered : {true, false}) {
    std::vector<std::string> words{example("pipeline"), "--documents", "600", "--kill-every", "60"};
    if (!ordered) words.push_back("--unordered");
    running_program running{words};
    ASSERT_EQ(running.wait(), 0) << running.output() << running.errors();
    std::smatch kills;
    const std::string last = last_line(running.output());
    ASSERT_TRUE(std::regex_match(last, kills,
                                 std::regex{R"(documents 600 results 599 dead 1 kills (\d+))"}))
        << last;
    EXPECT_GT(std::stoi(kills[1]), 0);
    EXPECT_TRUE(own_children().empty());
    EXPECT_TRUE(shared_memory_of(running.pid()).empty());
  }
}

TEST(PipelineExampleTest, OptionsThatCannotBeAreRefused) {
  EXPECT_NE(run({example("pipeline"), "--documents", "0"}).status, 0);
  EXPECT_NE(run({example("pipeline"), "--extractors", "1000"}).status, 0);
}

}  // namespace
}  // namespace hawser::test
