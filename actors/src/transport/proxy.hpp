/// Stands for an actor in another process.
#pragma once

#include "caf_parts.hpp"
#include "core.hpp"

#include <caf/actor_config.hpp>

#include <memory>
#include <string>

namespace hawser::actors::detail {

/// What is sent to it goes to that process, in the thread that sends. It ends when its actor does, or
/// its process: with that the monitors and links of our own actors fire.
///
/// Locks      CAF calls `add_backlink` and `remove_backlink` with the mutexes of two actors held, and
///            `kill_proxy` with that of the registry: what they cause is left to the transport's thread.
class proxy final : public proxy_base {
 public:
  proxy(caf::actor_config& config, std::shared_ptr<transport_core> core, std::shared_ptr<peer> to);

  void take(caf::mailbox_element_ptr what, context* unit) override;
  bool add_backlink(caf::abstract_actor* other) override;
  bool remove_backlink(caf::abstract_actor* other) override;
  void kill_proxy(context* unit, caf::error reason) override;

  /// Ends it. Not under the registry's mutex.
  void end(caf::error reason, context* unit) { cleanup(std::move(reason), unit); }

 private:
  caf::error reason() const;

  const std::shared_ptr<transport_core> core_;
  const std::shared_ptr<peer> to_;
};

/// While a link from another process is made here, which need not be told it.
class linking_for_peer {
 public:
  linking_for_peer() noexcept { on_this_thread = true; }
  ~linking_for_peer() { on_this_thread = false; }
  static thread_local bool on_this_thread;
};

}  // namespace hawser::actors::detail
