/// How actors of two processes come together for a measurement, and how they are asked.
#pragma once

#include "clock.hpp"
#include "processes.hpp"
#include "subjects/subjects.hpp"
#include <hawser/actors/transport.hpp>
#include <hawser/shm/detail/futex.hpp>

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include <unistd.h>

namespace hawser::bench {

constexpr std::chrono::seconds patience{30};

struct way_notes {
  std::atomic<std::uint32_t> port;  // 0 until the server stands
  std::atomic<std::uint32_t> ended;
  void end() {
    ended = 1;
    shm::detail::futex_wake_all(ended);
  }
  /// Sleeps, so that it costs nothing meanwhile.
  void wait_for_end() {
    while (ended == 0) shm::detail::futex_wait(ended, 0, patience);
  }
};

/// How the two sides come together. Each runs in a process of its own.
struct over_hawser {
  static constexpr const char* name = "actors.hawser";
  struct config : actors::config {
    config() { transport.group = "bench." + std::to_string(getppid()); }
  };
  static void publish(caf::actor_system& system, const caf::actor& served, way_notes& note,
                      const std::string& name = "served") {
    actors::transport(system).publish(served, name);
    note.port = 1;
  }
  static caf::actor find(caf::actor_system& system, way_notes&,
                         const std::string& name = "served") {
    return actors::transport(system).lookup(name, patience);
  }
};

struct over_tcp {
  static constexpr const char* name = "actors.caf_tcp";
  struct config : caf::actor_system_config {
    config() { load<caf::io::middleman>(); }
  };
  static void publish(caf::actor_system& system, const caf::actor& served, way_notes& note,
                      const std::string& = {}) {
    auto port = system.middleman().publish(served, 0, "127.0.0.1");
    if (!port)
      throw not_available{"no port can be opened: " + actors::render(system, port.error())};
    note.port = *port;
  }
  static caf::actor find(caf::actor_system& system, way_notes& note, const std::string& = {}) {
    auto served =
        system.middleman().remote_actor("127.0.0.1", static_cast<std::uint16_t>(note.port));
    if (!served) throw wrong_figure{"cannot connect: " + actors::render(system, served.error())};
    return *served;
  }
};

/// CAF as fast as its options make it: its scheduler's threads do not poll.
struct over_tuned_tcp : over_tcp {
  static constexpr const char* name = "actors.caf_tcp_tuned";
  struct config : over_tcp::config {
    config() { hawser::actors::set_scheduler_policy(*this, "sharing"); }
  };
};

template <class Answer = std::uint64_t, class... Ts>
Answer ask(caf::scoped_actor& self, const caf::actor& whom, Ts&&... question) {
  Answer result{};
  caf::error failed;
  self->request(whom, patience, std::forward<Ts>(question)...)
      .receive([&](Answer& answer) { result = std::move(answer); },
               [&](caf::error& reason) { failed = std::move(reason); });
  if (failed) throw wrong_figure{"a request failed: " + actors::render(self->system(), failed)};
  return result;
}

/// Looks often at first, then so seldom that it disturbs nobody.
inline void await(const char* what, const std::function<bool()>& done) {
  const std::int64_t end = now_ns() + std::chrono::nanoseconds{patience}.count();
  for (int looks = 0; !done(); ++looks) {
    if (now_ns() > end) throw wrong_figure{std::string{"waited in vain "} + what};
    const timespec pause{0, looks < 1'000 ? 50'000 : 1'000'000};
    nanosleep(&pause, nullptr);
  }
}

/// Both in one process.
struct in_process {
  static constexpr const char* name = "actors.in_process";
  using config = over_hawser::config;
};

/// Calls `client(system, served)` in one process, while another one has an actor `serve`; or all of it in
/// one.
template <class Way, class Serve, class Client>
void run_pair(way_notes& note, Serve serve, Client client) {
  constexpr std::chrono::seconds limit{40};
  if constexpr (std::is_same_v<Way, in_process>) {
    const auto talk = [&] {
      typename Way::config config;
      caf::actor_system system{config};
      const auto served = system.spawn(serve);
      client(system, served);
      caf::anon_send_exit(served, caf::exit_reason::kill);
    };
    return void(run_processes({{"talking", anywhere, talk}}, limit));
  } else {
    const auto serve_others = [&] {
      typename Way::config config;
      caf::actor_system system{config};
      const auto served = system.spawn(serve);
      Way::publish(system, served, note);
      note.wait_for_end();
      caf::anon_send_exit(served, caf::exit_reason::kill);
    };
    const auto ask_others = [&] {
      await("for the server", [&] { return note.port != 0; });
      typename Way::config config;
      caf::actor_system system{config};
      client(system, Way::find(system, note));
      note.end();
    };
    run_processes({{"serving", anywhere, serve_others}, {"asking", anywhere, ask_others}}, limit);
  }
}

}  // namespace hawser::bench
