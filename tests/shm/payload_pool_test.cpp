// The payload pool in one process: loans, references, sizes, what it refuses.

#include "payload_support.hpp"
#include "segment_support.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <set>
#include <thread>
#include <vector>

#include <sys/wait.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::payload;
using shm::payload_pool;
using test::child;
using test::exists_in_shm;
using test::fill;
using test::holds;
using test::unique_name;

TEST(PayloadPoolTest, LoansComeFromTheSmallestClassThatIsLargeEnough) {
  payload_pool pool{create_only, unique_name(), {.classes = {{1000, 1}, {64, 2}}, .large = 0}};
  const payload one = pool.loan(64), two = pool.loan(1), three = pool.loan(65);
  EXPECT_EQ(one.capacity(), 64U);
  EXPECT_EQ(two.capacity(), 64U);
  EXPECT_EQ(two.size(), 1U);
  EXPECT_EQ(three.capacity(), 1000U);
  EXPECT_FALSE(pool.try_loan(10));  // its class is used up; the larger one would be, too
  const auto counts = pool.counters();
  ASSERT_EQ(counts.classes.size(), 3U);
  EXPECT_EQ(counts.classes[0].in_use, 2U);
  EXPECT_EQ(counts.classes[1].in_use, 1U);
}

TEST(PayloadPoolTest, ChunksDoNotOverlap) {
  payload_pool pool{create_only, unique_name(), {.classes = {{100, 7}, {4096, 3}}}};
  std::vector<payload> held;
  for (int i = 0; i < 7; ++i) held.push_back(pool.loan(100));
  for (int i = 0; i < 3; ++i) held.push_back(pool.loan(4096));
  for (std::size_t i = 0; i < held.size(); ++i) fill(held[i], i);
  for (std::size_t i = 0; i < held.size(); ++i) EXPECT_TRUE(holds(held[i].bytes(), i));
}

TEST(PayloadPoolTest, AReleasedChunkIsLentAgain) {
  payload_pool pool{create_only, unique_name(), {.classes = {{64, 3}}, .large = 0}};
  for (int i = 0; i < 100; ++i) {
    payload one = pool.loan(64);
    fill(one, static_cast<std::uint64_t>(i));
    EXPECT_TRUE(holds(one.bytes(), static_cast<std::uint64_t>(i)));
  }
  const auto counts = pool.counters();
  EXPECT_EQ(counts.loans, 100U);
  EXPECT_EQ(counts.releases, 100U);
  EXPECT_EQ(counts.classes[0].in_use, 0U);
  EXPECT_EQ(counts.reclaimed, 0U);
}

TEST(PayloadPoolTest, LoanForTimesOutAndALoanWaitsForARelease) {
  payload_pool pool{create_only, unique_name(), {.classes = {{64, 1}}, .large = 0}};
  payload only = pool.loan(64);
  EXPECT_FALSE(pool.loan_for(64, 10ms));
  auto waiting = std::async(std::launch::async, [&] { return pool.loan(64).size(); });
  while (pool.counters().waits < 2) std::this_thread::yield();
  only.release();
  EXPECT_EQ(waiting.get(), 64U);
}

TEST(PayloadPoolTest, SharedMemoryIsFreeWhenItsLastReferenceIs) {
  payload_pool pool{
      create_only, unique_name(), {.classes = {{64, 1}}, .large = 0, .references = 2}};
  payload first = pool.loan(64);
  fill(first, 5);
  payload second = first.share(), third = second.share();
  ASSERT_TRUE(second && third);
  EXPECT_FALSE(first.share());  // no reference is left
  EXPECT_TRUE(first.shared() && second.shared());
  EXPECT_TRUE(first.writable().empty() && second.writable().empty());
  EXPECT_EQ(pool.counters().references_in_use, 2U);
  first.release();
  EXPECT_FALSE(pool.try_loan(64));
  third.release();
  EXPECT_FALSE(pool.try_loan(64));
  EXPECT_TRUE(holds(second.bytes(), 5));
  second.release();
  auto again = pool.try_loan(64);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->writable().size(), 64U);
  EXPECT_FALSE(pool.try_loan(64));
}

TEST(PayloadPoolTest, LargeLoansTakeTheirMemoryFromTheSystemAndGiveItBack) {
  const std::string name = unique_name();
  payload_pool pool{create_only, name, {.classes = {{64, 1}}, .large = 2}};
  const auto before = test::pages_of(name);
  {
    payload one = pool.loan(3 << 20), two = pool.loan(65);
    EXPECT_FALSE(pool.try_loan(5 << 20));
    EXPECT_GE(test::pages_of(name), before + (3 << 20));
    fill(one, 1);
    fill(two, 2);
    EXPECT_TRUE(holds(one.bytes(), 1) && holds(two.bytes(), 2));
    EXPECT_EQ(pool.counters().classes.back().in_use, 2U);
  }
  EXPECT_EQ(test::pages_of(name), before);
  payload again = pool.loan(7 << 20);  // larger than what is mapped there
  fill(again, 3);
  EXPECT_TRUE(holds(again.bytes(), 3));
  // While a large loan makes the file longer, others open it.
  payload_pool other{open_only, name};
  payload its = other.loan(1 << 20);
  fill(its, 4);
  payload more = its.share();
  its.release();
  EXPECT_TRUE(holds(more.bytes(), 4));
  more.release();
  again.release();
  EXPECT_EQ(test::pages_of(name), before);
}

TEST(PayloadPoolTest, LargeLoansKeepAsMuchMemoryAsTheyMay) {
  const std::string name = unique_name();
  payload_pool pool{
      create_only, name, {.classes = {{64, 1}}, .large = 3, .large_kept_bytes = 4 << 20}};
  const auto before = test::pages_of(name);
  const auto kept = [&] { return test::pages_of(name) - before; };
  for (std::uint64_t i = 0; i < 10; ++i) {
    payload one = pool.loan(3 << 20);
    fill(one, i);
    EXPECT_TRUE(holds(one.bytes(), i));
    one.release();
    EXPECT_EQ(kept(), 3U << 20);
  }
  pool.loan(1 << 20).release();  // of what is there
  EXPECT_EQ(kept(), 3U << 20);
  payload one = pool.loan(3 << 20), two = pool.loan(2 << 20);
  EXPECT_EQ(kept(), 5U << 20);
  one.release();  // with `two` that would be too much
  EXPECT_EQ(kept(), 2U << 20);
  two.release();
  EXPECT_EQ(kept(), 2U << 20);
  pool.loan(5 << 20).release();
  EXPECT_EQ(kept(), 2U << 20);
  EXPECT_ERROR(errc::capacity_mismatch, "same options",
               payload_pool(open_or_create, name, {.classes = {{64, 1}}, .large = 3}));
  EXPECT_ERROR(errc::bad_argument, "1 TiB",
               payload_pool(create_only, name + "b", {.large_kept_bytes = std::size_t{1} << 41}));
}

TEST(PayloadPoolTest, WhatAKilledHolderHadIsKeptForOthers) {
  const std::string name = unique_name();
  payload_pool pool{
      create_only, name, {.classes = {{64, 1}}, .large = 2, .large_kept_bytes = 4 << 20}};
  const auto before = test::pages_of(name);
  for (int i = 0; i < 20; ++i) {
    child holder{[&](const child::report& up) {
      payload_pool its{open_only, name};
      const payload one = its.loan(3 << 20);
      payload two = its.loan(3 << 20);
      if (i % 2 == 0) two.release();
      up();
      pause();
      return 0;
    }};
    ASSERT_TRUE(holder.await_report());
    holder.kill_and_join();
    payload one = pool.loan(3 << 20), two = pool.loan(3 << 20);
    fill(one, 1);
    fill(two, 2);
    EXPECT_TRUE(holds(one.bytes(), 1) && holds(two.bytes(), 2));
    one.release();
    two.release();
    EXPECT_EQ(test::pages_of(name), before + (3 << 20));
  }
}

TEST(PayloadPoolTest, RefusesWhatItCannotLend) {
  const std::string name = unique_name();
  payload_pool pool{create_only, name, {.classes = {{64, 1}}, .large = 0}};
  EXPECT_ERROR(errc::too_large, "65 bytes", (void)pool.loan(65));
  payload one = pool.loan(10);
  EXPECT_EQ(one.capacity(), 64U);
  one.resize(64);
  EXPECT_ERROR(errc::too_large, "room for 64", one.resize(65));
  EXPECT_ERROR(errc::bad_argument, "0 bytes", payload_pool(create_only, name + "b", {{{0, 1}}}));
  EXPECT_ERROR(errc::bad_argument, "no chunks",
               payload_pool(create_only, name + "b", {.classes = {}, .large = 0}));
  EXPECT_ERROR(errc::bad_argument, "two classes",
               payload_pool(create_only, name + "b", {.classes = {{64, 1}, {64, 2}}}));
  EXPECT_ERROR(errc::bad_argument, "out of range",
               payload_pool(create_only, name + "b", {.classes = {{1UL << 38, 1UL << 10}}}));
  EXPECT_ERROR(errc::capacity_mismatch, "classes or references",
               payload_pool(open_or_create, name, {.classes = {{64, 2}}, .large = 0}));
  EXPECT_ERROR(errc::kind_mismatch, "not a queue", shm::queue<int>(open_only, name));
}

TEST(PayloadPoolTest, AReadOnlyViewCannotWrite) {
  const std::string name = unique_name();
  payload_pool pool{create_only, name, {.classes = {{4096, 2}}, .large = 1}};
  shm::payload_queue<> q{pool, create_only, name + ".q"};
  payload small = pool.loan(4096), large = pool.loan(9000);
  fill(small, 1);
  fill(large, 2);
  ASSERT_EQ(q.push(std::move(small)), shm::push_status::ok);
  ASSERT_EQ(q.push(std::move(large)), shm::push_status::ok);
  payload_pool reader{open_only, name, {.read_only_payloads = true}};
  EXPECT_ERROR(errc::not_supported, "read_only", (void)reader.loan(1));
  shm::payload_queue<> its{reader, open_only, name + ".q"};
  for (std::uint64_t i = 1; i <= 2; ++i) {
    auto got = its.pop();
    ASSERT_TRUE(got);
    EXPECT_TRUE(holds(got->data.bytes(), i));
    EXPECT_TRUE(got->data.writable().empty());
    auto* const bytes = const_cast<std::byte*>(got->data.bytes().data());
    const pid_t child = fork();
    if (child == 0) {
      // Also under a sanitizer the default action: the processor's refusal ends it.
      std::signal(SIGSEGV, SIG_DFL);
      *const_cast<volatile std::byte*>(bytes) = std::byte{9};
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  }
}

TEST(PayloadPoolTest, AsyncWaitCallsWhenALoanMaySucceed) {
  payload_pool pool{create_only, unique_name(), {.classes = {{64, 1}}, .large = 0}};
  payload only = pool.loan(64);
  std::promise<void> called;
  const auto handle = pool.async_wait(64, [&] { called.set_value(); });
  auto future = called.get_future();
  EXPECT_EQ(future.wait_for(20ms), std::future_status::timeout);
  only.release();
  EXPECT_EQ(future.wait_for(test::patience), std::future_status::ready);
}

TEST(PayloadPoolTest, NothingIsLeftBehindAndPayloadsOutliveTheirPool) {
  const std::string name = unique_name();
  const int descriptors = test::open_descriptors();
  {
    payload kept;
    {
      payload_pool pool{create_only, name, {.classes = {{64, 1}}, .large = 1}};
      kept = pool.loan(64);
      payload large = pool.loan(1 << 20);
    }
    EXPECT_TRUE(exists_in_shm(name));
    fill(kept, 7);
    EXPECT_TRUE(holds(kept.bytes(), 7));
  }
  EXPECT_FALSE(exists_in_shm(name));
  EXPECT_EQ(test::open_descriptors(), descriptors);
}

}  // namespace
}  // namespace hawser
