#include "worker.hpp"

#include "chunk_code.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/actors/transport.hpp>

#include <caf/event_based_actor.hpp>

#include <cerrno>
#include <csignal>
#include <deque>
#include <stdexcept>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

namespace hawser::actors::detail {
namespace {

struct worker_state {
  std::deque<worker_report> unsent;
  bool in_flight = false, stops = false;
};
using worker_actor = stateful_actor<worker_state>;

/// A large report may find too much waiting for the pool already: then it waits, and those behind it.
void send_reports(worker_actor* self, transport_host* host, const caf::actor& desk,
                  std::uint64_t id) {
  constexpr std::size_t small_max = 64 * 1024;
  worker_state& now = self->state;
  while (!now.in_flight && !now.unsent.empty()) {
    if (now.unsent.front().results.size() <= small_max) {
      self->send(desk, report_atom_v, id, std::move(now.unsent.front()));
      now.unsent.pop_front();
      continue;
    }
    now.in_flight = true;
    self->request(desk, caf::infinite, large_atom_v, id, now.unsent.front())
        .then(
            [=](bool) {
              self->state.in_flight = false;
              self->state.unsent.pop_front();
              send_reports(self, host, desk, id);
            },
            [=](const caf::error& reason) {
              if (reason == peer_error::congested) host->await_room(desk, self);
              else self->quit(reason);
            });
  }
  if (now.stops && now.unsent.empty()) self->quit();
}

caf::behavior work(worker_actor* self, transport_host* host, const caf::actor& desk,
                   std::uint64_t id) {
  self->monitor(desk);
  self->set_down_handler([=](caf::down_msg&) { self->quit(); });
  self->send(desk, hello_atom_v, id, static_cast<std::int32_t>(getpid()));
  return {
      [=](run_atom, const byte_buffer& chunk, const references& with) {
        run_chunks(chunk, with, [=](byte_buffer&& results, references&& refers, std::uint64_t ns) {
          self->state.unsent.push_back({std::move(results), std::move(refers), ns});
          send_reports(self, host, desk, id);
        });
      },
      [=](const peer_writable&) {
        self->state.in_flight = false;
        send_reports(self, host, desk, id);
      },
      [=](stop_atom) {
        self->state.stops = true;
        send_reports(self, host, desk, id);
      },
  };
}

void limit(int resource, rlim_t to, const char* what) {
  const rlimit both{to, to + 1};  // at the second one there would be a SIGKILL, which says nothing
  if (setrlimit(static_cast<__rlimit_resource>(resource), &both) != 0)
    throw std::system_error(errno, std::generic_category(), what);
}

void initialize(const byte_buffer& chunk) {
  if (chunk.empty()) return;
  run_chunks(chunk, {}, [](byte_buffer&& results, references&&, std::uint64_t) {
    byte_source from{results.data(), results.size()};
    result_kind kind{};
    std::uint32_t length = 0;
    if (!take(from, kind) || kind == result_kind::value || !take(from, length)) return;
    take(from, length);
    const std::string type(from.data, length);
    from.skip(length);
    throw std::runtime_error("the initializer has thrown " + type + ": " +
                             std::string(from.data, from.size));
  });
}

int pool_worker(worker_start with) {
  // Ctrl-C reaches all of a terminal's processes, and it is the pool's process that decides.
  std::signal(SIGINT, SIG_IGN);
  if (with.memory_limit != 0) limit(RLIMIT_DATA, with.memory_limit, "limit memory");
  if (with.cpu_limit_s != 0)
    limit(RLIMIT_CPU, static_cast<rlim_t>(with.cpu_limit_s), "limit CPU time");
  initialize(with.initializer);
  config own;
  own.transport.group = with.group;
  own.transport.mode = with.mode;
  own.transport.inline_max = inline_max;
  // One of them may be busy with a task for long; the other answers for the process.
  set_scheduler_threads(own, 2);
  caf::actor_system system{own};
  transport_host& host = transport(system);
  constexpr std::chrono::seconds patience{30};
  const auto desk = host.lookup(with.desk, patience);
  system.spawn(work, &host, desk, with.id);
  system.await_all_actors_done();
  return 0;
}

const bool registered = register_function("hawser::pool_worker", &pool_worker);

}  // namespace

const char* worker_entry() { return registered ? "hawser::pool_worker" : ""; }

}  // namespace hawser::actors::detail
