// A pool whose workers are processes, or threads: the same interface.

#include "pool_tasks.hpp"
#include <hawser/actors/transport.hpp>

#include <algorithm>
#include <future>
#include <mutex>
#include <set>

namespace test {
namespace {

class WorkerPoolTest : public testing::TestWithParam<bool> {
 protected:
  static void await_workers(const worker_pool& pool, std::size_t count) {
    ASSERT_TRUE(hawser::test::eventually([&] { return pool.statistics().workers == count; }));
  }
  static worker_pool_options options(std::size_t workers) {
    worker_pool_options all;
    all.workers = workers;
    all.threads = GetParam();
    return all;
  }
};

INSTANTIATE_TEST_SUITE_P(, WorkerPoolTest, testing::Bool(), [](const auto& one) {
  return std::string{one.param ? "threads" : "processes"};
});

TEST_P(WorkerPoolTest, MapKeepsTheOrder) {
  worker_pool pool{options(4)};
  EXPECT_EQ(pool.map(square, std::vector{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}),
            (std::vector{1, 4, 9, 16, 25, 36, 49, 64, 81, 100}));
  const auto inputs = numbers_to(20'000);
  const auto squares = pool.map(square, inputs);
  ASSERT_EQ(squares.size(), inputs.size());
  for (std::size_t i = 0; i < squares.size(); ++i) ASSERT_EQ(squares[i], inputs[i] * inputs[i]);
  EXPECT_TRUE(pool.map(square, std::vector<int>{}).empty());
}

TEST_P(WorkerPoolTest, ValuesOfAllKindsTravel) {
  worker_pool pool{options(2)};
  EXPECT_EQ(pool.map(greet, std::vector<std::string>{"you", "me"}),
            (std::vector<std::string>{"hello you", "hello me"}));
  EXPECT_EQ(pool.map(is_even, numbers_to(3)), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(pool.starmap(add, std::vector<std::pair<int, int>>{{1, 2}, {3, 4}}),
            (std::vector{3, 7}));
  const auto many = pool.submit(repeat, "a word that is not short", std::size_t{200'000}).get();
  EXPECT_EQ(many.size(), 200'000U);
  EXPECT_EQ(many.back(), "a word that is not short");
}

TEST_P(WorkerPoolTest, ChunksOfAnySizeComeToTheSame) {
  worker_pool pool{options(2)};
  const auto inputs = numbers_to(1000);
  const auto expected = pool.map(square, inputs);
  for (const std::size_t chunk : {1U, 7U, 500U, 5000U})
    EXPECT_EQ(pool.map(square, inputs, {.chunk = chunk}), expected) << chunk;
}

TEST_P(WorkerPoolTest, ResultsComeAsTheyAreReady) {
  worker_pool pool{options(2)};
  await_workers(pool, 2);
  std::vector<int> order;
  std::set<std::size_t> indices;
  for (auto& done : pool.imap_unordered(takes, std::vector{1000, 1, 2, 3})) {
    order.push_back(done.get());
    indices.insert(done.index);
  }
  EXPECT_EQ(order.back(), 1000);
  EXPECT_EQ(indices, (std::set<std::size_t>{0, 1, 2, 3}));
}

TEST_P(WorkerPoolTest, AnExceptionReachesTheCallerWithTypeAndMessage) {
  worker_pool pool{options(2)};
  try {
    pool.map(picky, numbers_to(100));
    FAIL() << "nothing was thrown";
  } catch (const task_error& failed) {
    EXPECT_EQ(failed.type(), "std::invalid_argument");
    EXPECT_EQ(failed.message(), "not 7");
    EXPECT_EQ(failed.index(), 7U);
    EXPECT_STREQ(failed.what(), "std::invalid_argument: not 7 (task 7 of picky)");
  }
  int good = 0, bad = 0;
  for (auto& done : pool.imap_unordered(picky, numbers_to(100))) ++(done ? good : bad);
  EXPECT_EQ(good, 90);
  EXPECT_EQ(bad, 10);
  EXPECT_EQ(pool.statistics().failed, 20U);
}

TEST_P(WorkerPoolTest, FuturesHaveOneResultForAll) {
  worker_pool pool{options(2)};
  std::vector<task_future<int>> all;
  for (int i = 0; i < 200; ++i) all.push_back(pool.submit(square, i));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)].get(), i * i);
  EXPECT_EQ(all[3].get(), 9);
  const auto slow = pool.submit(takes, 500);
  EXPECT_FALSE(slow.wait_for(1ms));
  EXPECT_TRUE(slow.wait_for(30s));
  std::atomic<int> told{0};
  slow.then([&](const task_future<int>& f) { told += f.get(); });
  EXPECT_EQ(told, 500);
  std::promise<int> later;
  pool.submit(takes, 20).then([&](const task_future<int>& f) { later.set_value(f.get()); });
  EXPECT_EQ(later.get_future().get(), 20);
  EXPECT_THROW(pool.submit(picky, 7).get(), task_error);
}

TEST_P(WorkerPoolTest, ATaskThatWaitsCanBeCancelled) {
  worker_pool pool{options(1)};
  const auto first = pool.submit(takes, 1500), second = pool.submit(square, 2);
  ASSERT_TRUE(hawser::test::eventually([&] { return pool.statistics().running == 1; }));
  EXPECT_TRUE(second.cancel());
  EXPECT_THROW(second.get(), task_cancelled);
  EXPECT_FALSE(second.cancel());
  EXPECT_FALSE(first.cancel());
  EXPECT_EQ(first.get(), 1500);
  EXPECT_FALSE(first.cancel());
}

TEST_P(WorkerPoolTest, ProgressIsToldToTheEnd) {
  worker_pool pool{options(2)};
  std::mutex mutex;
  std::set<std::size_t> told;
  pool.map(square, numbers_to(500), {.progress = [&](std::size_t done, std::size_t of) {
             EXPECT_EQ(of, 500U);
             const std::scoped_lock hold{mutex};
             told.insert(done);
           }});
  EXPECT_EQ(told.size(), 500U);
  EXPECT_EQ(*told.rbegin(), 500U);
}

TEST_P(WorkerPoolTest, UnevenTasksAreHandedOutAsWorkersBecomeFree) {
  worker_pool pool{options(4)};
  await_workers(pool, 4);
  // 99 tasks of 4 ms on three workers are 132 ms: nobody has waited behind the long one.
  std::vector<int> ms(100, 4);
  ms[10] = 1000;
  std::size_t last = 0;
  for (auto& done : pool.imap_unordered(takes, ms)) last = done.index;
  EXPECT_EQ(last, 10U);
}

TEST_P(WorkerPoolTest, ClosedMeansThatWhatWasSubmittedIsDone) {
  worker_pool pool{options(2)};
  std::vector<task_future<int>> all;
  for (int i = 0; i < 50; ++i) all.push_back(pool.submit(takes, 2));
  EXPECT_THROW(pool.join(), error);
  pool.close();
  EXPECT_THROW(pool.submit(square, 1), error);
  pool.join();
  for (const auto& one : all) EXPECT_TRUE(one.ready());
  EXPECT_EQ(pool.statistics().done, 50U);
  pool.join();
}

TEST_P(WorkerPoolTest, TerminatedMeansNow) {
  std::vector<task_future<int>> all;
  {
    worker_pool pool{options(2)};
    for (int i = 0; i < 50; ++i) all.push_back(pool.submit(takes, 20));
    all[0].wait();
  }
  int cancelled = 0;
  for (const auto& one : all) {
    ASSERT_TRUE(one.ready());
    try {
      one.get();
    } catch (const task_cancelled&) {
      ++cancelled;
    }
  }
  EXPECT_GT(cancelled, 30);
}

TEST_P(WorkerPoolTest, EachWorkerIsInitialised) {
  auto with = options(2);
  with.initializer = initialize_with(initialise, 42);
  worker_pool pool{with};
  for (const int seen : pool.map(read_initialised, numbers_to(50))) EXPECT_EQ(seen, 42);
}

TEST_P(WorkerPoolTest, AnInitialiserThatFailsIsToldToWhoWaits) {
  auto with = options(2);
  with.initializer = initialize_with(initialise, -1);
  worker_pool pool{with};
  try {
    pool.submit(square, 2).get();
    FAIL() << "nothing was thrown";
  } catch (const std::exception& failed) {
    EXPECT_NE(std::string{failed.what()}.find("it is negative"), std::string::npos)
        << failed.what();
  }
}

TEST_P(WorkerPoolTest, WhatIsNoTaskIsRefusedAtOnce) {
  worker_pool pool{options(1)};
  try {
    pool.submit(not_registered, 1);
    FAIL() << "nothing was thrown";
  } catch (const error& failed) {
    EXPECT_EQ(failed.code(), errc::not_found);
    EXPECT_NE(std::string{failed.what()}.find("HAWSER_TASK"), std::string::npos);
  }
}

TEST_P(WorkerPoolTest, ManyThreadsUseOnePool) {
  worker_pool pool{options(2)};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const auto got = pool.map(square, std::vector(100, t));
        EXPECT_EQ(got, std::vector(100, t * t));
      }
    });
  for (auto& one : threads) one.join();
  EXPECT_EQ(pool.statistics().done, 8000U);
}

// --- processes only -------------------------------------------------------------------------------

TEST(WorkerPoolProcessTest, WorkersAreProcesses) {
  worker_pool pool{{.workers = 3}};
  std::set<int> pids;
  while (pids.size() < 3)
    for (const int pid : pool.map(who, numbers_to(300), {.chunk = 1})) pids.insert(pid);
  EXPECT_FALSE(pids.contains(static_cast<int>(getpid())));
  EXPECT_EQ(pool.worker_pids().size(), 3U);
}

TEST(WorkerPoolProcessTest, AWorkerGivesWayAfterSoManyTasks) {
  worker_pool pool{{.workers = 1, .tasks_of_worker_max = 10}};
  const auto pids = pool.map(who, numbers_to(95));
  const std::set<int> all(pids.begin(), pids.end());
  EXPECT_EQ(all.size(), 10U);
  for (const int pid : all) EXPECT_LE(std::count(pids.begin(), pids.end(), pid), 10);
}

TEST(WorkerPoolProcessTest, BytesAndArraysGoByReference) {
  worker_pool pool{{.workers = 2}};
  shm::payload loan = pool.loan(3 << 20);
  std::fill(loan.writable().begin(), loan.writable().end(), std::byte{7});
  const shared_bytes sent{std::move(loan)};
  const auto back = pool.submit(add_one, sent).get();
  EXPECT_TRUE(back.is_lent());
  EXPECT_EQ(back, sent);
  for (const auto& one : pool.map(add_one, std::vector(100, sent)))
    EXPECT_EQ(one.size(), sent.size());
  shared_array<int> numbers{shm::array<int>{create_only, unique_name(), 1000, {.ranges = 8}}};
  std::fill(numbers->begin(), numbers->end(), 21);
  std::vector<std::pair<shared_array<int>, std::size_t>> parts;
  for (std::size_t i = 0; i < 8; ++i) parts.emplace_back(numbers, i);
  std::vector<task_future<void>> all;
  for (const auto& [array, part] : parts) all.push_back(pool.submit(doubles, array, part));
  for (const auto& one : all) one.get();
  EXPECT_EQ(std::count(numbers->begin(), numbers->end(), 42), 1000);
}

TEST(WorkerPoolProcessTest, ItsWorkersMayJoinTheGroupOfASystem) {
  config own;
  own.transport.group = unique_name();
  caf::actor_system system{own};
  worker_pool pool{system, {.workers = 2}};
  EXPECT_EQ(pool.map(square, numbers_to(100)).back(), 99 * 99);
  EXPECT_GE(transport(system).peers().size(), 1U);
}

}  // namespace
}  // namespace test
