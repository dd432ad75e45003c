// What a channel costs that is made, opened, or there without being used; and many of them in one process.

#include "clock.hpp"
#include "message.hpp"
#include "processes.hpp"
#include "subjects/actors_ways.hpp"
#include "subjects/subjects.hpp"
#include "two_processes.hpp"
#include <hawser/shm/queue.hpp>
#include <hawser/shm/registry.hpp>
#include <hawser/shm/semaphore.hpp>
#include <hawser/shm/wait_any.hpp>

#include <boost/interprocess/ipc/message_queue.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <mqueue.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

using queue = shm::queue<payload>;
namespace ipc = boost::interprocess;

std::string prefix() { return "bench-" + std::to_string(getpid()) + "-channels"; }
std::string numbered(const std::string& name, std::uint64_t i) {
  return name + "." + std::to_string(i);
}

// --- making and opening ---------------------------------------------------------------------------

/// Microseconds for each call of `once`.
double us_each(std::size_t times, const std::function<void()>& once) {
  for (std::size_t i = 0; i < times / 10; ++i) once();
  const std::int64_t from_ns = now_ns();
  for (std::size_t i = 0; i < times; ++i) once();
  return static_cast<double>(now_ns() - from_ns) / 1e3 / static_cast<double>(times);
}

/// Makes a channel and removes it; opens one that is there and closes it.
template <class Make, class Open>
measurement open_close(const std::string& subject, Make make, Open open) {
  return {subject, group::op, [=](const effort& how) {
            const shared<std::array<double, 2>> us;
            const std::size_t times = how.quick ? 200 : 1'000;
            const std::string name = prefix();
            const auto measure = [&] {
              const timed_section timed;
              (*us)[0] = us_each(times, [&] { make(name); });
              auto there = make(name);
              (*us)[1] = us_each(times, [&] { open(name); });
            };
            bool disturbed = false;
            try {
              disturbed = run_processes({{"opening", measuring_cpus().first, measure}});
            } catch (...) {
              shm::remove(name);
              throw;
            }
            return sample{{{{subject, "create_remove", 0, "us"}, (*us)[0]},
                           {{subject, "open_close", 0, "us"}, (*us)[1]}},
                          disturbed};
          }};
}

struct boost_queue {
  explicit boost_queue(const std::string& of)
      : name("hawser-" + of), made(ipc::create_only, name.c_str(), room_for(64), 64) {}
  boost_queue(const boost_queue&) = delete;
  ~boost_queue() { ipc::message_queue::remove(name.c_str()); }
  std::string name;
  ipc::message_queue made;
};

struct posix_queue {
  explicit posix_queue(const std::string& of) : name("/hawser-" + of) {
    mq_attr attributes{};
    attributes.mq_maxmsg = 10;  // what everybody may have
    attributes.mq_msgsize = 64;
    made = mq_open(name.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600, &attributes);
    if (made < 0) throw not_available{"the system allows for no POSIX message queue"};
  }
  posix_queue(const posix_queue&) = delete;
  ~posix_queue() {
    mq_close(made);
    mq_unlink(name.c_str());
  }
  std::string name;
  mqd_t made;
};

struct kernel_pair {
  explicit kernel_pair(bool sockets) {
    const int failed =
        sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) : pipe2(ends.data(), O_CLOEXEC);
    if (failed != 0) throw wrong_figure{"no descriptors"};
  }
  kernel_pair(const kernel_pair&) = delete;
  ~kernel_pair() {
    for (const int end : ends) close(end);
  }
  std::array<int, 2> ends{};
};

void add_open_close(std::vector<measurement>& all) {
  constexpr std::size_t room = room_for(sizeof(payload));
  all.push_back(open_close(
      "hawser.queue",
      [](const std::string& name) {
        return queue{create_only, name, {.capacity = room}};
      },
      [](const std::string& name) {
        queue{open_only, name};
      }));
  all.push_back(open_close(
      "hawser.semaphore",
      [](const std::string& name) {
        return shm::semaphore{create_only, name, {.permits = 3}};
      },
      [](const std::string& name) {
        shm::semaphore{open_only, name};
      }));
  all.push_back(open_close(
      "boost.message_queue", [](const std::string& name) { return boost_queue{name}; },
      [](const std::string& name) {
        ipc::message_queue{ipc::open_only, ("hawser-" + name).c_str()};
      }));
  all.push_back(open_close(
      "posix.mqueue", [](const std::string& name) { return posix_queue{name}; },
      [](const std::string& name) { mq_close(mq_open(("/hawser-" + name).c_str(), O_RDWR)); }));
  for (const bool sockets : {false, true}) {
    const std::string subject = sockets ? "unix.stream" : "pipe";
    all.push_back(
        {subject, group::op, [=](const effort& how) {
           const shared<double> us;
           const auto measure = [&] {
             const timed_section timed;
             *us = us_each(how.quick ? 2'000 : 10'000, [&] { kernel_pair{sockets}; });
           };
           const bool disturbed = run_processes({{"opening", measuring_cpus().first, measure}});
           return sample{{{{subject, "create_remove", 0, "us"}, *us}}, disturbed};
         }});
  }
}

// --- many of them ---------------------------------------------------------------------------------

/// One thread of a process waits for any of `channels` queues. At first nobody pushes, and what the waiting
/// process costs meanwhile is measured; then another process pushes into one at random, and looks how long it
/// takes until the message has been taken.
sample measure_wait_set(std::uint64_t channels, const effort& how) {
  struct notes {
    meeting_point meeting;
    alignas(64) std::atomic<std::uint64_t> taken;
    double idle_us_per_s, p50_us, p99_us;
  };
  const shared<notes> note;
  const std::string name = prefix();
  const cpu_pair cpus = measuring_cpus();
  const long idle_ms = how.quick ? 200 : 1'000;
  const std::uint64_t warm_up = 2 * channels, messages = warm_up + (how.quick ? 300 : 1'000);

  const auto wait = [&] {
    std::vector<queue> all;
    shm::wait_set readable;
    for (std::uint64_t i = 0; i < channels; ++i) {
      all.emplace_back(create_only, numbered(name, i), shm::queue_options{.capacity = 4});
      readable.add(i, all.back());
    }
    note->meeting.part(2);
    note->meeting.part(2);  // until the other one has opened them
    // With a thread that sleeps on all of them.
    if (readable.wait_for(std::chrono::milliseconds{100})) throw wrong_figure{"nothing was pushed"};
    const double before_us = cpu_us();
    const std::int64_t before_ns = now_ns();
    if (readable.wait_for(std::chrono::milliseconds{idle_ms}))
      throw wrong_figure{"nothing was pushed"};
    note->idle_us_per_s =
        (cpu_us() - before_us) / (static_cast<double>(now_ns() - before_ns) / 1e9);
    note->meeting.part(2);
    for (std::uint64_t next = 0; next < messages; ++next) {
      const std::uint64_t key = readable.wait().value();
      const auto message = all[key].pop();
      check_message(message.value(), next);
      note->taken.store(next + 1, std::memory_order_release);
    }
    if (readable.try_wait()) throw wrong_figure{"a message is left"};
    note->meeting.part(2);
  };
  const auto push = [&] {
    note->meeting.part(2);
    std::vector<queue> all;
    for (std::uint64_t i = 0; i < channels; ++i) all.emplace_back(open_only, numbered(name, i));
    note->meeting.part(2);
    note->meeting.part(2);
    std::minstd_rand random;
    std::vector<double> us;
    for (std::uint64_t next = 0; next < messages; ++next) {
      const timespec pause{0, 100'000};  // for it to fall asleep
      if (next >= warm_up) nanosleep(&pause, nullptr);
      const std::uint64_t to = next < warm_up ? next % channels : random() % channels;
      const std::int64_t from_ns = now_ns();
      all[to].push(make_payload(next));
      while (note->taken.load(std::memory_order_acquire) != next + 1) shm::detail::cpu_relax();
      if (next >= warm_up) us.push_back(static_cast<double>(now_ns() - from_ns) / 1e3);
    }
    note->p50_us = percentile(us, 0.50);
    note->p99_us = percentile(us, 0.99);
    note->meeting.part(2);
  };
  bool disturbed = false;
  try {
    disturbed = run_processes({{"waiting", cpus.first, wait}, {"pushing", cpus.second, push}});
  } catch (...) {
    for (std::uint64_t i = 0; i < channels; ++i) shm::remove(numbered(name, i));
    throw;
  }
  const std::string subject = "hawser.wait_set." + std::to_string(channels);
  return {{{{subject, "wake_up_p50", sizeof(payload), "us"}, note->p50_us},
           {{subject, "wake_up_p99", sizeof(payload), "us"}, note->p99_us},
           {{subject, "idle", 0, "us/s"}, note->idle_us_per_s}},
          disturbed};
}

// --- memory ---------------------------------------------------------------------------------------

/// What this process has of its own, and its part of what it shares.
double resident_kb() {
  std::ifstream in{"/proc/self/smaps_rollup"};
  double kb = 0;
  for (std::string word; in >> word;)
    if (word == "Pss:") {
      in >> kb;
      return kb;
    }
  throw not_available{"/proc/self/smaps_rollup cannot be read"};
}

/// Of /dev/shm.
double shared_kb(const std::string& what) {
  double bytes = 0;
  for (const auto& one : shm::list_channels())
    if (one.name.starts_with(what)) bytes += static_cast<double>(one.bytes);
  return bytes / 1024;
}

sample measure_memory(const effort&) {
  constexpr std::uint64_t channels = 100;
  constexpr int actors = 10'000;
  struct notes {
    double channel_kb, participant_kb, actor_kb;
  };
  const shared<notes> note;
  const std::string name = prefix();
  const auto measure = [&] {
    std::vector<queue> all, others;
    for (std::uint64_t i = 0; i < channels; ++i)
      all.emplace_back(create_only, numbered(name, i),
                       shm::queue_options{.capacity = room_for(sizeof(payload))});
    note->channel_kb = shared_kb(name) / channels;
    const double before_kb = resident_kb();
    for (std::uint64_t i = 0; i < channels; ++i) others.emplace_back(open_only, numbered(name, i));
    note->participant_kb = (resident_kb() - before_kb) / channels;
    others.clear();
    all.clear();

    over_hawser::config own;
    caf::actor_system system{own};
    const double empty_kb = resident_kb();
    std::vector<caf::actor> crowd;
    for (int i = 0; i < actors; ++i)
      crowd.push_back(system.spawn([](caf::event_based_actor*) -> caf::behavior {
        return {[](int number) { return number; }};
      }));
    caf::scoped_actor self{system};
    if (ask<int>(self, crowd.back(), 1) != 1) throw wrong_figure{"a wrong answer"};
    note->actor_kb = (resident_kb() - empty_kb) / actors;
    for (const auto& one : crowd) caf::anon_send_exit(one, caf::exit_reason::kill);
  };
  try {
    run_processes({{"having", anywhere, measure}});
  } catch (...) {
    for (std::uint64_t i = 0; i < channels; ++i) shm::remove(numbered(name, i));
    throw;
  }
  return {{{{"hawser.queue", "memory_of_channel", 0, "kB"}, note->channel_kb},
           {{"hawser.queue", "memory_of_participant", 0, "kB"}, note->participant_kb},
           {{"actors.hawser", "memory_of_actor", 0, "kB"}, note->actor_kb}},
          false};
}

}  // namespace

void add_channels(std::vector<measurement>& all) {
  add_open_close(all);
  for (const std::uint64_t channels : {1U, 10U, 100U, 1'000U})
    all.push_back({"hawser.wait_set." + std::to_string(channels), group::channels,
                   [=](const effort& how) { return measure_wait_set(channels, how); }});
  all.push_back({"hawser.memory", group::channels, measure_memory});
}

}  // namespace hawser::bench
