// Workers that are threads: what a task does to memory, it does to ours.

#include "chunk_code.hpp"
#include "crew.hpp"
#include <hawser/shm/error.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include <unistd.h>

namespace hawser::actors::detail {
namespace {

class thread_worker final : public worker_link {
 public:
  thread_worker(scheduler& of, std::uint64_t id) : of_(of), id_(id) {}

  void give(byte_buffer&& chunk, references&& with) override {
    const std::scoped_lock hold{mutex_};
    given_.emplace_back(std::move(chunk), std::move(with));
    changed_.notify_one();
  }
  void stop() override {
    const std::scoped_lock hold{mutex_};
    stops_ = true;
    changed_.notify_one();
  }
  /// What it has begun it ends: a thread cannot be killed.
  void kill() override {
    const std::scoped_lock hold{mutex_};
    stops_ = true;
    given_.clear();
    changed_.notify_one();
  }

  /// Until it is stopped.
  void run() {
    for (;;) {
      std::pair<byte_buffer, references> next;
      {
        std::unique_lock hold{mutex_};
        changed_.wait(hold, [&] { return stops_ || !given_.empty(); });
        if (given_.empty()) return;
        next = std::move(given_.front());
        given_.pop_front();
      }
      run_chunks(next.first, next.second,
                 [&](byte_buffer&& results, references&& with, std::uint64_t busy_ns) {
                   of_.results(id_, {std::move(results), std::move(with), busy_ns});
                 });
    }
  }

 private:
  scheduler& of_;
  const std::uint64_t id_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<byte_buffer, references>> given_;
  bool stops_ = false;
};

class thread_crew final : public crew {
 public:
  thread_crew(scheduler& of, const crew_settings& settings) : of_(of), settings_(settings) {
    for (std::uint64_t id = 1; id <= settings.workers; ++id)
      threads_.emplace_back([this, id] { work(id); });
  }
  ~thread_crew() override { end(true); }

  void end(bool) override {
    {
      const std::scoped_lock hold{mutex_};
      ends_ = true;
      for (const auto& one : links_) one->stop();
    }
    for (std::thread& one : threads_)
      if (one.joinable()) one.join();
  }
  std::vector<pid_t> pids() const override { return {getpid()}; }
  caf::actor_system* system() override { return nullptr; }

 private:
  /// One after the other, if each is to do so much and no more.
  void work(std::uint64_t id) {
    try {
      initialize();
    } catch (const std::exception& failed) {
      return of_.abandon(std::string{"its initializer failed: "} + failed.what());
    }
    for (std::uint64_t life = 0;; ++life) {
      const std::uint64_t now = life << 32 | id;
      const auto link = std::make_shared<thread_worker>(of_, now);
      {
        const std::scoped_lock hold{mutex_};
        if (ends_) return;
        links_.push_back(link);
      }
      of_.worker_is_up(now, getpid(), link);
      link->run();
      of_.worker_is_down(now, exit_status::exited(0));
      const std::scoped_lock hold{mutex_};
      std::erase(links_, link);
      if (ends_ || of_.is_closed()) return;
    }
  }
  void initialize() const {
    if (settings_.initializer.empty()) return;
    std::string failed;
    run_chunks(settings_.initializer, {}, [&](byte_buffer&& results, references&&, std::uint64_t) {
      if (static_cast<result_kind>(results.at(0)) == result_kind::thrown)
        failed.assign(results.begin() + 5, results.end());
    });
    if (!failed.empty()) throw std::runtime_error(failed.substr(4));
  }

  scheduler& of_;
  const crew_settings settings_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<thread_worker>> links_;
  bool ends_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<crew> make_thread_crew(scheduler& of, const crew_settings& settings) {
  return std::make_unique<thread_crew>(of, settings);
}

}  // namespace hawser::actors::detail
