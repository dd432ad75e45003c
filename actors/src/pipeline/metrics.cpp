#include "engine.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace hawser::actors {
namespace detail {
namespace {

double share(std::uint64_t now, std::uint64_t before, double whole_ns) {
  if (now <= before || whole_ns <= 0) return 0;
  return std::min(1.0, static_cast<double>(now - before) / whole_ns);
}

/// Who is the busiest of all, unless those outside are slower.
std::string bottleneck_of(const pipeline_metrics& all, std::size_t results_capacity) {
  const auto busiest =
      std::max_element(all.stages.begin(), all.stages.end(),
                       [](const auto& a, const auto& b) { return a.utilisation < b.utilisation; });
  constexpr double busy = 0.5;
  if (busiest->utilisation >= busy) return busiest->name;
  if (all.waiting >= results_capacity || all.on_the_way >= all.window) return "output";
  if (all.stages.front().depth == 0) return "input";
  return busiest->name;
}

}  // namespace

pipeline_run::engine::totals pipeline_run::engine::totals_now() const {
  totals all{clock::now(), {}, std::vector<stage_slot::reading>(stages_.size())};
  for (std::size_t i = 0; i < stages_.size(); ++i)
    for (std::size_t worker = 0; worker < workers_of(i); ++worker) {
      const auto one = read_slot(slot(i, worker));
      all.stages[i].done += one.done;
      all.stages[i].dead += one.dead;
      all.stages[i].busy_ns += one.busy_ns;
      all.stages[i].blocked_ns += one.blocked_ns;
    }
  all.ended = clock::now();
  return all;
}

pipeline_metrics pipeline_run::engine::metrics() const {
  const std::scoped_lock hold{mutex_};
  return metrics_between(first_, totals_now());
}

pipeline_metrics pipeline_run::engine::recent_metrics() {
  const std::scoped_lock hold{mutex_};
  const totals before = std::exchange(last_, totals_now());
  return metrics_between(before, last_);
}

pipeline_metrics pipeline_run::engine::metrics_between(const totals& begin,
                                                       const totals& end) const {
  pipeline_metrics all;
  all.name = plan_.options.name;
  all.waiting = queues_.back()->size();
  all.seconds = std::chrono::duration<double>(end.ended - begin.began).count();
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    const auto &current = end.stages[i], &before = begin.stages[i];
    stage_metrics one;
    one.name = plan_.stages[i].name;
    one.workers = workers_of(i);
    one.depth = queues_[i]->size();
    one.capacity = queues_[i]->capacity();
    one.done = current.done;
    one.dead = current.dead;
    one.deaths = stages_[i].deaths;
    const double whole_ns = all.seconds * 1e9 * static_cast<double>(one.workers);
    if (all.seconds > 0)
      one.per_second =
          static_cast<double>(current.done + current.dead - before.done - before.dead) /
          all.seconds;
    one.utilisation = share(current.busy_ns, before.busy_ns, whole_ns);
    one.blocked = share(current.blocked_ns, before.blocked_ns, whole_ns);
    all.stages.push_back(std::move(one));
  }
  all.pushed = pushed_;
  all.taken = window_->taken();
  all.dead = dead_;
  all.on_the_way = static_cast<std::size_t>(pushed_ - window_->taken());
  all.window = window_->size();
  all.bottleneck = bottleneck_of(all, queues_.back()->capacity());
  return all;
}

}  // namespace detail

std::string to_string(const pipeline_metrics& metrics) {
  char line[256];
  std::string text;
  std::snprintf(line, sizeof line, "%-12s %7s %13s %10s %6s %11s %5s %6s %6s\n", "stage", "workers",
                "waiting", "done", "dead", "per second", "busy", "stuck", "deaths");
  text += line;
  for (const stage_metrics& one : metrics.stages) {
    const std::string depth = std::to_string(one.depth) + "/" + std::to_string(one.capacity);
    std::snprintf(line, sizeof line,
                  "%-12s %7zu %13s %10llu %6llu %11.0f %4.0f%% %5.0f%% %6llu%s\n", one.name.c_str(),
                  one.workers, depth.c_str(), static_cast<unsigned long long>(one.done),
                  static_cast<unsigned long long>(one.dead), one.per_second, one.utilisation * 100,
                  one.blocked * 100, static_cast<unsigned long long>(one.deaths),
                  one.name == metrics.bottleneck ? "  <- bottleneck" : "");
    text += line;
  }
  std::snprintf(line, sizeof line, "%llu in, %llu out, %zu on the way of %zu at most%s\n",
                static_cast<unsigned long long>(metrics.pushed),
                static_cast<unsigned long long>(metrics.taken), metrics.on_the_way, metrics.window,
                metrics.bottleneck == "input"    ? "; the input is the bottleneck"
                : metrics.bottleneck == "output" ? "; who takes the results is the bottleneck"
                                                 : "");
  return text += line;
}

}  // namespace hawser::actors
