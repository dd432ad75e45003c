// Workers that are processes: started, watched, replaced, and talked to by way of a desk, an actor.

#include "crew.hpp"
#include "worker.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/actors/transport.hpp>
#include <hawser/shm/error.hpp>
#include <hawser/shm/segment.hpp>

#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <unistd.h>

namespace hawser::actors::detail {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

std::string next_name() {
  static std::atomic<std::uint64_t> count{0};
  return "pool." + std::to_string(getpid()) + "." + std::to_string(++count);
}

class process_worker final : public worker_link {
 public:
  process_worker(caf::actor worker, std::function<void()> kills)
      : worker_(std::move(worker)), kills_(std::move(kills)) {}

  void give(byte_buffer&& chunk, references&& with) override {
    caf::anon_send(worker_, run_atom_v, std::move(chunk), std::move(with));
  }
  void stop() override { caf::anon_send(worker_, stop_atom_v); }
  void kill() override { kills_(); }

 private:
  const caf::actor worker_;
  const std::function<void()> kills_;
};

class process_crew final : public crew {
 public:
  process_crew(scheduler& of, const crew_settings& settings, caf::actor_system* system)
      : of_(of), settings_(settings), name_(next_name()) {
    if (system == nullptr) {
      shm::remove_stale("actors.pool.");  // of pools that were killed
      own_config_.emplace();
      own_config_->transport.group = name_;
      own_config_->transport.inline_max = inline_max;
      set_scheduler_threads(*own_config_, 2);
      system_ = &own_system_.emplace(*own_config_);
    } else {
      system_ = system;
    }
    transport_host& host = transport(*system_);
    options_ = dynamic_cast<const config&>(system_->config()).transport;
    desk_ = system_->spawn([this](caf::event_based_actor* self) { return serve(self); });
    try {
      host.publish(desk_, name_);
      keeper_ = std::thread{[this] { keep(); }};
    } catch (...) {
      caf::anon_send_exit(desk_, caf::exit_reason::user_shutdown);
      desk_ = nullptr;
      throw;
    }
  }
  ~process_crew() override { end(true); }

  void end(bool at_once) override {
    {
      const std::scoped_lock hold{mutex_};
      if (ends_) return;
      ends_ = true;
      kept_.notify_all();
    }
    if (keeper_.joinable()) keeper_.join();
    caf::anon_send(desk_, stop_atom_v);
    constexpr auto grace = 2s;
    const auto until = clock::now() + (at_once ? 0s : grace);
    std::map<std::uint64_t, process> all;
    {
      const std::scoped_lock hold{mutex_};
      all.swap(processes_);
    }
    for (auto& [id, one] : all) {
      if (at_once || !one.join_until(until)) one.kill();
    }
    for (auto& [id, one] : all) one.join();
    // Behind what their exits have sent to it.
    caf::anon_send(desk_, ended_atom_v);
    {
      std::unique_lock hold{mutex_};
      kept_.wait(hold, [&] { return desk_ended_; });
    }
    desk_ = nullptr;
  }
  std::vector<pid_t> pids() const override {
    const std::scoped_lock hold{mutex_};
    std::vector<pid_t> all;
    for (const auto& [id, one] : processes_)
      if (one.running()) all.push_back(one.pid());
    return all;
  }
  caf::actor_system* system() override { return system_; }

 private:
  /// Of a worker, until both its actor and its process have ended.
  struct presence {
    caf::actor_addr actor;
    bool has_come = false, actor_gone = false;
    std::optional<exit_status> exit;
  };

  caf::behavior serve(caf::event_based_actor* self) {
    self->set_down_handler([this](const caf::down_msg& down) {
      for (auto& [id, one] : present_)
        if (one.actor == down.source) {
          one.actor_gone = true;
          return conclude(id);
        }
    });
    self->set_default_handler(caf::drop);
    look(self);
    return {
        [this, self](hello_atom, std::uint64_t id, std::int32_t pid) {
          if (silent_.erase(id) != 0) return;  // its end was faster than its hello
          const auto worker = caf::actor_cast<caf::actor>(self->current_sender());
          presence& one = present_[id];
          one.actor = worker.address();
          one.has_come = true;
          self->monitor(worker);
          if (ending_) return self->send(worker, stop_atom_v);
          of_.worker_is_up(id, pid,
                           std::make_shared<process_worker>(worker, [this, id] { kill(id); }));
        },
        [this, self](report_atom, std::uint64_t id, const worker_report& report) {
          of_.results(id, report);
        },
        [this](large_atom, std::uint64_t id, const worker_report& report) {
          of_.results(id, report);
          return true;
        },
        [this, self](ended_atom, std::uint64_t id, const exit_status& how) {
          present_[id].exit = how;
          conclude(id);
        },
        [this, self](look_atom) { look(self); },
        [this, self](stop_atom) {
          ending_ = true;
          for (const auto& [id, one] : present_)
            if (const auto worker = caf::actor_cast<caf::actor>(one.actor))
              self->send(worker, stop_atom_v);
        },
        [this, self](ended_atom) {
          self->quit();
          for (const auto& [id, one] : present_)
            of_.worker_is_down(id, one.exit.value_or(exit_status{}));
          const std::scoped_lock hold{mutex_};
          desk_ended_ = true;
          kept_.notify_all();
        },
    };
  }
  void look(caf::event_based_actor* self) {
    const bool limits = of_.look_at_clock();
    self->delayed_send(self, limits ? std::chrono::milliseconds{5} : std::chrono::milliseconds{50},
                       look_atom_v);
  }
  /// Of what it had sent nothing is under way any more once its actor is gone.
  void conclude(std::uint64_t id) {
    presence& one = present_[id];
    if (!one.exit || (one.has_come && !one.actor_gone)) return;
    const presence gone = std::move(one);
    present_.erase(id);
    if (gone.has_come) of_.worker_is_down(id, *gone.exit);
    else silent_.insert(id);
    const scheduler_counts counts = of_.counts();
    const std::scoped_lock hold{mutex_};
    processes_ended_.push_back(id);
    const std::uint64_t ended = counts.done + counts.failed + counts.lost;
    if (gone.exit->success() || std::exchange(tasks_ended_, ended) != ended) dead_in_a_row_ = 0;
    else ++dead_in_a_row_;
    if (gone.has_come || gone.exit->signal() == SIGKILL) {
      failed_in_a_row_ = 0;
    } else {
      ++failed_in_a_row_;
      why_ = "a worker " + to_string(*gone.exit) + " before it could work";
    }
    kept_.notify_all();
  }
  void kill(std::uint64_t id) {
    const std::scoped_lock hold{mutex_};
    const auto found = processes_.find(id);
    if (found != processes_.end()) found->second.kill();
  }

  /// Starts workers while there are too few. Who dies of his tasks is replaced at once; who dies again
  /// and again, or cannot start, later and later.
  void keep() {
    constexpr unsigned failures_max = 5;
    constexpr auto pause_max = 1000ms;
    std::uint64_t next = 0;
    std::unique_lock hold{mutex_};
    while (!ends_) {
      std::vector<process> ended;
      for (const std::uint64_t id : std::exchange(processes_ended_, {})) {
        const auto found = processes_.find(id);
        if (found == processes_.end()) continue;
        ended.push_back(std::move(found->second));
        processes_.erase(found);
      }
      if (!ended.empty()) {
        hold.unlock();
        ended.clear();  // joined
        hold.lock();
        continue;
      }
      if (processes_.size() >= settings_.workers) {
        kept_.wait(hold, [&] { return ends_ || !processes_ended_.empty(); });
        continue;
      }
      if (failed_in_a_row_ >= failures_max) {
        const std::string why = "its workers cannot be started: " + why_;
        hold.unlock();
        of_.abandon(why);
        hold.lock();
        return;
      }
      const unsigned bad = std::max(failed_in_a_row_, dead_in_a_row_ / 4);
      if (bad != 0) {
        const auto pause =
            std::min<std::chrono::milliseconds>(pause_max, 5ms * (1U << std::min(bad, 8U)));
        const bool over = kept_.wait_for(hold, pause, [&] { return ends_; });
        if (over) break;
      }
      const std::uint64_t id = ++next;
      hold.unlock();
      start(id);
      hold.lock();
    }
  }
  void start(std::uint64_t id) {
    try {
      process one = process::spawn(
          {.name = settings_.name + "-" + std::to_string(id)}, worker_entry(),
          worker_start{options_.group, options_.mode, name_, id, settings_.memory_limit,
                       settings_.cpu_limit_s, settings_.initializer});
      const std::scoped_lock hold{mutex_};
      const auto placed = processes_.emplace(id, std::move(one)).first;
      placed->second.on_exit([desk = desk_, id](const exit_status& how) {
        caf::anon_send(desk, ended_atom_v, id, how);
      });
    } catch (const error& failed) {
      const std::scoped_lock hold{mutex_};
      ++failed_in_a_row_;
      why_ = failed.what();
    }
  }

  scheduler& of_;
  const crew_settings settings_;
  const std::string name_;
  std::optional<config> own_config_;
  std::optional<caf::actor_system> own_system_;
  caf::actor_system* system_ = nullptr;
  transport_options options_;
  caf::actor desk_;
  std::thread keeper_;

  mutable std::mutex mutex_;
  std::condition_variable kept_;
  std::map<std::uint64_t, process> processes_;
  std::vector<std::uint64_t> processes_ended_;
  unsigned failed_in_a_row_ = 0;  // before they could work
  unsigned dead_in_a_row_ = 0;    // and no task has ended meanwhile
  std::uint64_t tasks_ended_ = 0;
  std::string why_;
  bool ends_ = false, desk_ended_ = false;

  // The desk's.
  std::map<std::uint64_t, presence> present_;
  std::set<std::uint64_t> silent_;  // have ended and not said hello
  bool ending_ = false;
};

}  // namespace

std::unique_ptr<crew> make_process_crew(scheduler& of, const crew_settings& settings,
                                        caf::actor_system* system) {
  return std::make_unique<process_crew>(of, settings, system);
}

}  // namespace hawser::actors::detail
