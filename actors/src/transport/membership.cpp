#include "membership.hpp"

#include "../pidfd.hpp"
#include "wire.hpp"
#include <hawser/actors/peer_error.hpp>

#include <caf/send.hpp>

#include <algorithm>
#include <set>
#include <utility>

#include <poll.h>

namespace hawser::actors::detail {
namespace {

peer_info info_of(const directory::member& who) {
  return {wire_node{static_cast<std::uint32_t>(who.pid), who.host}.id(), who.pid};
}

/// It may have dropped its locks, by which its death is seen, an instant before it can be asked how it
/// ended. One that lives has only left.
bool has_ended(int pidfd) {
  pollfd entry{pidfd, POLLIN, 0};
  constexpr int instant_ms = 10;
  return poll(&entry, 1, instant_ms) == 1;
}

}  // namespace

void membership::update(const std::vector<directory::member>& now, std::uint32_t own_tag) {
  std::vector<entry> gone;
  std::vector<peer_info> come;
  std::vector<caf::actor> listeners;
  {
    const std::scoped_lock hold{mutex_};
    std::set<std::uint32_t> there;
    for (const directory::member& who : now) {
      there.insert(who.tag);
      if (who.tag == own_tag || members_.contains(who.tag)) continue;
      members_.emplace(who.tag, entry{who, descriptor{open_pidfd(who.pid)}});
      come.push_back(info_of(who));
    }
    for (auto one = members_.begin(); one != members_.end();) {
      if (there.contains(one->first)) {
        ++one;
        continue;
      }
      gone.push_back(std::move(one->second));
      one = members_.erase(one);
    }
    std::erase_if(listeners_, [&](const caf::weak_actor_ptr& listener) {
      auto strong = listener.lock();
      if (strong) listeners.push_back(caf::actor_cast<caf::actor>(std::move(strong)));
      return !listener.lock();
    });
  }
  if (listeners.empty()) return;
  for (const entry& one : gone) {
    const caf::error reason = why_gone(one, false);
    for (const auto& listener : listeners)
      caf::anon_send(listener, peer_down{info_of(one.who), reason});
  }
  for (const peer_info& one : come)
    for (const auto& listener : listeners) caf::anon_send(listener, peer_up{one});
}

caf::error membership::why_gone(const directory::member& who, bool said_goodbye) const {
  const std::scoped_lock hold{mutex_};
  const auto found = members_.find(who.tag);
  if (found != members_.end()) return why_gone(found->second, said_goodbye);
  return why_gone(entry{who, {}}, said_goodbye);
}

caf::error membership::why_gone(const entry& one, bool said_goodbye) {
  const std::string process = "process " + std::to_string(one.who.pid);
  if (said_goodbye) return make_error(peer_error::exited, process + " has left");
  if (!one.pidfd) return make_error(peer_error::disconnected, process + " is gone");
  if (!has_ended(one.pidfd.get()))
    return make_error(peer_error::exited, process + " has left without a word");
  const exit_status how = how_ended(one.who.pid, one.pidfd.get());
  const std::string words = process + " " + (how.signal() ? "was " : "") + to_string(how);
  if (how.is_unknown()) return make_error(peer_error::disconnected, words);
  return make_error(how.signal() ? peer_error::killed : peer_error::exited, words);
}

void membership::clear() {
  const std::scoped_lock hold{mutex_};
  members_.clear();
  listeners_.clear();
}

std::vector<peer_info> membership::peers() const {
  const std::scoped_lock hold{mutex_};
  std::vector<peer_info> all;
  for (const auto& [tag, one] : members_) all.push_back(info_of(one.who));
  return all;
}

void membership::subscribe(const caf::actor& listener) {
  const std::scoped_lock hold{mutex_};
  listeners_.push_back(caf::actor_cast<caf::weak_actor_ptr>(listener));
  for (const auto& [tag, one] : members_) caf::anon_send(listener, peer_up{info_of(one.who)});
}

}  // namespace hawser::actors::detail
