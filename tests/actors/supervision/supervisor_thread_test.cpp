// A supervisor whose children are threads, asked by many threads; and who reads what children write.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <supervisor/output_reader.hpp>
#include <supervisor/supervisor_core.hpp>
#include <supervisor/tree_run.hpp>
#include <unistd.h>

namespace hawser::actors::detail {
namespace {

using namespace std::chrono_literals;

/// Lives of all children: how many run, and how many there have been.
struct census {
  std::atomic<int> alive{0}, born{0};
};

/// A child that ends after a random time, one way or the other, or when it is told to.
class thread_run final : public child_run {
 public:
  explicit thread_run(census& all) : all_(all) {}
  ~thread_run() override {
    if (thread_.joinable()) thread_.join();
  }

  void start(const std::stop_token&, std::function<void()> ended) override {
    ++all_.born;
    ++all_.alive;
    const unsigned chance = random_number();
    thread_ = std::thread{[this, chance, ended = std::move(ended)] {
      {
        std::unique_lock hold{mutex_};
        changed_.wait_for(hold, std::chrono::microseconds{chance % 2000}, [&] { return stops_; });
        well_ = stops_ || chance % 3 == 0;
      }
      --all_.alive;
      ended();
    }};
  }
  void ask_to_end() override { kill(); }
  void kill() override {
    const std::scoped_lock hold{mutex_};
    stops_ = true;
    changed_.notify_all();
  }
  child_end end() override {
    const std::scoped_lock hold{mutex_};
    child_end end;
    end.kind = well_ ? end_kind::normal : end_kind::code;
    return end;
  }

 private:
  static unsigned random_number() {
    static std::mutex mutex;
    static std::minstd_rand random{std::random_device{}()};
    const std::scoped_lock hold{mutex};
    return static_cast<unsigned>(random());
  }

  census& all_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stops_ = false, well_ = false;
  std::thread thread_;
};

child_spec thread_child(std::string name, restart_when restart, census& all) {
  child_spec spec{std::move(name), child_info::kind::process, restart, 1s, 0ms, {}};
  spec.make = [&all](const tree_place&) { return std::make_unique<thread_run>(all); };
  return spec;
}

supervisor_options often() {
  supervisor_options options;
  options.restarts = 1'000'000;
  options.within = 1s;
  options.backoff = {0ms, 1ms, 0.5, 1ms};
  return options;
}

class SupervisorThreadTest : public testing::TestWithParam<restart_strategy> {};
INSTANTIATE_TEST_SUITE_P(, SupervisorThreadTest,
                         testing::Values(one_for_one, one_for_all, rest_for_one),
                         [](const auto& one) {
                           return one.param == one_for_one   ? "one_for_one"
                                  : one.param == one_for_all ? "one_for_all"
                                                             : "rest_for_one";
                         });

TEST_P(SupervisorThreadTest, EachLifeIsToldAndNoneIsLeft) {
  census all;
  std::map<std::string, int> lives;  // of each, that have begun and not ended
  std::mutex mutex;
  supervisor_plan storage{one_for_one, often(), {}, {}};
  for (const char* name : {"journal", "index"}) storage.add(thread_child(name, permanent, all));
  supervisor_plan plan{GetParam(), often(), {}, {}};
  plan.add(thread_child("first", permanent, all));
  plan.add(tree_child("storage", std::move(storage), permanent));
  plan.add(thread_child("second", transient, all));
  plan.add(thread_child("third", permanent, all));
  int told = 0, wrong = 0;
  const tree_place place{nullptr, {}, [&](const supervisor_event& event) {
                           const std::scoped_lock hold{mutex};
                           if (event.child == "storage" || event.child.empty()) return;
                           int& now = lives[event.child];
                           if (event.what == supervisor_event::kind::started) ++now, ++told;
                           if (event.what == supervisor_event::kind::ended) --now;
                           wrong += now < 0 || now > 1;
                         }};
  {
    supervisor_core tree{std::move(plan), place};
    tree.start({});
    std::vector<std::jthread> others;
    for (int i = 0; i < 2; ++i)
      others.emplace_back([&](const std::stop_token& over) {
        while (!over.stop_requested())
          for (const child_info& one : tree.children()) EXPECT_FALSE(one.name.empty());
      });
    others.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        const std::string own = "own-" + std::to_string(i);
        tree.add(thread_child(own, permanent, all));
        tree.stop_child("third");
        tree.restart_child("third");
        try {
          tree.restart_child("storage/journal");
        } catch (const hawser::error& gone) {
          // With the others it is restarted, too: then it is not there for a moment, or about to end.
          EXPECT_TRUE(gone.code() == errc::not_found || gone.code() == errc::not_supported)
              << gone.what();
          EXPECT_NE(GetParam(), one_for_one);
        }
        tree.remove_child(own);
      }
    });
    others.back().join();
    for (auto& one : others) one.request_stop();
    others.clear();
    std::jthread stops{[&] { tree.stop(); }};
    const auto end = tree.wait_until(supervisor_clock::time_point::max());
    ASSERT_TRUE(end);
    EXPECT_EQ(end->kind, end_kind::stopped);
  }
  EXPECT_EQ(all.alive, 0);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(told, all.born);
  EXPECT_GT(told, 20);
  for (const auto& [name, now] : lives) EXPECT_EQ(now, 0) << name;
}

TEST(OutputReaderThreadTest, KeepsTheLastLinesOfEachChild) {
  constexpr int children = 6, lines = 400;
  constexpr std::size_t kept = 5;
  std::vector<std::jthread> threads;
  for (int child = 0; child < children; ++child)
    threads.emplace_back([child, kept] {
      for (int life = 0; life < 5; ++life) {
        std::array<descriptor, 2> theirs;
        const auto output = output_reader::instance().open("child", kept, false, theirs);
        for (int i = 0; i < lines; ++i) {
          const std::string line = std::to_string(child) + "." + std::to_string(i) + "\n";
          ASSERT_EQ(
              ::write(theirs[static_cast<std::size_t>(i % 2)].get(), line.data(), line.size()),
              static_cast<ssize_t>(line.size()));
        }
        for (descriptor& one : theirs) one.reset();
        auto last = output_reader::instance().finish(output);
        ASSERT_EQ(last.size(), kept);
        // Of two streams the order is not known; of each, it is.
        for (const std::string& line : last)
          EXPECT_EQ(line.substr(0, 2), std::to_string(child) + ".");
        const std::string end_of[] = {std::to_string(child) + "." + std::to_string(lines - 2),
                                      std::to_string(child) + "." + std::to_string(lines - 1)};
        EXPECT_TRUE(last.back() == end_of[0] || last.back() == end_of[1]) << last.back();
      }
    });
}

TEST(OutputRelayThreadTest, WritesWhatManyHaveAndWhoFlushesSeesIt) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const descriptor before{dup(STDERR_FILENO)};
  ASSERT_NE(dup2(ends[1], STDERR_FILENO), -1);
  close(ends[1]);
  std::string got;
  std::jthread reads{[&] {
    char bytes[4096];
    for (ssize_t n = 0; (n = ::read(ends[0], bytes, sizeof bytes)) > 0;)
      got.append(bytes, static_cast<std::size_t>(n));
  }};
  {
    std::vector<std::jthread> writers;
    for (int i = 0; i < 4; ++i)
      writers.emplace_back([] {
        for (int n = 0; n < 500; ++n) output_relay::instance().write(1, "a line\n");
      });
  }
  output_relay::instance().flush(30s);
  ASSERT_NE(dup2(before.get(), STDERR_FILENO),
            -1);  // the last writing end: the reader's end of file
  reads.join();
  close(ends[0]);
  EXPECT_EQ(std::count(got.begin(), got.end(), '\n'), 2000);
}

}  // namespace
}  // namespace hawser::actors::detail
