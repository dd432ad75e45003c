#include "clock.hpp"
#include "message.hpp"
#include "processes.hpp"
#include "statistics.hpp"
#include "subjects/subjects.hpp"
#include <hawser/shm/queue.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

using queue = shm::queue<payload>;
using namespace std::chrono_literals;

constexpr auto patience = 10s;  // with each step; what takes longer is a failure

struct notes {
  std::atomic<pid_t> waiter;               // set when the queue is there
  std::atomic<std::uint64_t> held;         // the message a holder has
  std::atomic<std::uint64_t> waited_for;   // the message the waiter goes to sleep for
  std::atomic<std::uint64_t> redelivered;  // the message the waiter got
  std::atomic<std::int64_t> killed_ns;
  double p50_ms, p99_ms;
};

/// Looks at `done` now and then, not so often that it disturbs what it waits for.
template <class Done>
void await(const char* what, Done done) {
  const std::int64_t end = now_ns() + std::chrono::nanoseconds{patience}.count();
  while (!done()) {
    if (now_ns() > end) throw wrong_figure{std::string{"waited in vain "} + what};
    const timespec pause{0, 50'000};
    nanosleep(&pause, nullptr);
  }
}

/// Whether the main thread of `pid` sleeps.
bool sleeps(pid_t pid) {
  const std::string id = std::to_string(pid);
  std::ifstream file{"/proc/" + id + "/task/" + id + "/stat"};
  const std::string stat{std::istreambuf_iterator<char>{file}, {}};
  const auto name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.compare(name_end, 3, ") S") == 0;
}

/// Takes a message and sits on it until it is killed.
[[noreturn]] void hold(const std::string& name, notes& note, std::uint64_t number) {
  queue from{open_only, name};
  const auto message = from.lease_for(patience);
  if (!message) throw wrong_figure{"the holder got no message"};
  check_message(*message, number);
  note.held = number;
  for (;;) pause();
}

/// Pushes a message, lets a holder take it, and waits to get it back. Returns how long that
/// took, in ms from the kill.
double wait_for_redelivery(queue& messages, notes& note, std::uint64_t number) {
  messages.push(make_payload(number));
  await("for the holder to take the message", [&] { return note.held == number; });
  note.waited_for = number;
  auto message = messages.lease_for(patience);
  const std::int64_t now = now_ns();
  if (!message) throw wrong_figure{"the message of a killed holder did not come back"};
  check_message(*message, number);
  if (message.attempts() != 2) throw wrong_figure{"the message came back at the wrong time"};
  message.ack();
  note.redelivered = number;
  return static_cast<double>(now - note.killed_ns) / 1e6;
}

/// Starts a holder and kills it once it holds the message and the waiter sleeps.
void kill_a_holder(const std::string& name, notes& note, int cpu, std::uint64_t number) {
  const pid_t holder = start_process({"holding", cpu, [&] { hold(name, note, number); }});
  await("for the waiter to sleep",
        [&] { return note.waited_for == number && sleeps(note.waiter); });
  note.killed_ns = now_ns();
  kill(holder, SIGKILL);
  await("for the redelivery", [&] { return note.redelivered == number; });
  int status = 0;
  while (waitpid(holder, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFSIGNALED(status)) throw wrong_figure{"the holder ended before it was killed"};
}

/// From kill -9 of a process that holds a lease to the message's arrival at a consumer that
/// sleeps in another process.
sample measure_recovery(const effort& how) {
  const std::uint64_t kills = how.quick ? 50 : 200;
  const std::string name = "bench-" + std::to_string(getpid()) + "-recovery";
  const shared<notes> note;
  const cpu_pair cpus = measuring_cpus();

  const auto wait = [&] {
    queue messages{create_only, name, {.capacity = 16}};
    note->waiter = getpid();
    std::vector<double> ms;
    for (std::uint64_t number = 1; number <= kills; ++number)
      ms.push_back(wait_for_redelivery(messages, *note, number));
    note->p50_ms = percentile(ms, 0.50);
    note->p99_ms = percentile(ms, 0.99);
    if (!messages.empty()) throw wrong_figure{"a message is left over"};
  };
  const auto kill_holders = [&] {
    await("for the queue", [&] { return note->waiter != 0; });
    for (std::uint64_t number = 1; number <= kills; ++number)
      kill_a_holder(name, *note, cpus.second, number);
  };
  try {
    run_processes({{"waiting", cpus.first, wait}, {"killing", cpus.second, kill_holders}}, 60s);
  } catch (...) {
    shm::remove(name);
    throw;
  }
  return {{{{"hawser.queue.lease", "recovery_p50", 0, "ms"}, note->p50_ms},
           {{"hawser.queue.lease", "recovery_p99", 0, "ms"}, note->p99_ms}},
          false};
}

}  // namespace

void add_hawser_recovery(std::vector<measurement>& all) {
  all.push_back({"hawser.queue.lease", group::recovery, measure_recovery});
}

}  // namespace hawser::bench
