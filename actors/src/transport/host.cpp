// What users of the transport see.

#include "core.hpp"
#include "follower.hpp"
#include "services.hpp"
#include <hawser/actors/transport.hpp>
#include <hawser/shm/error.hpp>

#include <caf/actor_registry.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <utility>

namespace hawser::actors {
namespace {

using clock = std::chrono::steady_clock;

/// Asks the services of a process. What they answer, or an error.
template <class Answer, class... Ts>
caf::expected<Answer> ask(caf::actor_system& system, const caf::strong_actor_ptr& services,
                          clock::time_point until, Ts&&... question) {
  caf::scoped_actor self{system, true};
  caf::expected<Answer> result{caf::sec::request_timeout};
  self->request(caf::actor_cast<caf::actor>(services),
                detail::request_timeout{until - clock::now()}, std::forward<Ts>(question)...)
      .receive([&](Answer& answer) { result = std::move(answer); },
               [&](caf::error& reason) { result = std::move(reason); });
  return result;
}

std::string words(const std::set<std::string>& interface) {
  if (interface.empty()) return "any message";
  std::string all;
  for (const auto& one : interface) all.append(all.empty() ? "" : ", ").append(one);
  return all;
}

}  // namespace

transport_host::~transport_host() = default;

void transport_host::publish_pointer(const caf::strong_actor_ptr& actor, std::string_view name) {
  if (!actor) throw make_error(errc::bad_argument, "publish actor", name, "the handle is empty");
  if (actor->node() != system_.node())
    throw make_error(errc::bad_argument, "publish actor", name,
                     "it lives in another process; publish it there");
  core_->remember(actor);
  core_->names().publish(name, actor->id());
  actor->get()->attach_functor(
      [weak = std::weak_ptr{core_}, name = std::string{name}, id = actor->id()] {
        if (const auto core = weak.lock())
          core->defer([core = core.get(), name, id] { core->names().withdraw(name, id); });
      });
}

bool transport_host::withdraw(std::string_view name) { return core_->names().withdraw(name); }

caf::strong_actor_ptr transport_host::find(std::string_view name, std::chrono::nanoseconds timeout,
                                           const std::set<std::string>& interface) {
  const auto until = *shm::detail::deadline_after(
      std::min<std::chrono::nanoseconds>(timeout, std::chrono::hours{24 * 365}));
  std::string why = "nobody in group \"" + core_->options().group +
                    "\" has published it in time; start its process first, or wait longer";
  for (;;) {
    const std::uint64_t version = core_->names().version();
    if (const auto found = core_->names().find(name)) {
      const detail::wire_node node{static_cast<std::uint32_t>(found->owner.pid), found->owner.host};
      const auto actor = core_->resolve(node, found->actor);
      auto its = ask<std::set<std::string>>(system_, core_->resolve(node, found->owner.services),
                                            until, detail::interface_atom_v, found->actor);
      if (actor && its) {
        if (system_.assignable(*its, interface)) return actor;
        throw make_error(errc::type_mismatch, "look up actor", name,
                         "it takes " + words(*its) + ", and the handle is for " + words(interface) +
                             "; use the handle type of its process");
      }
      // Its process is dying, or the actor is: somebody else may publish the name.
      why = "process " + std::to_string(found->owner.pid) +
            " has published it, and does not answer: " + render(system_, its.error());
    }
    if (clock::now() >= until) break;
    constexpr std::chrono::milliseconds look_again{20};
    core_->names().wait_change(version, std::min(until, clock::now() + look_again));
  }
  throw make_error(errc::not_found, "look up actor", name, why);
}

caf::strong_actor_ptr transport_host::follow(std::string_view name,
                                             const std::set<std::string>& interface) {
  return caf::actor_cast<caf::strong_actor_ptr>(
      detail::spawn_follower(core_, std::string{name}, interface));
}

caf::strong_actor_ptr transport_host::spawn_there(const caf::node_id& node, const std::string& type,
                                                  std::chrono::nanoseconds timeout,
                                                  caf::message arguments,
                                                  const std::set<std::string>& interface) {
  const auto until = *shm::detail::deadline_after(
      std::min<std::chrono::nanoseconds>(timeout, std::chrono::hours{24 * 365}));
  const auto wanted = detail::wire_node::of(node);
  for (const auto& one : core_->names().members()) {
    if (detail::wire_node{static_cast<std::uint32_t>(one.pid), one.host} != wanted) continue;
    auto made =
        ask<caf::strong_actor_ptr>(system_, core_->resolve(wanted, one.services), until,
                                   detail::spawn_atom_v, type, std::move(arguments), interface);
    if (made && *made) return std::move(*made);
    const caf::error reason = made ? caf::make_error(caf::sec::unknown_type) : made.error();
    const bool mismatch = reason == caf::sec::unexpected_actor_messaging_interface ||
                          reason == caf::sec::cannot_spawn_actor_from_arguments;
    throw make_error(mismatch ? errc::type_mismatch : errc::not_found, "spawn actor", type,
                     "process " + std::to_string(one.pid) + " says: " + render(system_, reason) +
                         "; its config has to add_actor_type it, for these arguments");
  }
  throw make_error(errc::not_found, "spawn actor", type,
                   "there is no process " + caf::to_string(node) + " in group \"" +
                       core_->options().group + "\"");
}

std::vector<peer_info> transport_host::peers() const { return core_->others().peers(); }

void transport_host::subscribe(const caf::actor& listener) { core_->others().subscribe(listener); }

void transport_host::await_room_for(const caf::strong_actor_ptr& receiver,
                                    const caf::actor& listener) {
  if (!receiver) return;
  const caf::node_id node = receiver->node();
  core_->when_room(detail::wire_node::of(node),
                   [node, listener] { caf::anon_send(listener, peer_writable{node}); });
}

shm::payload transport_host::loan(std::size_t bytes) { return core_->loans().loan(bytes); }

shm::payload transport_host::try_loan(std::size_t bytes) { return core_->loans().lend(bytes); }

transport_statistics transport_host::statistics() const {
  const auto all = core_->counters();
  return {all.sent,          all.received,          all.refused, all.dropped, all.lent,
          all.not_encodable, all.unknown_receivers, all.damaged, all.peers,   all.waiting_bytes,
          all.pending};
}

}  // namespace hawser::actors
