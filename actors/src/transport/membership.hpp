/// The other members of the group, their coming and going.
#pragma once

#include "../descriptor.hpp"
#include "directory.hpp"
#include <hawser/actors/transport.hpp>

#include <caf/actor.hpp>
#include <caf/error.hpp>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace hawser::actors::detail {

/// Keeps a pidfd of each member, by which the kernel can be asked how it ended.
///
/// Threads    `update` and `how_ended` are the transport's; the others any.
class membership {
 public:
  /// Compares with who is there now. Tells subscribers.
  void update(const std::vector<directory::member>& now, std::uint32_t own_tag);
  /// Why a member, alive or not, does not take part any more, as a `peer_error`.
  caf::error why_gone(const directory::member& who, bool said_goodbye) const;
  /// Nobody is there any more, and nobody is told.
  void clear();

  std::vector<peer_info> peers() const;
  void subscribe(const caf::actor& listener);

 private:
  struct entry {
    directory::member who;
    descriptor pidfd;
  };

  static caf::error why_gone(const entry& one, bool said_goodbye);

  mutable std::mutex mutex_;
  std::map<std::uint32_t, entry> members_;  // by tag
  std::vector<caf::weak_actor_ptr> listeners_;
};

}  // namespace hawser::actors::detail
