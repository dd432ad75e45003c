#include "follower.hpp"

#include "caf_parts.hpp"
#include "services.hpp"
#include <hawser/actors/peer_error.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>

#include <chrono>
#include <deque>
#include <utility>

namespace hawser::actors::detail {
namespace {

constexpr std::size_t kept_max = 1024;

struct follower_state {
  static inline const char* name = "hawser.follower";

  std::shared_ptr<transport_core> core;
  std::string followed;
  std::set<std::string> interface;
  caf::strong_actor_ptr target;
  bool asks = false;  // somebody has the name, and is asked for its interface
  std::deque<caf::mailbox_element_ptr> kept;

  ~follower_state() {
    for (auto& one : kept)
      transport_core::refuse(*one, caf::make_error(caf::sec::request_receiver_down), nullptr);
  }
};
using follower = stateful_actor<follower_state>;

void look(follower* self);

void found(follower* self, const caf::strong_actor_ptr& actor) {
  auto& state = self->state;
  state.target = actor;
  self->monitor(caf::actor_cast<caf::actor>(actor));
  for (auto& one : state.kept) actor->enqueue(std::move(one), self->context());
  state.kept.clear();
}

void ask(follower* self, const directory::published& owner) {
  auto& state = self->state;
  const wire_node node{static_cast<std::uint32_t>(owner.owner.pid), owner.owner.host};
  const auto services = state.core->resolve(node, owner.owner.services);
  const auto actor = state.core->resolve(node, owner.actor);
  if (!services || !actor) return;
  constexpr std::chrono::seconds patience{10};  // a peer that hangs ends it sooner
  state.asks = true;
  self->request(caf::actor_cast<caf::actor>(services), patience, interface_atom_v, owner.actor)
      .then(
          [=](const std::set<std::string>& its) {
            self->state.asks = false;
            // Another interface: until something changes, it is not for us.
            if (self->system().assignable(its, self->state.interface)) found(self, actor);
          },
          [=](const caf::error&) {
            // It ends, or its process does.
            self->state.asks = false;
            constexpr std::chrono::milliseconds a_moment{5};
            self->delayed_send(self, a_moment, follow_atom_v);
          });
}

/// Registered first, so that no change is missed.
void look(follower* self) {
  auto& state = self->state;
  if (state.target || state.asks) return;
  state.core->tell_of_change(caf::actor_cast<caf::weak_actor_ptr>(self),
                             caf::make_message(follow_atom_v));
  if (const auto owner = state.core->names().find(state.followed)) ask(self, *owner);
}

unwanted_result hand_on(follower* self, any_content& what) {
  auto& state = self->state;
  auto* const element = self->current_mailbox_element();
  auto copy =
      make_element(element->sender, element->mid, taken_from(what), std::move(stages_of(*element)));
  element->mid.mark_as_answered();  // by whom it is handed to
  if (state.target) state.target->enqueue(std::move(copy), self->context());
  else if (state.kept.size() < kept_max) state.kept.push_back(std::move(copy));
  else transport_core::refuse(*copy, make_error(peer_error::congested), self->context());
  return caf::delegated<caf::message>{};
}

}  // namespace

caf::actor spawn_follower(std::shared_ptr<transport_core> core, std::string name,
                          std::set<std::string> interface) {
  caf::actor_system& system = core->system();
  return system.spawn<caf::hidden>(
      [core = std::move(core), name = std::move(name),
       interface = std::move(interface)](follower* self) mutable -> caf::behavior {
        self->state.core = std::move(core);
        self->state.followed = std::move(name);
        self->state.interface = std::move(interface);
        self->set_default_handler(
            [self](caf::scheduled_actor*, any_content& what) { return hand_on(self, what); });
        self->set_down_handler([self](const caf::down_msg& down) {
          if (!self->state.target || down.source != self->state.target) return;
          self->state.target = nullptr;
          look(self);
        });
        look(self);
        return {[self](follow_atom) { look(self); }};
      });
}

}  // namespace hawser::actors::detail
