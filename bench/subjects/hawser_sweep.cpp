#include "clock.hpp"
#include "message.hpp"
#include "processes.hpp"
#include "statistics.hpp"
#include "subjects/subjects.hpp"
#include <hawser/shm/queue.hpp>
#include <hawser/shm/wait_any.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

using queue = shm::queue<payload>;
using namespace std::chrono_literals;

constexpr std::uint64_t channels = 1000;

struct notes {
  std::atomic<std::uint64_t> round;  // each queue holds this round's message
  std::atomic<std::uint64_t> held;   // the round in which the victim holds them all
  std::atomic<std::uint64_t> asleep;
  std::atomic<std::uint64_t> back;  // the round whose messages are all redelivered
  std::atomic<std::int64_t> killed_ns;
  double p50_ms, max_ms;
};

template <class Done>
void await(const char* what, Done done) {
  const std::int64_t end = now_ns() + std::chrono::nanoseconds{20s}.count();
  while (!done()) {
    if (now_ns() > end) throw wrong_figure{std::string{"waited in vain "} + what};
    const timespec pause{0, 50'000};
    nanosleep(&pause, nullptr);
  }
}

std::string name_of(const std::string& prefix, std::uint64_t i) {
  return prefix + "." + std::to_string(i);
}

/// Takes a message from each queue and sits on them until it is killed.
[[noreturn]] void hold(const std::string& prefix, notes& note, std::uint64_t round) {
  std::vector<queue> all;
  std::vector<queue::lease_type> held;
  for (std::uint64_t i = 0; i < channels; ++i) {
    all.emplace_back(open_only, name_of(prefix, i));
    held.push_back(all.back().try_lease());
    if (!held.back()) throw wrong_figure{"the victim got no message"};
  }
  note.held = round;
  for (;;) pause();
}

/// Waits for all messages of a killed holder. Returns how long that took, in ms from the kill.
double wait_for_all(std::vector<queue>& all, shm::wait_set& readable, notes& note,
                    std::uint64_t round) {
  for (queue& one : all) one.push(make_payload(round));
  note.round = round;
  await("for the victim to take all messages", [&] { return note.held == round; });
  if (readable.try_wait()) throw wrong_figure{"a message is left"};
  note.asleep = round;
  for (std::uint64_t got = 0; got < channels; ++got) {
    const auto key = readable.wait_for(20s);
    if (!key) throw wrong_figure{"a message of a killed holder did not come back"};
    auto message = all[*key].try_lease();
    if (!message) throw wrong_figure{"a channel was reported that is not readable"};
    check_message(*message, round);
    if (message.attempts() != 2) throw wrong_figure{"the message came back at the wrong time"};
    message.ack();
  }
  const double ms = static_cast<double>(now_ns() - note.killed_ns) / 1e6;
  note.back = round;
  return ms;
}

/// From kill -9 of a process that holds a message of each of 1,000 queues until another one, which
/// waits on all of them with one thread, has taken every one of them.
sample measure_sweep(const effort& how) {
  const std::uint64_t kills = how.quick ? 5 : 20;
  const std::string prefix = "bench-" + std::to_string(getpid()) + "-sweep";
  const shared<notes> note;
  const cpu_pair cpus = measuring_cpus();

  const auto survive = [&] {
    std::vector<queue> all;
    shm::wait_set readable;
    for (std::uint64_t i = 0; i < channels; ++i) {
      all.emplace_back(create_only, name_of(prefix, i), shm::queue_options{.capacity = 4});
      readable.add(i, all.back());
    }
    std::vector<double> ms;
    for (std::uint64_t round = 1; round <= kills; ++round)
      ms.push_back(wait_for_all(all, readable, *note, round));
    note->p50_ms = percentile(ms, 0.50);
    note->max_ms = percentile(ms, 1);
    for (queue& one : all)
      if (!one.empty()) throw wrong_figure{"a message is left over"};
  };
  const auto kill_holders = [&] {
    for (std::uint64_t round = 1; round <= kills; ++round) {
      await("for the messages", [&] { return note->round == round; });
      const pid_t victim =
          start_process({"holding", cpus.second, [&] { hold(prefix, *note, round); }});
      await("for the survivor", [&] { return note->asleep == round; });
      const timespec a_moment{0, 20'000'000};  // until it has armed all of them and sleeps
      nanosleep(&a_moment, nullptr);
      note->killed_ns = now_ns();
      kill(victim, SIGKILL);
      await("for the redelivery", [&] { return note->back == round; });
      int status = 0;
      while (waitpid(victim, &status, 0) < 0 && errno == EINTR) {
      }
      if (!WIFSIGNALED(status)) throw wrong_figure{"the victim ended before it was killed"};
    }
  };
  try {
    run_processes({{"waiting", cpus.first, survive}, {"killing", cpus.second, kill_holders}}, 60s);
  } catch (...) {
    for (std::uint64_t i = 0; i < channels; ++i) shm::remove(name_of(prefix, i));
    throw;
  }
  return {{{{"hawser.wait_set", "sweep", 0, "ms"}, note->p50_ms},
           {{"hawser.wait_set", "sweep_max", 0, "ms"}, note->max_ms}},
          false};
}

}  // namespace

void add_hawser_sweep(std::vector<measurement>& all) {
  all.push_back({"hawser.wait_set", group::recovery, measure_sweep});
}

}  // namespace hawser::bench
