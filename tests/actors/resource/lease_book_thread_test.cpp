// The threads that ask and the one that hears of losses: each lost lease is told once.

#include "resource/lease_book.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace hawser::actors::detail {
namespace {

constexpr int rounds = 20'000;

TEST(LeaseBookThreadTest, ALeaseThatIsRevokedMeanwhileIsToldOnce) {
  std::mutex mutex;
  std::multiset<std::uint64_t> told;
  lease_book book{[&](std::uint64_t token, lease_status why) {
    EXPECT_EQ(why, lease_status::revoked);
    const std::scoped_lock hold{mutex};
    told.insert(token);
  }};
  std::atomic<std::uint64_t> opened{0}, done{0};
  std::thread keeper{[&] {
    for (std::uint64_t i = 1; i <= rounds; ++i) {
      while (opened < i) std::this_thread::yield();
      book.revoked(i);
      done = i;
    }
  }};
  for (std::uint64_t i = 1; i <= rounds; ++i) {
    const auto [ticket, status] = book.open();
    ASSERT_EQ(ticket, i);
    opened = i;
    book.granted(ticket, 1000 + i);
    while (done < i) std::this_thread::yield();
    EXPECT_EQ(status->load(), lease_status::revoked);
    book.close(ticket);
  }
  keeper.join();
  EXPECT_EQ(told.size(), std::size_t{rounds});
  EXPECT_EQ(std::set(told.begin(), told.end()).size(), std::size_t{rounds});
}

TEST(LeaseBookThreadTest, WhatIsClosedIsNotLostAndWhatIsLostIsNotValid) {
  std::atomic<int> told{0};
  lease_book book{[&](std::uint64_t, lease_status) { ++told; }};
  std::atomic<int> lost{0}, kept{0}, asked{0};
  std::vector<std::thread> users;
  for (int i = 0; i < 2; ++i)
    users.emplace_back([&] {
      for (int n = 0; n < rounds; ++n) {
        const auto [ticket, status] = book.open();
        book.granted(ticket, ticket);
        ++asked;
        book.close(ticket);
        // Nobody writes to it any more.
        ++(status->load() == lease_status::valid ? kept : lost);
      }
    });
  while (asked < rounds / 2) std::this_thread::yield();
  book.manager_lost();
  EXPECT_TRUE(book.is_lost());
  for (auto& one : users) one.join();
  EXPECT_EQ(kept + lost, 2 * rounds);
  EXPECT_EQ(told, lost);
  EXPECT_GT(kept, 0);
  EXPECT_EQ(book.open().second->load(), lease_status::manager_lost);
}

}  // namespace
}  // namespace hawser::actors::detail
