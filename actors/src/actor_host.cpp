#include "descriptor.hpp"
#include <hawser/actors/detail/actor_entry.hpp>
#include <hawser/shm/error.hpp>

#include <caf/send.hpp>

#include <cerrno>
#include <csignal>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

namespace hawser::actors::detail {
namespace {

/// What the actor leaves behind; shared with its last words.
struct ending {
  descriptor event{eventfd(0, EFD_CLOEXEC)};
  caf::error reason;
};

sigset_t terminate_only() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

struct actor_host::state {
  explicit state(const child_environment& environment)
      : config(environment.make_config()), system(*config) {}

  std::unique_ptr<caf::actor_system_config> config;
  caf::actor_system system;
};

actor_host::actor_host(const child_environment& environment) {
  // Before the system has threads, which inherit the mask.
  const sigset_t set = terminate_only();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  state_ = std::make_unique<state>(environment);
}

actor_host::~actor_host() = default;

caf::actor_system& actor_host::system() { return state_->system; }

int actor_host::run(const caf::actor& main_actor) {
  const auto end = std::make_shared<ending>();
  const sigset_t set = terminate_only();
  const descriptor terminated{signalfd(-1, &set, SFD_CLOEXEC)};
  if (!end->event || !terminated)
    throw make_system_error(errno, "run actor in process", "main actor", "eventfd");
  main_actor->attach_functor([end](const caf::error& reason) {
    end->reason = reason;
    eventfd_write(end->event.get(), 1);
  });

  pollfd events[] = {{end->event.get(), POLLIN, 0}, {terminated.get(), POLLIN, 0}};
  while ((events[0].revents & POLLIN) == 0) {
    if (poll(events, 2, -1) < 0) continue;
    if ((events[1].revents & POLLIN) == 0) continue;
    signalfd_siginfo info;  // taken before the actor is told: a second one is not merged with it
    if (read(terminated.get(), &info, sizeof info) <= 0) continue;
    events[1].fd = -1;
    caf::anon_send_exit(main_actor, caf::exit_reason::user_shutdown);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  }
  eventfd_t value;
  eventfd_read(end->event.get(), &value);  // orders the reason before us
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);

  if (!end->reason || end->reason == caf::exit_reason::normal ||
      end->reason == caf::exit_reason::user_shutdown)
    return EXIT_SUCCESS;
  report_failure("caf::error", render(state_->system, end->reason));
  return EXIT_FAILURE;
}

}  // namespace hawser::actors::detail
