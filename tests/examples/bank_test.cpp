// The whole bank, with kills.

#include "run_program.hpp"
#include "temporary_directory.hpp"
#include "traces.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <regex>
#include <string>
#include <thread>

namespace hawser::test {
namespace {

struct last_line {
  long balance = -1, expected = -2, transfers = -1, applied = -2, kills = -1;
};
last_line parse(const std::string& output) {
  static const std::regex shape{
      R"(balance (-?\d+) expected (-?\d+) transfers (\d+) applied (\d+) kills (\d+)\n$)"};
  std::smatch found;
  if (!std::regex_search(output, found, shape)) return {};
  return {std::stol(found[1]), std::stol(found[2]), std::stol(found[3]), std::stol(found[4]),
          std::stol(found[5])};
}

class BankTest : public testing::Test {
 protected:
  last_line run_bank(std::vector<std::string> arguments, int expected_status = 0) {
    arguments.insert(arguments.begin(), example("bank"));
    running_program program{arguments};
    EXPECT_EQ(program.wait(), expected_status) << program.output() << program.errors();
    output = program.output();
    errors = program.errors();
    EXPECT_EQ(shared_memory_of(program.pid()), std::vector<std::string>{});
    EXPECT_EQ(own_children(), std::vector<pid_t>{});
    return parse(output);
  }
  const temporary_directory folder;
  std::string output, errors;
};

TEST_F(BankTest, AHundredDepositorsPayAHundred) {
  const last_line last = run_bank({});
  EXPECT_EQ(last.balance, 100);
  EXPECT_EQ(last.expected, 100);
  EXPECT_EQ(last.applied, 100);
  std::smatch found;
  ASSERT_TRUE(std::regex_search(
      output, found,
      std::regex{R"(without protection: 100 depositors paid 1 each, and (\d+) are there\n)"}))
      << output;
  EXPECT_LT(std::stol(found[1]), 100) << "the broken version loses money";
}

TEST_F(BankTest, TransfersKeepTheTotal) {
  const last_line last = run_bank({"--transfers", "20000"});
  EXPECT_EQ(last.balance, 1'000'000'000);
  EXPECT_EQ(last.expected, last.balance);
  EXPECT_EQ(last.transfers, 20'000);
  EXPECT_EQ(last.applied, 20'000);
  EXPECT_EQ(last.kills, 0);
}

TEST_F(BankTest, KillsLoseNothingAndDoubleNothing) {
  // A quarter of the kills at least meets the bank itself.
  const last_line last =
      run_bank({"--transfers", "60000", "--processes", "3", "--kill-every", "25"});
  EXPECT_EQ(last.balance, 1'000'000'000);
  EXPECT_EQ(last.expected, last.balance);
  EXPECT_EQ(last.transfers, 60'000);
  EXPECT_EQ(last.applied, 60'000);
  EXPECT_GT(last.kills, 0);
  EXPECT_NE(output.find("killed by signal 9"), std::string::npos) << output;
}

TEST_F(BankTest, GoesOnWithItsJournal) {
  const std::string journal = folder / "bank.db";
  EXPECT_EQ(run_bank({"--journal", journal}).balance, 100);
  const last_line last = run_bank({"--journal", journal, "--depositors", "7", "--processes", "9"});
  EXPECT_EQ(last.balance, 107);
  EXPECT_EQ(last.expected, 107);
  EXPECT_EQ(last.applied, 7);
}

TEST_F(BankTest, AJournalOfDepositsIsNotForTransfers) {
  const std::string journal = folder / "bank.db";
  run_bank({"--journal", journal});
  run_bank({"--journal", journal, "--transfers", "10"}, 1);
  EXPECT_NE(errors.find(journal), std::string::npos) << errors;
  EXPECT_NE(errors.find("another file"), std::string::npos) << errors;
}

TEST_F(BankTest, AJournalThatCannotBeIsAnErrorThatNamesIt) {
  run_bank({"--journal", folder / "no/such/folder/bank.db"}, 1);
  EXPECT_NE(errors.find("no/such/folder/bank.db"), std::string::npos) << errors;
  const std::string text = folder.write("notes.txt", std::string(5000, 'x'));
  run_bank({"--journal", text}, 1);
  EXPECT_NE(errors.find("notes.txt"), std::string::npos) << errors;
}

TEST_F(BankTest, ItsOwnDeathIsTheEndOfAllItsProcesses) {
  running_program program{
      {example("bank"), "--transfers", "100000000", "--journal", folder / "bank.db"}};
  ASSERT_TRUE(program.wait_until([&] { return program.children().size() >= 5; }));
  program.signal(SIGKILL);
  EXPECT_EQ(program.wait(), 128 + SIGKILL);
  for (int i = 0; i < 10'000 && !own_children().empty(); ++i) {
    reap_orphans();
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  EXPECT_EQ(own_children(), std::vector<pid_t>{});
  // What was answered is there, and what they had shared is gone with the next start.
  const last_line last = run_bank({"--transfers", "100", "--journal", folder / "bank.db"});
  EXPECT_EQ(last.balance, 1'000'000'000);
  EXPECT_EQ(last.applied, 100);
  EXPECT_EQ(shared_memory_of(program.pid()), std::vector<std::string>{});
}

}  // namespace
}  // namespace hawser::test
