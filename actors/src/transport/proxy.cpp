#include "proxy.hpp"

#include <hawser/actors/peer_error.hpp>

#include <caf/sec.hpp>

#include <utility>

namespace hawser::actors::detail {

thread_local bool linking_for_peer::on_this_thread = false;

proxy::proxy(caf::actor_config& config, std::shared_ptr<transport_core> core,
             std::shared_ptr<peer> to)
    : proxy_base(config), core_(std::move(core)), to_(std::move(to)) {}

namespace {

/// An actor that ends tells those linked to it. For a peer the end itself says that: it has to hear
/// of it once.
bool is_farewell(const caf::mailbox_element& what, const caf::actor_system& system) {
  const caf::exit_msg* const exit = exit_in(what.content());
  if (exit == nullptr) return false;
  const auto source = caf::actor_cast<caf::strong_actor_ptr>(exit->source);
  return source && source->node() == system.node() &&
         source->get()->getf(caf::abstract_actor::is_terminated_flag);
}

}  // namespace

void proxy::take(caf::mailbox_element_ptr what, context* unit) {
  if (!what) return;
  if (getf(is_terminated_flag) || to_->is_buried()) return core_->refuse(*what, reason(), unit);
  if (is_farewell(*what, home_system())) return;
  core_->send(to_, id(), *what, unit);
}

/// What a request to it is answered with, when it has ended.
caf::error proxy::reason() const {
  return to_->is_buried() ? to_->reason() : caf::make_error(caf::sec::request_receiver_down);
}

bool proxy::add_backlink(caf::abstract_actor* other) {
  if (!proxy_base::add_backlink(other)) return false;
  if (!linking_for_peer::on_this_thread) core_->link(to_, other->ctrl(), id(), true);
  return true;
}

bool proxy::remove_backlink(caf::abstract_actor* other) {
  if (!proxy_base::remove_backlink(other)) return false;
  if (!linking_for_peer::on_this_thread) core_->link(to_, other->ctrl(), id(), false);
  return true;
}

void proxy::kill_proxy(context*, caf::error reason) {
  core_->defer([self = caf::strong_actor_ptr{ctrl()}, why = std::move(reason)]() mutable {
    static_cast<proxy*>(self->get())->end(std::move(why), nullptr);
  });
}

}  // namespace hawser::actors::detail
