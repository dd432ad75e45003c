#include "proxy.hpp"

#include <hawser/actors/peer_error.hpp>

#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

#include <utility>

namespace hawser::actors::detail {

thread_local bool linking_for_peer::on_this_thread = false;

proxy::proxy(caf::actor_config& config, std::shared_ptr<transport_core> core,
             std::shared_ptr<peer> to)
    : caf::actor_proxy(config), core_(std::move(core)), to_(std::move(to)) {}

namespace {

/// An actor that ends tells those linked to it. For a peer the end itself says that: it has to hear
/// of it once.
bool is_farewell(const caf::mailbox_element& what, const caf::actor_system& system) {
  const auto& content = what.content();
  if (content.size() != 1 || content.type_token() != caf::make_type_token<caf::exit_msg>())
    return false;
  const auto source =
      caf::actor_cast<caf::strong_actor_ptr>(content.get_as<caf::exit_msg>(0).source);
  return source && source->node() == system.node() &&
         source->get()->getf(caf::abstract_actor::is_terminated_flag);
}

}  // namespace

void proxy::enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) {
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
  if (!caf::actor_proxy::add_backlink(other)) return false;
  if (!linking_for_peer::on_this_thread) core_->link(to_, other->ctrl(), id(), true);
  return true;
}

bool proxy::remove_backlink(caf::abstract_actor* other) {
  if (!caf::actor_proxy::remove_backlink(other)) return false;
  if (!linking_for_peer::on_this_thread) core_->link(to_, other->ctrl(), id(), false);
  return true;
}

void proxy::kill_proxy(caf::execution_unit*, caf::error reason) {
  core_->defer([self = caf::strong_actor_ptr{ctrl()}, why = std::move(reason)]() mutable {
    static_cast<proxy*>(self->get())->end(std::move(why), nullptr);
  });
}

}  // namespace hawser::actors::detail
