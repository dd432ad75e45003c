// The bank as an actor, in one process.

#include "bank/banking.hpp"
#include "temporary_directory.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <iostream>
#include <limits>
#include <sstream>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

namespace bank {
namespace {

using namespace std::chrono_literals;

class BankActorTest : public testing::Test {
 protected:
  BankActorTest() {
    journal::prepare(path, 10, 100);
    begin();
  }
  ~BankActorTest() override { end(); }

  void begin() { one = system.spawn<caf::detached>(banking, path); }
  void end() {
    caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
    self->wait_for(one);
    one = nullptr;
  }
  request_id next() { return {7, number++, 0}; }

  template <class... Ts>
  caf::expected<money> ask(Ts... content) {
    caf::expected<money> answer{caf::error{}};
    self->request(one, 20s, content...)
        .receive([&](money now) { answer = now; }, [&](caf::error& why) { answer = why; });
    return answer;
  }
  void expect_refused(const caf::expected<money>& answer, bank_error why) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error(), make_error(why)) << system.render(answer.error());
    EXPECT_EQ(system.render(answer.error()), to_string(why));
  }

  const hawser::test::temporary_directory folder;
  const std::string path = folder / "bank.db";
  config own{"bank_actor_test." + std::to_string(getpid())};
  caf::actor_system system{own};
  caf::scoped_actor self{system};
  bank_actor one;
  std::uint64_t number = 0;
};

TEST_F(BankActorTest, AnswersWithWhatIsInTheAccount) {
  EXPECT_EQ(ask(transfer_atom::value, next(), account_id{0}, account_id{1}, money{30}), 70);
  EXPECT_EQ(ask(deposit_atom::value, next(), account_id{1}, money{5}), 135);
  EXPECT_EQ(ask(balance_atom::value, account_id{1}), 135);
}

TEST_F(BankActorTest, EachRefusalHasAnErrorOfItsOwnAndChangesNothing) {
  const auto transfer = [&](account_id from, account_id to, money amount) {
    return ask(transfer_atom::value, next(), from, to, amount);
  };
  expect_refused(transfer(0, 1, 101), bank_error::insufficient_funds);
  expect_refused(transfer(0, 10, 1), bank_error::unknown_account);
  expect_refused(transfer(10, 0, 1), bank_error::unknown_account);
  expect_refused(transfer(0, 1, -1), bank_error::negative_amount);
  const money most = std::numeric_limits<money>::max();
  expect_refused(ask(deposit_atom::value, next(), account_id{0}, most), bank_error::overflow);
  expect_refused(ask(balance_atom::value, account_id{99}), bank_error::unknown_account);
  expect_refused(ask(deposit_atom::value, request_id{7, 5'000, 0}, account_id{0}, money{1}),
                 bank_error::too_far_ahead);
  for (account_id id = 0; id < 10; ++id) EXPECT_EQ(ask(balance_atom::value, id), 100);
}

TEST_F(BankActorTest, WhatIsAnsweredIsInTheJournal) {
  EXPECT_TRUE(ask(transfer_atom::value, next(), account_id{0}, account_id{1}, money{30}));
  EXPECT_EQ(journal{path}.read().balances[1], 130);
}

TEST_F(BankActorTest, ARepeatedRequestIsDoneOnceAlsoByTheNextBank) {
  const request_id which = next();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(ask(transfer_atom::value, which, account_id{0}, account_id{1}, money{30}), 70);
  end();
  begin();
  EXPECT_EQ(ask(transfer_atom::value, which, account_id{0}, account_id{1}, money{30}), 70);
}

TEST_F(BankActorTest, ManyRequestsAtOnceAreEachAnswered) {
  constexpr int requests = 500;
  int answered = 0;
  caf::scoped_actor many{system};
  for (int i = 0; i < requests; ++i)
    many->send(one, deposit_atom::value, next(), account_id{3}, money{1});
  many->receive_for(answered, requests)([&](money) {});
  EXPECT_EQ(ask(balance_atom::value, account_id{3}), 100 + requests);
}

TEST_F(BankActorTest, TheTotalIsTheSameWhoeverTransfersAtOnce) {
  std::vector<std::thread> tellers;
  std::atomic<int> refused{0};
  for (std::uint64_t t = 0; t < 4; ++t)
    tellers.emplace_back([&, t] {
      caf::scoped_actor teller{system};
      for (std::uint64_t i = 0; i < 200; ++i)
        teller
            ->request(one, 20s, transfer_atom::value, request_id{100 + t, i, i},
                      static_cast<account_id>((i + t) % 10), static_cast<account_id>(i * 3 % 10),
                      money{1} + static_cast<money>(i % 7))
            .receive([](money) {}, [&](caf::error&) { ++refused; });
    });
  for (std::thread& teller : tellers) teller.join();
  const contents all = journal{path}.read();
  money total = 0;
  for (const money balance : all.balances) total += balance;
  EXPECT_EQ(total, 1000);
  EXPECT_EQ(all.applied, 800U - static_cast<unsigned>(refused));
}

TEST_F(BankActorTest, ADiskThatIsFullIsAnErrorAndLosesNothing) {
  EXPECT_TRUE(ask(deposit_atom::value, next(), account_id{0}, money{1}));
  // No file of this process grows any more.
  const auto former = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit full{1, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  std::ostringstream said;
  std::streambuf* const before = std::cerr.rdbuf(said.rdbuf());
  const auto answer = ask(deposit_atom::value, next(), account_id{0}, money{1});
  self->wait_for(one);
  std::cerr.rdbuf(before);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, former);
  expect_refused(answer, bank_error::journal_failed);
  EXPECT_NE(said.str().find(path), std::string::npos) << said.str();
  EXPECT_EQ(journal{path}.read().balances[0], 101);
  begin();
  EXPECT_EQ(ask(deposit_atom::value, request_id{7, 1, 0}, account_id{0}, money{1}), 102);
}

}  // namespace
}  // namespace bank
