// What the bank is made of: accounts, windows of requests, the ledger and its journal.

#include "bank/ledger.hpp"
#include "temporary_directory.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace bank {
namespace {

constexpr money most = std::numeric_limits<money>::max();

money total(const accounts& all) {
  money sum = 0;
  for (account_id id = 0; id < all.size(); ++id) sum += all.balance(id);
  return sum;
}

TEST(BankAccountsTest, ATransferMovesMoney) {
  accounts all{{100, 5}};
  EXPECT_EQ(all.transfer(0, 1, 30), refusal{});
  EXPECT_EQ(all.balance(0), 70);
  EXPECT_EQ(all.balance(1), 35);
  EXPECT_EQ(all.transfer(0, 0, 70), refusal{});
  EXPECT_EQ(all.balance(0), 70);
}

TEST(BankAccountsTest, WhatIsRefusedChangesNothing) {
  accounts all{{100, most}};
  EXPECT_EQ(all.transfer(0, 1, 101), bank_error::insufficient_funds);
  EXPECT_EQ(all.transfer(0, 1, 1), bank_error::overflow);
  EXPECT_EQ(all.transfer(0, 2, 1), bank_error::unknown_account);
  EXPECT_EQ(all.transfer(2, 0, 1), bank_error::unknown_account);
  EXPECT_EQ(all.transfer(0, 1, -1), bank_error::negative_amount);
  EXPECT_EQ(all.transfer(0, 1, 0), bank_error::negative_amount);
  EXPECT_EQ(all.transfer(0, 1, std::numeric_limits<money>::min()), bank_error::negative_amount);
  EXPECT_EQ(all.deposit(1, 1), bank_error::overflow);
  EXPECT_EQ(all.deposit(0, -5), bank_error::negative_amount);
  EXPECT_EQ(all.deposit(7, 5), bank_error::unknown_account);
  EXPECT_EQ(all.balance(0), 100);
  EXPECT_EQ(all.balance(1), most);
  EXPECT_TRUE(all.changed().empty());
}

TEST(BankAccountsTest, EachChangedAccountIsNamedOnceUntilItIsSaved) {
  accounts all{{10, 10, 10}};
  ASSERT_FALSE(all.transfer(0, 2, 1));
  ASSERT_FALSE(all.transfer(2, 0, 1));
  EXPECT_EQ(all.changed(), (std::vector<account_id>{2, 0}));
  all.saved();
  EXPECT_TRUE(all.changed().empty());
  ASSERT_FALSE(all.deposit(2, 1));
  EXPECT_EQ(all.changed(), std::vector<account_id>{2});
}

TEST(BankWindowTest, KnowsWhatIsDoneAndForgetsWhatNeedNotBeKnown) {
  window its;
  EXPECT_FALSE(its.is_done(0));
  its.done(0);
  its.done(window::size - 1);
  EXPECT_TRUE(its.is_done(0));
  EXPECT_TRUE(its.is_done(window::size - 1));
  EXPECT_FALSE(its.fits(window::size));
  EXPECT_FALSE(its.is_done(window::size));

  its.forget_below(1);
  EXPECT_TRUE(its.is_done(0)) << "what the teller has the answer of was done";
  EXPECT_TRUE(its.fits(window::size));
  EXPECT_FALSE(its.is_done(window::size)) << "it has the place that 0 had";
  its.forget_below(0);
  EXPECT_EQ(its.low(), 1U);

  its.forget_below(10 * window::size);
  EXPECT_FALSE(its.is_done(10 * window::size));
  EXPECT_FALSE(its.is_done(11 * window::size - 1));
}

TEST(BankWindowTest, IsTheSameWhenItIsReadAgain) {
  window its;
  its.forget_below(5000);
  for (std::uint64_t number = 5000; number < 6000; number += 7) its.done(number);
  const window again{its.low(), its.bytes()};
  for (std::uint64_t number = 4990; number < 6100; ++number)
    EXPECT_EQ(again.is_done(number), its.is_done(number)) << number;
}

class BankLedgerTest : public testing::Test {
 protected:
  BankLedgerTest() { journal::prepare(path, 10, 100); }
  static request_id request(std::uint64_t number, std::uint64_t low = 0) {
    return {7, number, low};
  }

  const hawser::test::temporary_directory folder;
  const std::string path = folder / "bank.db";
};

TEST_F(BankLedgerTest, ARequestThatIsRepeatedIsDoneOnce) {
  ledger books{path};
  EXPECT_FALSE(books.transfer(request(0), 0, 1, 10));
  EXPECT_FALSE(books.transfer(request(0), 0, 1, 10));
  books.commit();
  EXPECT_FALSE(books.transfer(request(0), 0, 1, 10));
  EXPECT_EQ(books.all().balance(0), 90);
  EXPECT_EQ(books.applied(), 1U);
  // Another teller's request of that number is another one.
  EXPECT_FALSE(books.transfer({8, 0, 0}, 0, 1, 10));
  EXPECT_EQ(books.all().balance(0), 80);
}

TEST_F(BankLedgerTest, ARefusedRequestMayBeAskedAgain) {
  ledger books{path};
  EXPECT_EQ(books.transfer(request(0), 0, 1, 101), bank_error::insufficient_funds);
  EXPECT_FALSE(books.deposit(request(1), 0, 1));
  EXPECT_FALSE(books.transfer(request(0), 0, 1, 101));
  EXPECT_EQ(books.all().balance(1), 201);
  EXPECT_EQ(books.applied(), 2U);
}

TEST_F(BankLedgerTest, ATellerThatIsTooFarAheadIsTold) {
  ledger books{path};
  EXPECT_EQ(books.deposit(request(window::size), 0, 1), bank_error::too_far_ahead);
  EXPECT_FALSE(books.deposit(request(window::size, 1), 0, 1));
}

TEST_F(BankLedgerTest, WhatWasCommittedIsThereAgainAndNothingElse) {
  {
    ledger books{path};
    EXPECT_FALSE(books.transfer(request(0), 0, 1, 10));
    EXPECT_FALSE(books.transfer(request(3, 2), 2, 3, 10));
    books.commit();
    EXPECT_FALSE(books.transfer(request(4, 2), 0, 1, 10));  // not committed
  }
  ledger books{path};
  EXPECT_EQ(books.all().balance(0), 90);
  EXPECT_EQ(books.all().balance(3), 110);
  EXPECT_EQ(books.applied(), 2U);
  EXPECT_EQ(books.low_of(7), 2U);
  EXPECT_EQ(books.low_of(8), 0U);
  EXPECT_FALSE(books.transfer(request(3, 2), 2, 3, 10)) << "it was done";
  EXPECT_EQ(books.applied(), 2U);
  EXPECT_FALSE(books.transfer(request(4, 2), 0, 1, 10)) << "it was not";
  EXPECT_EQ(books.applied(), 3U);
}

TEST_F(BankLedgerTest, ItGoesOnWithAJournalThatIsThere) {
  {
    ledger books{path};
    EXPECT_FALSE(books.transfer(request(0), 0, 1, 10));
    books.commit();
  }
  journal::prepare(path, 20, 1000);
  EXPECT_EQ(ledger{path}.all().size(), 10U);
  EXPECT_EQ(ledger{path}.all().balance(0), 90);
}

TEST_F(BankLedgerTest, AJournalThatIsNotThereIsAnErrorThatNamesIt) {
  try {
    const ledger books{folder / "none.db"};
    FAIL() << "opened what is not there";
  } catch (const journal_error& failed) {
    EXPECT_NE(std::string{failed.what()}.find("none.db"), std::string::npos) << failed.what();
  }
}

/// Banks that are killed at any moment, one after the other; what one has not answered is asked again.
class BankKillTest : public BankLedgerTest {
 protected:
  static constexpr std::uint64_t at_once = 64;

  static void ask(ledger& books, std::uint64_t from, std::uint64_t low) {
    for (std::uint64_t number = from; number < from + at_once; ++number)
      if (books.transfer(request(number, low), static_cast<account_id>(number % 10),
                         static_cast<account_id>(number * 7 % 10), 1))
        _exit(2);
  }
  /// Until it is killed; says what is answered.
  [[noreturn]] void be_bank(std::uint64_t low, int answers) const {
    ledger books{path};
    for (;;) {
      ask(books, low, low);
      books.commit();
      low += at_once;
      if (write(answers, &low, sizeof low) != sizeof low) _exit(3);
    }
  }
};

TEST_F(BankKillTest, NothingIsLostAndNothingDoneTwice) {
  std::mt19937 random{1};
  std::uint64_t low = 0;
  for (int kills = 0; kills < 30; ++kills) {
    int answers[2];
    ASSERT_EQ(pipe(answers), 0);
    const pid_t bank = fork();
    if (bank == 0) be_bank(low, answers[1]);
    close(answers[1]);
    for (auto left = random() % 4; left > 0; --left)
      ASSERT_EQ(read(answers[0], &low, sizeof low), static_cast<ssize_t>(sizeof low));
    usleep(static_cast<useconds_t>(random() % 1500));  // any moment: nothing is waited for
    kill(bank, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(bank, &status, 0), bank);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    close(answers[0]);
    const ledger books{path};
    EXPECT_EQ(total(books.all()), 1000);
    EXPECT_GE(books.applied(), low);
    EXPECT_EQ(books.applied() % at_once, 0U) << "a part of a commit";
  }
  ledger books{path};
  const std::uint64_t applied = books.applied();
  for (std::uint64_t from = low; from < applied + at_once; from += at_once) ask(books, from, from);
  books.commit();
  EXPECT_EQ(books.applied(), applied + at_once)
      << "of what was asked again, only the last were new";
  EXPECT_EQ(total(books.all()), 1000);
}

}  // namespace
}  // namespace bank
