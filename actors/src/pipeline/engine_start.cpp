// What a pipeline consists of, and how it begins.

#include "../quiet_thread.hpp"
#include "engine.hpp"
#include "stage_loop.hpp"
#include "stage_worker.hpp"
#include <hawser/shm/error.hpp>

#include <algorithm>
#include <set>
#include <utility>

#include <unistd.h>

namespace hawser::actors::detail {
namespace {

constexpr const char* channels = "actors.pipeline.";

std::string next_name() {
  static std::atomic<std::uint64_t> count{0};
  return channels + std::to_string(getpid()) + "." + std::to_string(++count);
}

std::size_t default_window(const pipeline_plan& plan, std::size_t workers) {
  std::size_t all = plan.options.capacity + workers;
  for (const stage_plan& one : plan.stages) all += one.options.capacity;
  return all;
}

}  // namespace

pipeline_run::engine::engine(pipeline_plan plan) : plan_(std::move(plan)), name_(next_name()) {
  check();
  stages_.resize(plan_.stages.size());
  std::size_t slots = 0;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    stages_[i].slot = slots;
    slots += workers_of(i);
  }
  window_.emplace(plan_.options.window != 0 ? plan_.options.window : default_window(plan_, slots),
                  plan_.options.ordered);
  make_queues();
  slots_.emplace(create_only, slots_name(name_), slots * stage_slot::words);
  try {
    start_processes();
    start_threads();
    const std::scoped_lock hold{mutex_};
    last_ = first_ = totals_now();
  } catch (...) {
    terminate();
    throw;
  }
}

void pipeline_run::engine::check() const {
  const auto refuse = [&](const std::string& object, const std::string& why) {
    throw make_error(errc::bad_argument, "start pipeline", object, why);
  };
  const pipeline_options& all = plan_.options;
  if (plan_.stages.empty()) refuse(all.name, "it has no stages; add one with stage()");
  if (all.capacity == 0 || all.message_bytes_max == 0)
    refuse(all.name, "capacity and message_bytes_max are 1 at least");
  std::set<std::string> names;
  for (const stage_plan& one : plan_.stages) {
    const std::string object = all.name + "/" + one.name;
    if (one.name.empty() || one.name.find('/') != std::string::npos)
      refuse(object, "a stage's name is not empty, and has no '/'");
    if (!names.insert(one.name).second) refuse(object, "another stage has this name");
    if (one.options.capacity == 0 || one.options.message_bytes_max == 0)
      refuse(object, "capacity and message_bytes_max are 1 at least");
    constexpr std::size_t workers_max = 100;  // those of two stages are attached to one queue
    if (one.options.workers > workers_max)
      refuse(object, "it has more than " + std::to_string(workers_max) + " workers; use fewer");
    constexpr unsigned retries_max = 100;
    if (one.options.retries > retries_max)
      refuse(object, "it has more than " + std::to_string(retries_max) + " retries; use fewer");
    if (one.task.empty() && one.options.timeout.count() != 0)
      refuse(object, "threads cannot be stopped by a timeout; use a task and processes");
    if (one.options.timeout.count() < 0) refuse(object, "its timeout is negative");
  }
}

std::size_t pipeline_run::engine::workers_of(std::size_t stage) const {
  const std::size_t workers = plan_.stages[stage].options.workers;
  return workers != 0 ? workers : std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

std::string pipeline_run::engine::next_limit(std::size_t stage) const {
  return stage + 1 == stages_.size() ? "the pipeline"
                                     : "stage \"" + plan_.stages[stage + 1].name + "\"";
}

void pipeline_run::engine::make_queues() {
  shm::remove_stale(channels);  // of pipelines that were killed
  const auto add = [&](std::size_t capacity, std::size_t bytes) {
    shm::queue_options options;
    options.capacity = capacity;
    options.message_bytes_max = bytes + message_head;
    queues_.push_back(
        std::make_unique<message_queue>(create_only, queue_name(name_, queues_.size()), options));
  };
  for (const stage_plan& one : plan_.stages)
    add(one.options.capacity, one.options.message_bytes_max);
  add(plan_.options.capacity, plan_.options.message_bytes_max + dead_letter_bytes);
}

void pipeline_run::engine::start_processes() {
  supervisor_options always;
  // Whether it can go on, `hear` decides.
  always.restarts = 1'000'000;
  always.within = std::chrono::seconds{1};
  always.backoff = {std::chrono::milliseconds{5}, std::chrono::milliseconds{100}, 0.25,
                    std::chrono::milliseconds{200}};
  always.ends_when_done = true;
  supervisor tree{one_for_one, always};
  const process_child_options child{.restart = transient,
                                    .stop_timeout = std::chrono::milliseconds{500}};
  for (std::uint32_t stage = 0; stage < stages_.size(); ++stage) {
    const stage_plan& plan = plan_.stages[stage];
    if (plan.task.empty()) continue;
    for (std::uint32_t worker = 0; worker < workers_of(stage); ++worker) {
      const std::string name = plan.name + "-" + std::to_string(worker + 1);
      processes_[name] = {stage, worker};
      tree.process(
          name, child, &stage_worker,
          stage_worker_start{name_, stage, worker,
                             static_cast<std::uint32_t>(stages_[stage].slot + worker),
                             static_cast<std::uint32_t>(stages_.size()), plan.options.retries,
                             plan.options.timeout.count(), plan.task, next_limit(stage)});
    }
  }
  if (processes_.empty()) return;
  tree.on_event([this](const supervisor_event& event) { hear(event); });
  tree_.emplace(tree.start());
}

void pipeline_run::engine::start_threads() {
  for (std::uint32_t stage = 0; stage < stages_.size(); ++stage) {
    if (!plan_.stages[stage].task.empty()) continue;
    for (std::uint32_t worker = 0; worker < workers_of(stage); ++worker)
      threads_.push_back(
          quiet_thread("hawser-stage", [this, stage, worker] { run_thread(stage, worker); }));
  }
}

void pipeline_run::engine::run_thread(std::uint32_t stage, std::uint32_t worker) try {
  const stage_plan& plan = plan_.stages[stage];
  work_on_stage({*queues_[stage], *queues_[stage + 1], *queues_.back(), slot(stage, worker), stage,
                 plan.options.retries, next_limit(stage)},
                plan.run, stops_);
} catch (const std::exception& failed) {
  const std::scoped_lock hold{mutex_};
  break_off("a thread of stage \"" + plan_.stages[stage].name + "\" has failed: " + failed.what());
}

}  // namespace hawser::actors::detail
