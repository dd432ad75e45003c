// A pool of worker processes, and Python's two, with the same functions and numbers.

#include "clock.hpp"
#include "processes.hpp"
#include "subjects/python.hpp"
#include "subjects/subjects.hpp"
#include <hawser/actors/worker_pool.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <sched.h>

namespace hawser::bench {
namespace {

std::uint64_t square(std::uint64_t x) { return x * x; }
HAWSER_TASK(square);

int pause_ms(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds{ms});
  return ms;
}
HAWSER_TASK(pause_ms);

std::size_t workers() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const int count = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  return static_cast<std::size_t>(std::clamp(count, 2, 8));
}

struct work {
  std::size_t map, ones, calls;
  int ms;  // of a short one of the uneven tasks
};
work work_of(const effort& how) {
  return how.quick ? work{300'000, 20'000, 1'000, 2} : work{1'000'000, 100'000, 5'000, 4};
}

struct metric {
  const char* name;
  const char* unit;
};
constexpr metric metrics[] = {{"start", "ms"},
                              {"map", "Mtask/s"},
                              {"map_chunk1", "us"},
                              {"submit_get_p50", "us"},
                              {"uneven", "of_best"}};

void demand(bool right, const char* what) {
  if (!right) throw wrong_figure{std::string{what} + " has wrong results"};
}
bool are_squares(const std::vector<std::uint64_t>& results) {
  for (std::uint64_t i = 0; i < results.size(); ++i)
    if (results[i] != i * i) return false;
  return true;
}

/// The figures, in the order of `metrics`.
void run_hawser(const work& of, double* figures) {
  const auto seconds_since = [](std::int64_t from_ns) {
    return static_cast<double>(now_ns() - from_ns) / 1e9;
  };
  std::int64_t from = now_ns();
  actors::worker_pool pool{{.workers = workers()}};
  pool.map(pause_ms, std::vector<int>(workers(), 1), {.chunk = 1});
  figures[0] = seconds_since(from) * 1e3 / static_cast<double>(workers());

  std::vector<std::uint64_t> numbers(of.map);
  std::iota(numbers.begin(), numbers.end(), 0);
  from = now_ns();
  const auto squares = pool.map(square, numbers);
  figures[1] = static_cast<double>(of.map) / seconds_since(from) / 1e6;
  demand(squares.size() == of.map && are_squares(squares), "map");

  numbers.resize(of.ones);
  from = now_ns();
  const auto ones = pool.map(square, numbers, {.chunk = 1});
  figures[2] = seconds_since(from) / static_cast<double>(of.ones) * 1e6;
  demand(ones.size() == of.ones && are_squares(ones), "map, chunk 1");

  std::vector<double> times;
  for (std::uint64_t x = 0; x < of.calls; ++x) {
    from = now_ns();
    const std::uint64_t result = pool.submit(square, x).get();
    times.push_back(seconds_since(from) * 1e6);
    demand(result == x * x, "submit");
  }
  std::sort(times.begin(), times.end());
  figures[3] = times[times.size() / 2];

  std::vector<int> uneven(100, of.ms);
  uneven[50] *= 50;
  const double sum = std::accumulate(uneven.begin(), uneven.end(), 0.0);
  const double best = std::max(50.0 * of.ms, sum / static_cast<double>(workers())) / 1e3;
  from = now_ns();
  demand(pool.map(pause_ms, uneven) == uneven, "uneven");
  figures[4] = seconds_since(from) / best;
}

sample measure_hawser(const effort& how) {
  struct figures {
    double of[std::size(metrics)];
  };
  const shared<figures> all;
  run_processes({{"pool", anywhere, [&] { run_hawser(work_of(how), all->of); }}});
  sample result;
  for (std::size_t i = 0; i < std::size(metrics); ++i)
    result.values.push_back({{"hawser.pool", metrics[i].name, 0, metrics[i].unit}, all->of[i]});
  return result;
}

sample measure_python(const char* subject, const char* kind, const effort& how) {
  const work of = work_of(how);
  sample result;
  for (const auto& [found, amount] : run_python(
           "pool.py", {kind, std::to_string(workers()), std::to_string(of.map),
                       std::to_string(of.ones), std::to_string(of.calls), std::to_string(of.ms)})) {
    const std::string& name = found;  // clang before 16 cannot capture a structured binding
    const auto known = std::find_if(std::begin(metrics), std::end(metrics),
                                    [&](const metric& m) { return name == m.name; });
    if (known == std::end(metrics)) throw wrong_figure{"unknown figure \"" + name + "\""};
    result.values.push_back({{subject, known->name, 0, known->unit}, amount});
  }
  if (result.values.size() + 1 < std::size(metrics)) throw wrong_figure{"figures are missing"};
  return result;
}

}  // namespace

void add_pool(std::vector<measurement>& all) {
  all.push_back({"hawser.pool", group::patterns, measure_hawser});
  all.push_back({"python.pool", group::patterns,
                 [](const effort& how) { return measure_python("python.pool", "pool", how); }});
  all.push_back({"python.process_pool_executor", group::patterns, [](const effort& how) {
                   return measure_python("python.process_pool_executor", "executor", how);
                 }});
}

}  // namespace hawser::bench
