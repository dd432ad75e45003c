// The scheduler of a pool, asked by many threads, while its workers die and are killed.

#include "pool/chunk_code.hpp"
#include "pool/scheduler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <signal.h>

namespace hawser::actors::detail {
namespace {

using namespace std::chrono_literals;

struct death {};

/// Of the worker whose task runs: it is to end now.
thread_local const std::atomic<bool>* killed_here = nullptr;

/// A worker that is a thread, and dies now and then: of what it had not reported nothing is known.
class mortal_worker final : public worker_link {
 public:
  void give(byte_buffer&& chunks, references&&) override {
    const std::scoped_lock hold{mutex_};
    given_.push_back(std::move(chunks));
    changed_.notify_one();
  }
  void stop() override { end(false); }
  void kill() override { end(true); }

  /// Until it is stopped, or dies.
  void work(scheduler& of, std::uint64_t id, std::mt19937& random) {
    killed_here = &killed_;
    try {
      while (const auto next = wait_for_chunks())
        run_chunks(*next, {}, [&](byte_buffer&& results, references&& with, std::uint64_t ns) {
          if (killed_ || random() % 8 == 0) throw death{};
          of.results(id, {std::move(results), std::move(with), ns});
          if (random() % 8 == 0) throw death{};
        });
    } catch (const death&) {
      // Its thread tells.
    }
  }
  bool is_stopped() const {
    const std::scoped_lock hold{mutex_};
    return stopped_;
  }

 private:
  void end(bool now) {
    const std::scoped_lock hold{mutex_};
    if (now) killed_ = true;
    stopped_ = true;
    changed_.notify_one();
  }
  std::optional<byte_buffer> wait_for_chunks() {
    std::unique_lock hold{mutex_};
    changed_.wait(hold, [&] { return stopped_ || !given_.empty(); });
    if (killed_ || given_.empty()) return std::nullopt;
    byte_buffer next = std::move(given_.front());
    given_.pop_front();
    return next;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<byte_buffer> given_;
  bool stopped_ = false;
  std::atomic<bool> killed_{false};
};

/// As many workers as there are to be, each replaced when it dies.
class mortal_crew {
 public:
  mortal_crew(scheduler& of, unsigned workers) {
    for (unsigned i = 0; i < workers; ++i)
      threads_.emplace_back([this, &of, i] {
        std::mt19937 random{i};
        for (std::uint64_t life = 0; !ends_; ++life) {
          const auto link = std::make_shared<mortal_worker>();
          {
            const std::scoped_lock hold{mutex_};
            if (ends_) return;
            links_.push_back(link);
          }
          const std::uint64_t id = life << 8 | i;
          of.worker_is_up(id, 1, link);
          link->work(of, id, random);
          of.worker_is_down(id, exit_status::killed(SIGKILL));
          const std::scoped_lock hold{mutex_};
          std::erase(links_, link);
        }
      });
  }
  ~mortal_crew() {
    {
      const std::scoped_lock hold{mutex_};
      ends_ = true;
      for (const auto& one : links_) one->stop();
    }
    for (std::thread& one : threads_) one.join();
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<mortal_worker>> links_;
  std::atomic<bool> ends_{false};
  std::vector<std::thread> threads_;
};

std::uint64_t number_of(byte_source from) {
  std::uint64_t number = 0;
  take(from, number);
  return number;
}

task_entry entry(const char* name, std::uint64_t (*function)(std::uint64_t)) {
  return {name, function_address{},
          [function](byte_source& arguments, const references&, byte_buffer& result, references*) {
            std::uint64_t x = 0;
            take(arguments, x);
            put(result, function(x));
          }};
}

const task_entry& task(const char* name, std::uint64_t (*function)(std::uint64_t)) {
  add_task(entry(name, function));
  return find_task(std::string_view{name});
}

std::uint64_t triple(std::uint64_t x) { return 3 * x; }

/// One in a hundred never ends.
std::uint64_t may_hang(std::uint64_t x) {
  while (x % 100 == 7 && !killed_here->load()) std::this_thread::yield();
  return 3 * x;
}

/// Does not read its second argument if the first one is odd.
struct half_read {
  static void run(byte_source& arguments, const references&, byte_buffer& result, references*) {
    std::uint64_t x = 0, again = 0;
    take(arguments, x);
    if (x % 2 != 0) throw std::runtime_error{"odd"};
    take(arguments, again);
    put(result, x + again);
  }
};

byte_buffer chunk_of(const std::string& name, std::uint64_t first, std::uint32_t count) {
  byte_buffer chunk;
  begin_chunk(chunk, name, count);
  for (std::uint64_t x = first; x < first + count; ++x) {
    byte_buffer arguments;
    put(arguments, x);
    put(arguments, x);
    put_arguments(chunk, arguments);
  }
  return chunk;
}

TEST(ChunkTest, WhatATaskLeavesUnreadIsNotTakenForTheNextOnes) {
  add_task({"half_read", function_address{}, half_read::run});
  byte_buffer message = chunk_of("half_read", 0, 10);
  const byte_buffer unknown = chunk_of("nobody knows it", 10, 5),
                    more = chunk_of("half_read", 15, 5);
  message.insert(message.end(), unknown.begin(), unknown.end());
  message.insert(message.end(), more.begin(), more.end());
  byte_buffer results;
  run_chunks(message, {}, [&](byte_buffer&& some, references&&, std::uint64_t) {
    results.insert(results.end(), some.begin(), some.end());
  });
  byte_source from{results.data(), results.size()};
  for (std::uint64_t x = 0; x < 20; ++x) {
    result_kind kind{};
    std::uint32_t length = 0;
    ASSERT_TRUE(take(from, kind) && take(from, length) && from.size >= length) << x;
    const bool fails = x % 2 != 0 || (x >= 10 && x < 15);
    EXPECT_EQ(kind, fails ? result_kind::thrown : result_kind::value) << x;
    if (!fails) {
      EXPECT_EQ(number_of({from.data, length}), 2 * x);
    }
    from.skip(length);
  }
  EXPECT_EQ(from.size, 0U);
}

/// Numbers; notes how often each has ended.
class numbers final : public job {
 public:
  numbers(const task_entry& of, std::size_t count, task_options how)
      : job(of, count, std::move(how)), results(count), ends(count) {}

  void encode(std::size_t index, byte_buffer& out) override {
    put(out, static_cast<std::uint64_t>(index));
  }
  void decode(std::size_t index, byte_source from) override {
    results[index] = number_of(from);
    ++ends[index];
  }
  void fail(std::size_t index, std::exception_ptr why) override {
    results[index] = failed;
    ++ends[index];
    try {
      std::rethrow_exception(why);
    } catch (const task_cancelled&) {
      ++cancelled_count;
    } catch (const task_timeout&) {
      ++timeouts;
    } catch (const std::exception& other) {
      ADD_FAILURE() << other.what();
    }
  }
  bool each_ended_once() const {
    return std::all_of(ends.begin(), ends.end(), [](const auto& one) { return one == 1; });
  }

  static constexpr std::uint64_t failed = ~std::uint64_t{0};
  std::vector<std::uint64_t> results;  // each written by one thread, before its end is told
  std::vector<std::atomic<int>> ends;
  std::atomic<int> cancelled_count{0}, timeouts{0};
};

class SchedulerThreadTest : public testing::Test {
 protected:
  static task_options often(std::size_t chunk = 0) { return {.chunk = chunk, .retries = 100'000}; }

  scheduler all{{.workers = 3}};
};

TEST_F(SchedulerThreadTest, EachTaskHasOneResultWhateverDies) {
  constexpr std::size_t tasks = 3000;
  const task_entry& what = task("triple", triple);
  std::vector<std::shared_ptr<numbers>> jobs;
  for (const std::size_t chunk : {0U, 0U, 1U, 7U})
    jobs.push_back(std::make_shared<numbers>(what, tasks, often(chunk)));
  {
    const mortal_crew crew{all, 3};
    std::vector<std::thread> users;
    for (const auto& one : jobs)
      users.emplace_back([&, one] {
        all.submit(one);
        one->wait();
      });
    std::atomic<bool> over{false};
    std::thread looks{[&] {
      while (!over) {
        const scheduler_counts now = all.counts();
        EXPECT_LE(now.done, tasks * jobs.size());
        all.look_at_clock();
      }
    }};
    for (std::thread& one : users) one.join();
    over = true;
    looks.join();
    all.close();
    all.wait_idle();
  }
  for (const auto& one : jobs) {
    EXPECT_TRUE(one->each_ended_once());
    for (std::uint64_t i = 0; i < tasks; ++i) ASSERT_EQ(one->results[i], 3 * i);
  }
  EXPECT_EQ(all.counts().done, tasks * jobs.size());
  EXPECT_GT(all.counts().workers_died, 0U);
}

TEST_F(SchedulerThreadTest, EachTaskOfACancelledJobEndsOnce) {
  const task_entry& what = task("triple", triple);
  const mortal_crew crew{all, 3};
  for (int round = 0; round < 50; ++round) {
    const auto one = std::make_shared<numbers>(what, 200, often());
    std::thread cancels{[&] { all.cancel(one); }};
    all.submit(one);
    cancels.join();
    one->wait();
    ASSERT_TRUE(one->each_ended_once());
    for (std::uint64_t i = 0; i < 200; ++i)
      ASSERT_TRUE(one->results[i] == 3 * i || one->results[i] == numbers::failed);
  }
  all.close();
  all.wait_idle();
}

TEST_F(SchedulerThreadTest, EachTaskOfAnAbandonedPoolEndsOnce) {
  const task_entry& what = task("triple", triple);
  for (int round = 0; round < 20; ++round) {
    scheduler pool{{.workers = 3}};
    std::vector<std::shared_ptr<numbers>> jobs;
    for (int i = 0; i < 3; ++i) jobs.push_back(std::make_shared<numbers>(what, 500, often()));
    {
      const mortal_crew crew{pool, 3};
      std::vector<std::thread> users;
      std::atomic<int> refused{0};
      for (const auto& one : jobs)
        users.emplace_back([&, one] {
          try {
            pool.submit(one);
            one->wait();
          } catch (const hawser::error&) {
            ++refused;
            for (auto& ends : one->ends) ends = 1;
          }
        });
      pool.abandon("it is the end");
      for (std::thread& one : users) one.join();
      pool.wait_idle();
    }
    for (const auto& one : jobs) ASSERT_TRUE(one->each_ended_once());
  }
}

TEST_F(SchedulerThreadTest, TasksThatTakeTooLongFailAndAllOthersHaveResults) {
  constexpr std::size_t tasks = 300;
  const task_entry& what = task("may_hang", may_hang);
  const auto one =
      std::make_shared<numbers>(what, tasks, task_options{.retries = 100'000, .timeout = 50ms});
  {
    const mortal_crew crew{all, 3};
    std::atomic<bool> over{false};
    std::thread looks{[&] {
      while (!over) {
        all.look_at_clock();
        std::this_thread::sleep_for(1ms);
      }
    }};
    all.submit(one);
    one->wait();
    over = true;
    looks.join();
  }
  EXPECT_TRUE(one->each_ended_once());
  EXPECT_GE(one->timeouts, 3) << "7, 107 and 207 hang";
  for (const std::size_t hangs : {7U, 107U, 207U}) EXPECT_EQ(one->results[hangs], numbers::failed);
}

}  // namespace
}  // namespace hawser::actors::detail
