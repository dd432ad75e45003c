// Workers that die, of their tasks or of a kill.

#include "pool_tasks.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <random>

namespace test {
namespace {

int leaves(int code) { _exit(code); }
HAWSER_TASK(leaves);

class WorkerPoolCrashTest : public testing::Test {
 protected:
  WorkerPoolCrashTest() { std::filesystem::create_directories(directory); }
  ~WorkerPoolCrashTest() override { std::filesystem::remove_all(directory); }

  std::vector<std::pair<std::string, int>> jobs(int count) const {
    std::vector<std::pair<std::string, int>> all;
    for (int i = 0; i < count; ++i) all.emplace_back(file, i);
    return all;
  }
  /// How often each task ran.
  std::map<int, int> runs() const {
    std::map<int, int> all;
    std::ifstream in{file};
    for (int i = 0; in >> i;) ++all[i];
    return all;
  }

  const std::string directory = (std::filesystem::temp_directory_path() / unique_name()).string();
  const std::string file = directory + "/runs";
};

TEST_F(WorkerPoolCrashTest, ATaskThatKillsItsWorkersIsFoundAndTheOthersKnowNothingOfIt) {
  worker_pool pool{{.workers = 3}};
  int good = 0, lost = 0;
  for (auto& done : pool.imap_unordered(dies_of, jobs(300))) {
    if (done) {
      EXPECT_EQ(done.get(), static_cast<int>(done.index));
      ++good;
      continue;
    }
    try {
      done.get();
    } catch (const worker_lost& error) {
      EXPECT_EQ(error.status().signal(), SIGKILL);
      EXPECT_EQ(error.attempts(), 3U);
      EXPECT_NE(error.pid(), 0);
      EXPECT_EQ(error.index() % 100, 42U);
      const std::string words = error.what();
      EXPECT_NE(words.find("killed by signal 9"), std::string::npos) << words;
      ++lost;
    }
  }
  EXPECT_EQ(good, 297);
  EXPECT_EQ(lost, 3);
  EXPECT_EQ(pool.statistics().lost, 3U);
  EXPECT_GE(pool.statistics().workers_died, 9U);
  EXPECT_EQ(pool.submit(square, 5).get(), 25);
}

TEST_F(WorkerPoolCrashTest, WithoutRetriesEachTaskRunsOnceAtMost) {
  worker_pool pool{{.workers = 3, .retries = 0}};
  int lost = 0;
  for (auto& done : pool.imap_unordered(dies_of, jobs(200))) lost += !done;
  EXPECT_EQ(lost, 2);
  const auto all = runs();
  EXPECT_EQ(all.size(), 200U);
  for (const auto& [task, times] : all) EXPECT_EQ(times, 1) << task;
}

TEST_F(WorkerPoolCrashTest, ATaskWhoseWorkerDiesIsRunAgain) {
  worker_pool pool{{.workers = 2}};
  const auto results = pool.map(dies_once, jobs(200));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(pool.statistics().workers_died, 4U);
}

TEST_F(WorkerPoolCrashTest, WorkersKilledAtAnyMomentCostNothing) {
  worker_pool pool{{.workers = 3, .retries = 1000}};
  auto inputs = numbers_to(200'000);
  for (int& one : inputs) one %= 1000;  // its square is an int
  std::atomic<bool> done{false};
  int kills = 0;
  std::thread killer{[&] {
    std::minstd_rand random{4711};
    std::uint64_t kill_at = 0;
    while (!done) {
      std::this_thread::sleep_for(
          std::chrono::microseconds{random() % 500});  // between kills: nothing waits for it
      // Not so often that none of them comes to anything, however slow they are.
      if (pool.statistics().done < kill_at) continue;
      kill_at = pool.statistics().done + random() % 30'000;
      const auto pids = pool.worker_pids();
      if (!pids.empty()) kills += kill(pids[random() % pids.size()], SIGKILL) == 0;
    }
  }};
  for (int round = 0; round < 5; ++round) {
    const auto squares = pool.map(square, inputs);
    ASSERT_EQ(squares.size(), inputs.size());
    for (std::size_t i = 0; i < squares.size(); ++i)
      ASSERT_EQ(squares[i], inputs[i] * inputs[i]) << i;
    for (int i = 0; i < 50; ++i) ASSERT_EQ(pool.submit(square, i).get(), i * i);
  }
  done = true;
  killer.join();
  EXPECT_GT(kills, 30);
  EXPECT_EQ(pool.statistics().failed, 0U);
  EXPECT_EQ(pool.statistics().lost, 0U);
}

TEST_F(WorkerPoolCrashTest, ATaskThatTakesTooLongFailsAlone) {
  worker_pool pool{{.workers = 2}};
  const auto begun = std::chrono::steady_clock::now();
  int good = 0, late = 0;
  for (auto& done :
       pool.imap_unordered(takes, std::vector{1, 60'000, 2, 3, 60'000, 4}, {.timeout = 1s})) {
    if (done) {
      ++good;
      continue;
    }
    EXPECT_THROW(done.get(), task_timeout);
    ++late;
  }
  EXPECT_EQ(good, 4);
  EXPECT_EQ(late, 2);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 50s);
  EXPECT_EQ(pool.submit(square, 5).get(), 25);
}

TEST_F(WorkerPoolCrashTest, MemoryBeyondTheLimitIsAnException) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer needs more memory than any limit";
#endif
  worker_pool pool{{.workers = 1, .memory_limit = std::size_t{256} << 20}};
  EXPECT_EQ(pool.submit(allocates, std::size_t{1} << 20).get(), std::size_t{1} << 20);
  try {
    pool.submit(allocates, std::size_t{1} << 30).get();
    FAIL() << "nothing was thrown";
  } catch (const task_error& failed) {
    EXPECT_EQ(failed.type(), "std::bad_alloc");
  }
  EXPECT_EQ(pool.submit(square, 5).get(), 25);
}

TEST_F(WorkerPoolCrashTest, TimeBeyondTheLimitIsTheWorkersEnd) {
  worker_pool pool{{.workers = 1, .retries = 0, .cpu_limit = 1s}};
  try {
    pool.submit(burns, 1).get();
    FAIL() << "nothing was thrown";
  } catch (const worker_lost& lost) {
    EXPECT_EQ(lost.status().signal(), SIGXCPU);
  }
}

TEST_F(WorkerPoolCrashTest, AWorkerThatExitsIsLostToo) {
  worker_pool pool{{.workers = 1, .retries = 1}};
  try {
    pool.submit(leaves, 3).get();
    FAIL() << "nothing was thrown";
  } catch (const worker_lost& lost) {
    EXPECT_EQ(lost.status().code(), 3);
    EXPECT_EQ(lost.attempts(), 2U);
  }
  EXPECT_EQ(pool.submit(square, 5).get(), 25);
}

TEST_F(WorkerPoolCrashTest, PoolsLeaveNothingBehind) {
  const auto segments = [] {
    const std::string prefix = ".actors.pool." + std::to_string(getpid()) + ".";
    const std::filesystem::directory_iterator all{"/dev/shm"};
    return std::count_if(begin(all), end(all), [&](const auto& one) {
      return one.path().filename().string().find(prefix) != std::string::npos;
    });
  };
  int before = 0;
  for (int round = 0; round < 12; ++round) {
    {
      worker_pool pool{{.workers = 2}};
      const auto one = pool.submit(square, round);
      if (round % 3 == 0) {
        EXPECT_EQ(one.get(), round * round);
      }
      if (round % 3 == 1)
        for (const pid_t pid : pool.worker_pids()) kill(pid, SIGKILL);
      if (round % 4 == 3) pool.close(), pool.join();
    }
    EXPECT_EQ(segments(), 0) << round;
    if (round == 3) before = hawser::test::open_descriptors();
  }
  EXPECT_LE(hawser::test::open_descriptors(), before);
}

}  // namespace
}  // namespace test
