// A resource manager beside a Manager of Python, and a supervisor that starts again what was killed.

#include "subjects/actors_ways.hpp"
#include "subjects/python.hpp"
#include <hawser/actors/resource_client.hpp>
#include <hawser/actors/resource_manager.hpp>
#include <hawser/actors/supervisor.hpp>
#include <hawser/actors/this_process.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <string>
#include <vector>

#include <unistd.h>

namespace hawser::bench {
namespace {

using namespace std::chrono_literals;

std::size_t calls_of(const effort& how) { return how.quick ? 2'000 : 10'000; }
double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

figure lease_time(const char* subject) { return {subject, "acquire_release_p50", 0, "us"}; }

/// Three resources, which one process has and another one takes and gives back, one at a time.
sample measure_manager(const effort& how) {
  struct notes {
    std::atomic<bool> stands, ends;
    double us;
  };
  const shared<notes> all;
  using config = over_hawser::config;
  const auto manage = [&] {
    config own;
    caf::actor_system system{own};
    const actors::resource_manager<int> manager{system, "things", {{"a", 1}, {"a", 2}, {"a", 3}}};
    all->stands = true;
    await("for the user", [&] { return all->ends.load(); });
    const auto now = manager.who();
    if (now.granted != now.returned || now.granted != calls_of(how))
      throw wrong_figure{"what was granted was not all returned"};
  };
  const auto use = [&] {
    await("for the manager", [&] { return all->stands.load(); });
    config own;
    caf::actor_system system{own};
    {
      actors::resource_client<int> client{system, "things"};
      std::vector<double> times;
      for (std::size_t i = 0; i < calls_of(how); ++i) {
        const std::int64_t from = now_ns();
        auto lease = client.acquire("a", 10s);
        if (!lease || *lease < 1 || *lease > 3) throw wrong_figure{"no lease, or a wrong one"};
        lease.release();
        times.push_back(static_cast<double>(now_ns() - from) / 1e3);
      }
      all->us = median(times);
      client.who();  // behind all that was given back
    }
    all->ends = true;
  };
  run_processes({{"manager", anywhere, manage}, {"user", anywhere, use}});
  return {{{lease_time("hawser.resource_manager"), all->us}}, false};
}

sample measure_python_manager(const effort& how) {
  const auto figures = run_python("manager.py", {std::to_string(calls_of(how))});
  return {{{lease_time("python.manager"), figures.at(0).second}}, false};
}

int works(int) {
  actors::this_process::ready();
  for (;;) pause();
}
HAWSER_PROCESS(works);

/// From SIGKILL of a process until the one in its place works.
double run_supervisor(std::size_t kills) {
  std::atomic<std::int64_t> started_ns{0};
  std::atomic<pid_t> pid{0};
  actors::supervisor tree{actors::one_for_one,
                          {.restarts = 1'000'000, .backoff = {.first = 0ms, .longest = 0ms}}};
  tree.process("works", {.await_ready = true}, works, 0);
  tree.on_event([&](const actors::supervisor_event& event) {
    if (event.what != actors::supervisor_event::kind::started) return;
    started_ns = now_ns();
    pid = event.pid;
    pid.notify_one();
  });
  auto running = tree.start();
  std::vector<double> times;
  for (std::size_t i = 0; i < kills; ++i) {
    const pid_t victim = pid;
    const std::int64_t from = now_ns();
    kill(victim, SIGKILL);
    pid.wait(victim);
    times.push_back(static_cast<double>(started_ns - from) / 1e6);
  }
  running.stop();
  running.wait();
  return median(times);
}

sample measure_supervisor(const effort& how) {
  const shared<double> ms;
  run_processes({{"supervisor", anywhere, [&] { *ms = run_supervisor(how.quick ? 20 : 100); }}});
  return {{{{"hawser.supervisor", "restart_p50", 0, "ms"}, *ms}}, false};
}

}  // namespace

void add_patterns(std::vector<measurement>& all) {
  all.push_back({"hawser.resource_manager", group::patterns, measure_manager});
  all.push_back({"python.manager", group::patterns, measure_python_manager});
  all.push_back({"hawser.supervisor", group::patterns, measure_supervisor});
}

}  // namespace hawser::bench
