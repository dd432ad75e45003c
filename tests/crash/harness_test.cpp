// The kill-point harness itself: it must pass what is right and catch what is wrong.

#include "shared_pair.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include <killpoint/marks.hpp>
#include <killpoint/sweep.hpp>
#include <killpoint/traced_child.hpp>
#include <sys/mman.h>

namespace hawser::test {
namespace {

using killpoint::hang_limit;
using killpoint::sleeper_news;
using killpoint::sweep_report;
using killpoint::verdict;

class update_scenario : public killpoint::scenario {
 public:
  update_scenario(flaw weakness, bool with_sleeper) : pair_(weakness), sleeper_(with_sleeper) {}

  std::string name() const override { return "update"; }
  bool has_sleeper() const override { return sleeper_; }
  void arrange(int) override { before_ = pair_.version(); }
  void enter(int) override { next_ = pair_.version() + 100; }
  void operate() override { pair_.update(next_); }
  std::string doze(int) override {
    pair_.sleep_while(pair_.version());
    return "awake";
  }

  std::string listen(sleeper_news& sleeper) override {
    return sleeper.wait(hang_limit / 8) ? "" : "the sleeper was not woken by the update";
  }

  verdict check(sleeper_news& sleeper, bool) override {
    verdict found;
    pair_.recover();
    found.outcome = static_cast<int>(pair_.version() - before_);
    if (sleeper_ && found.outcome == 1 && !sleeper.wait(hang_limit / 8))
      found.failure = "the sleeper was not woken";
    const shared_pair::value now = pair_.read();
    for (const std::uint64_t word : now)
      if (word != now[0]) found.failure = "a torn value";
    if (found.failure.empty()) pair_.update(1);
    if (sleeper_ && found.failure.empty() && !sleeper.wait(hang_limit / 8))
      found.failure = "the sleeper was not woken by the next update";
    return found;
  }

 private:
  shared_pair pair_;
  bool sleeper_;
  std::uint32_t before_ = 0;
  std::uint64_t next_ = 0;
};

sweep_report run_sweep(flaw weakness, bool with_sleeper,
                       const killpoint::sweep_options& options = {.failures_max = 1}) {
  update_scenario subject(weakness, with_sleeper);
  return killpoint::sweep(subject, options).run();
}

class HarnessTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { killpoint::become_tracer(); }
  static void TearDownTestSuite() { killpoint::stop_being_tracer(); }
};

[[gnu::noinline]] void add_one(std::atomic<int>& word) { ++word; }

TEST_F(HarnessTest, AVictimStopsAtAnInstructionThatItComesByForTheNthTime) {
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  auto& word = *new (page) std::atomic<int>{0};
  killpoint::traced_child victim([&] {
    const killpoint::marked_thread self;
    self.mark();
    for (int i = 0; i < 10; ++i) add_one(word);
    self.mark();
  });
  using enum killpoint::progress;
  ASSERT_EQ(victim.run_to_mark(hang_limit), marked);
  const auto address = reinterpret_cast<std::uint64_t>(&add_one);
  EXPECT_EQ(victim.run_to(address, 3), stepped);
  EXPECT_EQ(victim.address(), address);
  EXPECT_EQ(word, 2);
  EXPECT_EQ(victim.run_to(address, 1), stepped);  // it is there
  EXPECT_EQ(word, 2);
  EXPECT_EQ(victim.run_to(address, 2), stepped);
  EXPECT_EQ(word, 3);
  EXPECT_EQ(victim.step(), stepped);  // nothing is left of the breakpoint
  EXPECT_EQ(victim.run_to(address, 100), marked);
  EXPECT_EQ(word, 10);
  munmap(page, 4096);
}

/// Writes in one place when it is measured, in another one ever after.
class wandering_scenario final : public killpoint::scenario {
 public:
  wandering_scenario()
      : page_(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
        entered_(*new (page_) std::atomic<int>{0}),
        word_(*new (static_cast<char*>(page_) + 64) std::atomic<int>{0}) {}
  ~wandering_scenario() override { munmap(page_, 4096); }

  std::string name() const override { return "wanders"; }
  void arrange(int) override { word_ = 0; }
  void enter(int) override { elsewhere_ = entered_++ != 0; }
  void operate() override {
    if (elsewhere_) add_one(word_);
    else word_ = 1;
  }
  verdict check(sleeper_news&, bool) override {
    verdict found;
    found.outcome = word_;
    return found;
  }

 private:
  void* page_;
  std::atomic<int>&entered_, &word_;
  bool elsewhere_ = false;
};

TEST_F(HarnessTest, AVictimThatTakesAnotherWayIsSteppedThroughIt) {
  wandering_scenario subject;
  const sweep_report report =
      killpoint::sweep(subject, {.every_instruction_max = 0, .samples = 0}).run();
  EXPECT_EQ(report.failures, std::vector<std::string>{});
  EXPECT_GT(report.points, report.effects + 3);  // some were tried once more
  EXPECT_GT(report.outcomes[0], 0U);
  EXPECT_GT(report.outcomes[1], 0U);
}

TEST_F(HarnessTest, PassesARobustObjectAtEveryInstruction) {
  for (const bool with_sleeper : {false, true}) {
    const sweep_report report = run_sweep(flaw::none, with_sleeper);
    EXPECT_EQ(report.failures, std::vector<std::string>{});
    EXPECT_TRUE(report.every_instruction);
    EXPECT_GT(report.instructions, 20U);
    // Before and after every instruction, and twice the complete operation (first and last).
    // ... and once with the victim alive while the sleeper has to wake.
    EXPECT_EQ(report.points, report.instructions + (with_sleeper ? 4 : 3));
    EXPECT_GT(report.outcomes[0], 0U);
    EXPECT_GT(report.outcomes[1], 0U);
  }
}

TEST_F(HarnessTest, FindsTheEffectsThatASurvivorCanSee) {
  const sweep_report report =
      run_sweep(flaw::none, false, {.every_instruction_max = 0, .samples = 0, .failures_max = 1});
  // getpid(), owner, four words, version, the wake's system call, owner, the end mark's call.
  EXPECT_EQ(report.effects, 10U);
  EXPECT_EQ(report.points, report.effects + 3);
  EXPECT_EQ(report.failures, std::vector<std::string>{});
}

TEST_F(HarnessTest, CatchesACommitBeforeTheBytes) {
  const sweep_report report = run_sweep(flaw::commit_before_bytes, false);
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_NE(report.failures[0].find("a torn value"), std::string::npos) << report.failures[0];
}

TEST_F(HarnessTest, CatchesACommitInTwoSteps) {
  const sweep_report report = run_sweep(flaw::commit_in_two_steps, false);
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_NE(report.failures[0].find("no such outcome"), std::string::npos) << report.failures[0];
}

TEST_F(HarnessTest, CatchesARecoveryThatWakesNobody) {
  EXPECT_EQ(run_sweep(flaw::no_wake_in_recovery, false).failures, std::vector<std::string>{});
  const sweep_report report = run_sweep(flaw::no_wake_in_recovery, true);
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_NE(report.failures[0].find("not woken"), std::string::npos) << report.failures[0];
}

TEST_F(HarnessTest, CatchesACommitThatWakesNobody) {
  const sweep_report report = run_sweep(flaw::no_wake_after_commit, true);
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_NE(report.failures[0].find("not woken"), std::string::npos) << report.failures[0];
}

TEST_F(HarnessTest, CatchesALockThatDiesWithItsOwner) {
  const sweep_report report = run_sweep(flaw::lock_dies_with_owner, false,
                                        {.check_limit = hang_limit / 8, .failures_max = 1});
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_NE(report.failures[0].find("a survivor hangs"), std::string::npos) << report.failures[0];
}

TEST_F(HarnessTest, FindsTheSameWithEffectsAlone) {
  for (const flaw weakness : {flaw::commit_before_bytes, flaw::commit_in_two_steps,
                              flaw::no_wake_in_recovery, flaw::no_wake_after_commit}) {
    const sweep_report report =
        run_sweep(weakness, true, {.every_instruction_max = 0, .samples = 0, .failures_max = 1});
    EXPECT_EQ(report.failures.size(), 1U) << static_cast<int>(weakness);
  }
}

}  // namespace
}  // namespace hawser::test
