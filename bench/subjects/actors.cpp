// Actors of two processes that talk to each other: Hawser's transport beside CAF's own over TCP
// loopback, and both beside actors of one process.

#include "statistics.hpp"
#include "subjects/actors_ways.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(bench_actors, caf::first_custom_type_id)
  CAF_ADD_ATOM(bench_actors, hawser::bench, count_atom, "count")
  CAF_ADD_ATOM(bench_actors, hawser::bench, cpu_atom, "cpu")
  CAF_ADD_ATOM(bench_actors, hawser::bench, ask_atom, "ask")
  CAF_ADD_ATOM(bench_actors, hawser::bench, report_atom, "report")
  CAF_ADD_ATOM(bench_actors, hawser::bench, hold_atom, "hold")
CAF_END_TYPE_ID_BLOCK(bench_actors)
// clang-format on
HAWSER_REGISTER(bench_actors);

namespace hawser::bench {
namespace {

using namespace std::chrono_literals;

/// What is sent: a number and 16 bytes of text.
constexpr std::size_t message_bytes = 24;
const std::string text(16, 'x');

struct served_state {
  std::uint64_t count = 0;
  std::vector<caf::response_promise> held;
};

/// Counts what it is sent, and answers what it is asked.
caf::behavior serve(actors::stateful_actor<served_state>* self) {
  return {
      [=](std::uint64_t, const std::string& words) {
        if (words.size() != text.size()) self->quit(caf::sec::invalid_argument);
        ++self->state.count;
      },
      [=](ask_atom, std::uint64_t number, const std::string&) { return number; },
      [=](report_atom, std::uint64_t number, const std::string&) {
        self->send(caf::actor_cast<caf::actor>(self->current_sender()), number);
      },
      [=](count_atom) { return self->state.count; },
      [=](cpu_atom) { return cpu_us(); },
      [=](hold_atom) { self->state.held.push_back(self->make_response_promise()); },
  };
}

/// TCP takes ten to a hundred times as long.
template <class Way>
constexpr unsigned part = std::is_base_of_v<over_tcp, Way> ? 5 : 1;

template <class Way>
std::uint64_t messages_of(const effort& how) {
  return (how.quick ? 100'000 : 300'000) / part<Way>;
}

/// Sends and sends, and asks at the end whether all of it has come.
double send_all(caf::actor_system& system, const caf::actor& served, std::uint64_t messages) {
  caf::scoped_actor self{system};
  const std::uint64_t before = ask(self, served, count_atom_v);
  const std::int64_t from_ns = now_ns();
  for (std::uint64_t i = 0; i < messages; ++i) self->send(served, i, text);
  const std::uint64_t after = ask(self, served, count_atom_v);
  const double us = static_cast<double>(now_ns() - from_ns) / 1e3;
  if (after != before + messages) throw wrong_figure{"messages were lost"};
  return static_cast<double>(messages) / us;
}

/// Asks with so many unanswered at a time. Million a second; the round trips of each, in us.
double ask_all(caf::actor_system& system, const caf::actor& served, std::uint64_t requests,
               std::uint64_t at_a_time, std::vector<double>* trips_us = nullptr) {
  struct state {
    std::uint64_t sent = 0, answered = 0;
    std::function<void()> next;
  };
  caf::scoped_actor self{system};
  const std::int64_t from_ns = now_ns();
  const auto asker =
      self->spawn<caf::monitored>([=](actors::stateful_actor<state>* asking) -> caf::behavior {
        const auto next = [=] {
          const std::uint64_t number = asking->state.sent++;
          const std::int64_t begun_ns = trips_us != nullptr ? now_ns() : 0;
          asking->request(served, caf::infinite, ask_atom_v, number, text)
              .then([=](std::uint64_t answer) {
                if (answer != number) throw wrong_figure{"a wrong answer"};
                if (trips_us != nullptr)
                  trips_us->push_back(static_cast<double>(now_ns() - begun_ns) / 1e3);
                if (++asking->state.answered == requests) asking->quit();
                else if (asking->state.sent < requests) asking->state.next();
              });
        };
        asking->state.next = next;
        for (std::uint64_t i = 0; i < at_a_time; ++i) next();
        return {[](int) {}};
      });
  caf::error reason;
  self->receive([&](caf::down_msg& down) { reason = std::move(down.reason); });
  if (reason) throw wrong_figure{"a request failed: " + actors::render(system, reason)};
  return static_cast<double>(requests) / (static_cast<double>(now_ns() - from_ns) / 1e3);
}

/// Sends messages of which each is reported by another one, so many unreported at a time. Million a
/// second.
double send_windowed(caf::actor_system& system, const caf::actor& served, std::uint64_t messages,
                     std::uint64_t window) {
  struct state {
    std::uint64_t sent = 0, reported = 0;
  };
  caf::scoped_actor self{system};
  const std::int64_t from_ns = now_ns();
  const auto sender =
      self->spawn<caf::monitored>([=](actors::stateful_actor<state>* sending) -> caf::behavior {
        state& now = sending->state;
        for (; now.sent < window; ++now.sent) sending->send(served, report_atom_v, now.sent, text);
        return {[=](std::uint64_t number) {
          state& then = sending->state;
          if (number != then.reported++) throw wrong_figure{"a message was lost"};
          if (then.reported == messages) sending->quit();
          else if (then.sent < messages) sending->send(served, report_atom_v, then.sent++, text);
        }};
      });
  caf::error reason;
  self->receive([&](caf::down_msg& down) { reason = std::move(down.reason); });
  if (reason) throw wrong_figure{"a message was lost: " + actors::render(system, reason)};
  return static_cast<double>(messages) / (static_cast<double>(now_ns() - from_ns) / 1e3);
}

/// One way first; then with reports, and with answers, 1,000 under way.
template <class Way>
sample measure_rates(const effort& how) {
  struct figures {
    way_notes note;
    double sent, reported, asked, cpu_us_per_message;
  };
  const shared<figures> all;
  const std::uint64_t messages = messages_of<Way>(how);
  run_pair<Way>(all->note, serve, [&](caf::actor_system& system, const caf::actor& served) {
    send_all(system, served, 5'000);
    caf::scoped_actor self{system};
    // Of both processes; in one process it is the same one.
    const auto cpu = [&] {
      return ask<double>(self, served, cpu_atom_v) +
             (served.node() == system.node() ? 0 : cpu_us());
    };
    const double before_us = cpu();
    all->sent = send_all(system, served, messages);
    all->cpu_us_per_message = (cpu() - before_us) / static_cast<double>(messages);
    all->reported = send_windowed(system, served, messages / 2, 1'000);
    all->asked = ask_all(system, served, messages / 2, 1'000);
  });
  const std::string subject = Way::name;
  return {{{{subject, "throughput", message_bytes, "Mmsg/s"}, all->sent},
           {{subject, "throughput_windowed", message_bytes, "Mmsg/s"}, all->reported},
           {{subject, "requests_windowed", message_bytes, "Mmsg/s"}, all->asked},
           {{subject, "cpu_per_message", message_bytes, "us"}, all->cpu_us_per_message}},
          false};
}

/// Between event-based actors, one request at a time.
template <class Way>
sample measure_trips(const effort& how) {
  struct figures {
    way_notes note;
    double p50_us, p99_us;
  };
  const shared<figures> all;
  run_pair<Way>(all->note, serve, [&](caf::actor_system& system, const caf::actor& served) {
    ask_all(system, served, 1'000, 1);
    std::vector<double> us;
    ask_all(system, served, (how.quick ? 5'000 : 20'000) / part<Way>, 1, &us);
    all->p50_us = percentile(us, 0.50);
    all->p99_us = percentile(us, 0.99);
  });
  return {{{{Way::name, "round_trip_p50", message_bytes, "us"}, all->p50_us},
           {{Way::name, "round_trip_p99", message_bytes, "us"}, all->p99_us}},
          false};
}

/// From `kill -9` of a process that owes 100 answers until the last of them has failed; as long as is
/// waited, if they do not.
template <class Way>
sample measure_kill(const effort&) {
  constexpr int requests = 100;
  constexpr auto limit = 500ms;
  struct figures {
    way_notes note;
    double ms;
  };
  const shared<figures> all;
  const auto serve_until_killed = [&] {
    typename Way::config config;
    caf::actor_system system{config};
    Way::publish(system, system.spawn(serve), all->note);
    for (;;) pause();
  };
  const pid_t server = start_process({"serving", anywhere, serve_until_killed});
  const auto ask_it = [&] {
    await("for the server", [&] { return all->note.port != 0; });
    typename Way::config config;
    caf::actor_system system{config};
    const auto served = Way::find(system, all->note);
    caf::scoped_actor self{system};
    std::atomic<int> failed{0};
    std::atomic<bool> asked{false};
    const auto asker = system.spawn([&](caf::event_based_actor* asking) -> caf::behavior {
      for (int i = 0; i < requests; ++i)
        asking->request(served, limit, hold_atom_v)
            .then([] {}, [&](const caf::error&) { ++failed; });
      asked = true;
      return {[](int) {}};
    });
    await("for the requests", [&] { return asked.load(); });
    ask(self, served, count_atom_v);
    const std::int64_t killed_ns = now_ns();
    kill(server, SIGKILL);
    while (failed != requests) {
      const timespec pause{0, 20'000};
      nanosleep(&pause, nullptr);
    }
    all->ms = static_cast<double>(now_ns() - killed_ns) / 1e6;
    caf::anon_send_exit(asker, caf::exit_reason::kill);
  };
  run_processes({{"asking", anywhere, ask_it}}, 60s);
  int status = 0;
  while (waitpid(server, &status, 0) < 0 && errno == EINTR) {
  }
  return {{{{Way::name, "pending_failed_after_kill", 0, "ms"}, all->ms}}, false};
}

/// CPU time a second of both processes, connected, while nothing is sent.
template <class Way>
sample measure_idle(const effort& how) {
  struct figures {
    way_notes note;
    double us_per_s;
  };
  const shared<figures> all;
  run_pair<Way>(all->note, serve, [&](caf::actor_system& system, const caf::actor& served) {
    caf::scoped_actor self{system};
    ask(self, served, count_atom_v);
    const auto pause_s = [](int s) {
      const timespec pause{s, 0};
      nanosleep(&pause, nullptr);
    };
    pause_s(1);
    const double before_us = ask<double>(self, served, cpu_atom_v) + cpu_us();
    const std::int64_t from_ns = now_ns();
    pause_s(how.quick ? 1 : 5);
    const double used_us = ask<double>(self, served, cpu_atom_v) + cpu_us() - before_us;
    all->us_per_s = used_us / (static_cast<double>(now_ns() - from_ns) / 1e9);
  });
  return {{{{Way::name, "idle", 0, "us/s"}, all->us_per_s}}, false};
}

/// One server, sixteen client processes.
template <class Way>
sample measure_crowd(const effort& how) {
  constexpr std::size_t clients = 16;
  struct figures {
    way_notes note;
    std::atomic<std::uint32_t> ready, done;
    std::atomic<std::int64_t> until_ns[clients];
    std::int64_t from_ns;
  };
  const shared<figures> all;
  const std::uint64_t messages = messages_of<Way>(how) / clients;
  std::vector<process_role> roles;
  roles.push_back({"serving", anywhere, [&] {
                     typename Way::config config;
                     caf::actor_system system{config};
                     const auto served = system.spawn(serve);
                     Way::publish(system, served, all->note);
                     await("for the clients", [&] { return all->done == clients; });
                     caf::anon_send_exit(served, caf::exit_reason::kill);
                   }});
  for (std::size_t i = 0; i < clients; ++i)
    roles.push_back({"asking", anywhere, [&, i] {
                       await("for the server", [&] { return all->note.port != 0; });
                       typename Way::config config;
                       caf::actor_system system{config};
                       const auto served = Way::find(system, all->note);
                       caf::scoped_actor self{system};
                       ask(self, served, count_atom_v);
                       if (++all->ready == clients) all->from_ns = now_ns();
                       await("for the others", [&] { return all->ready == clients; });
                       for (std::uint64_t n = 0; n < messages; ++n) self->send(served, n, text);
                       ask(self, served, count_atom_v);
                       all->until_ns[i] = now_ns();
                       ++all->done;
                     }});
  run_processes(roles);
  std::int64_t until_ns = 0;
  for (const auto& one : all->until_ns) until_ns = std::max(until_ns, one.load());
  const double us = static_cast<double>(until_ns - all->from_ns) / 1e3;
  return {{{{std::string{Way::name} + ".16", "throughput", message_bytes, "Mmsg/s"},
            static_cast<double>(messages * clients) / us}},
          false};
}

template <class Way>
void add_pair(std::vector<measurement>& all) {
  all.push_back({Way::name, group::actors, measure_rates<Way>});
  all.push_back({Way::name, group::actors, measure_trips<Way>});
}
template <class Way>
void add_processes(std::vector<measurement>& all) {
  add_pair<Way>(all);
  all.push_back({Way::name, group::actors, measure_kill<Way>});
  all.push_back({Way::name, group::actors, measure_idle<Way>});
  all.push_back({std::string{Way::name} + ".16", group::actors, measure_crowd<Way>});
}

}  // namespace

void add_actors(std::vector<measurement>& all) {
  add_processes<over_hawser>(all);
  add_processes<over_tcp>(all);
  add_processes<over_tuned_tcp>(all);
  add_pair<in_process>(all);
}

}  // namespace hawser::bench
