// What the owner of a manager sees, and what is seen of one in words.

#include "desk.hpp"
#include <hawser/actors/transport.hpp>
#include <hawser/shm/error.hpp>

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <cstdio>

namespace hawser::actors {
namespace {

std::string milliseconds(std::int64_t ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", static_cast<double>(ns) / 1e6);
  return text;
}

}  // namespace

std::string to_string(resource_event_kind kind) {
  switch (kind) {
    case resource_event_kind::granted: return "granted";
    case resource_event_kind::returned: return "returned";
    case resource_event_kind::reclaimed: return "reclaimed";
    case resource_event_kind::revoked: return "revoked";
    case resource_event_kind::deadlock: return "deadlock";
    case resource_event_kind::timed_out: return "timed out";
    case resource_event_kind::replaced: return "replaced";
    case resource_event_kind::broken: return "broken";
  }
  return "unknown resource event";
}

std::string to_string(const resource_snapshot& snapshot) {
  std::string text = snapshot.manager + ": granted " + std::to_string(snapshot.granted) +
                     " returned " + std::to_string(snapshot.returned) + " reclaimed " +
                     std::to_string(snapshot.reclaimed) + " revoked " +
                     std::to_string(snapshot.revoked) + " held " + std::to_string(snapshot.held) +
                     "\n";
  for (const auto& one : snapshot.resources) {
    text += "  " + std::to_string(one.index) + " \"" + one.name + "\" " + one.state;
    if (one.token != 0)
      text += " by " + one.holder + " for " + milliseconds(one.held_ns) + ", token " +
              std::to_string(one.token);
    text += '\n';
  }
  for (const auto& one : snapshot.waiters)
    text += "  " + one.holder + " waits for " + one.wants + " for " + milliseconds(one.waited_ns) +
            "\n";
  return text;
}

namespace detail {

resource_desk_owner::resource_desk_owner(caf::actor_system& system, std::string name,
                                         resource_plan plan)
    : system_(system), name_(std::move(name)) {
  transport_host& host = transport(system);
  if (plan.resources.empty())
    throw make_error(errc::bad_argument, "start resource manager", name_, "it has no resources");
  for (const auto& one : plan.resources)
    if (one.name.empty())
      throw make_error(errc::bad_argument, "start resource manager", name_,
                       "a resource has no name; an empty one asks for any");
  if (plan.retry_first.count() <= 0 || plan.retry_most < plan.retry_first ||
      plan.lease_max.count() < 0 || plan.check_every.count() < 0)
    throw make_error(errc::bad_argument, "start resource manager", name_,
                     "a duration is out of its range");
  actor_ = system.spawn<resource_desk, caf::hidden>(name_, std::move(plan));
  try {
    host.publish(actor_, name_);
  } catch (...) {
    caf::anon_send_exit(actor_, caf::exit_reason::kill);
    throw;
  }
}

resource_desk_owner::~resource_desk_owner() {
  caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
  caf::scoped_actor self{system_, true};
  self->wait_for(actor_);
}

resource_snapshot resource_desk_owner::who() const {
  caf::scoped_actor self{system_, true};
  resource_snapshot seen;
  self->request(actor_, caf::infinite, who_atom_v)
      .receive([&](resource_snapshot& all) { seen = std::move(all); }, [](caf::error&) {});
  return seen;
}

}  // namespace detail
}  // namespace hawser::actors
