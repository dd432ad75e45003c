// Who is there: connecting, watching, burying.

#include "core.hpp"
#include "proxy.hpp"
#include <hawser/actors/peer_error.hpp>
#include <hawser/shm/error.hpp>
#include <hawser/shm/segment.hpp>

#include <caf/actor_registry.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <limits>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

namespace hawser::actors::detail {
namespace {

/// After a connection was lost whose other end lives.
constexpr std::chrono::milliseconds reconnect_pause{500};

constexpr std::uint64_t connection_fingerprint = 0x6861'7773'6163'7401ULL;

std::string after_user(const std::string& group) {
  const auto slash = group.find('/');
  return slash == std::string::npos ? group : group.substr(slash + 1);
}

}  // namespace

/// Of what all of a group share.
std::string transport_core::directory_name(const std::string& rest) const {
  const auto slash = options_.group.find('/');
  const std::string user = slash == std::string::npos ? "" : options_.group.substr(0, slash + 1);
  return user + own_name(rest);
}

std::string transport_core::own_name(const std::string& rest) const {
  return "actors." + after_user(options_.group) + "." + rest;
}

std::string transport_core::name_of(uid_t user, const std::string& rest) const {
  return (user == geteuid() ? "" : "~" + std::to_string(user) + "/") + own_name(rest);
}

std::vector<std::shared_ptr<peer>> transport_core::all_peers() const {
  const std::scoped_lock hold{peers_mutex_};
  return peers_;
}

/// Any thread, also under the proxy registry's mutex.
std::shared_ptr<peer> transport_core::peer_of(const wire_node& node) {
  const std::scoped_lock hold{peers_mutex_};
  const auto found = std::find_if(peers_.begin(), peers_.end(),
                                  [&](const auto& one) { return one->node == node; });
  if (found != peers_.end()) return *found;
  const auto made = std::make_shared<peer>(node, options_, [weak = weak_from_this(), node] {
    if (const auto self = weak.lock()) self->attend_later(node);
  });
  if (stopped_) made->bury(make_error(peer_error::exited, "this actor system has ended"));
  else peers_.push_back(made);
  return made;
}

/// What is new in the directory, or may be.
void transport_core::refresh() {
  // Armed before it is read: what changes afterwards calls again.
  directory_wait_ = shm::async_wait_handle{directory_->async_wait(directory_->version(), [this] {
    changed_.store(true, std::memory_order_release);
    wake();
  })};
  // Also of one that was not a member yet.
  const bool died = somebody_died_.exchange(false, std::memory_order_acquire);
  if (directory_->clear_dead() || died) clear_away();
  const std::vector<directory::member> members = directory_->members();
  const auto member_of = [&](const auto& matches) -> const directory::member* {
    const auto found = std::find_if(members.begin(), members.end(), matches);
    return found == members.end() ? nullptr : &*found;
  };
  for (const directory::member& one : members)
    if (one.calls_us && one.tag != directory_->tag() && !lost_.contains(one.tag))
      peer_of({static_cast<std::uint32_t>(one.pid), one.host});
  for (const auto& one : all_peers()) {
    const auto* const now = member_of([&](const directory::member& who) {
      return one->who ? who.tag == one->who->tag
                      : wire_node{static_cast<std::uint32_t>(who.pid), who.host} == one->node;
    });
    if (now == nullptr) {
      while (one->pipe && read(one)) {
        // It had committed that.
      }
      bury(one, one->who ? membership_.why_gone(*one->who, one->said_goodbye)
                         : why_not_there(one->node));
      continue;
    }
    one->who = *now;
    if (!one->pipe) connect(one);
  }
  membership_.update(members, directory_->tag());
  tell_listeners();
}

/// Of a handle that somebody has sent us: its process may have been a peer of ours.
caf::error transport_core::why_not_there(const wire_node& node) const {
  const auto known = std::find_if(reasons_.rbegin(), reasons_.rend(),
                                  [&](const auto& one) { return one.first == node; });
  if (known != reasons_.rend()) return known->second;
  return make_error(peer_error::disconnected, "process " + std::to_string(node.pid) +
                                                  " is not in group \"" + options_.group + "\"");
}

void transport_core::tell_of_change(caf::weak_actor_ptr listener, caf::message word) {
  const std::scoped_lock hold{listeners_mutex_};
  listeners_.emplace_back(std::move(listener), std::move(word));
}

void transport_core::tell_listeners() {
  decltype(listeners_) now;
  {
    const std::scoped_lock hold{listeners_mutex_};
    now.swap(listeners_);
  }
  for (const auto& [listener, word] : now)
    if (const auto actor = listener.lock())
      actor->enqueue(make_element(nullptr, caf::make_message_id(), word), unit_);
}

/// The doors of those who were killed, and pipes that were made for them.
void transport_core::clear_away() const {
  try {
    shm::remove_stale(own_name(""));
  } catch (const error&) {
    // The next death, or the next start, is another occasion.
  }
}

void transport_core::connect(const std::shared_ptr<peer>& to) {
  if (lost_.contains(to->who->tag)) return;  // not so soon again
  try {
    check_user(*to->who);
    auto pipe = open_pipe(*to);
    if (!pipe) return;  // not yet: its call changes the directory
    shm::detail::door_request request;
    request.name = name_of(to->who->user, "door." + std::to_string(to->who->tag));
    to->door = std::make_unique<shm::detail::door_core>(std::move(request));
    to->pipe = std::move(pipe);
    to->pipe->channel().watch();
    connected_.push_back(to);
    to->unanswered_since.reset();
    frame_buffer hello = frame_of({.kind = frame_kind::hello});
    append(hello,
           greeting{.caf_version = detail::caf_version, .tag = directory_->tag(), .node = node_});
    to->out.connect(*to->pipe, *to->door, hello);
  } catch (const error& failed) {
    bury(to, make_error(peer_error::disconnected, failed.what()));
  }
}

std::unique_ptr<shm::detail::pipe_core> transport_core::open_pipe(peer& to) {
  const std::uint32_t mine = directory_->tag(), its = to.who->tag;
  const bool we_make_it = mine < its;
  shm::detail::pipe_request request;
  request.name =
      name_of(we_make_it ? geteuid() : to.who->user, "pipe." + std::to_string(std::min(mine, its)) +
                                                         "." + std::to_string(std::max(mine, its)));
  request.how = we_make_it ? shm::detail::opening::create_only : shm::detail::opening::open_only;
  request.ring_bytes = std::max<std::size_t>(options_.ring_bytes, 4096);
  request.message_bytes_max = std::numeric_limits<std::uint32_t>::max();
  request.nameless = true;
  request.mode = options_.mode;
  request.type_fingerprint = connection_fingerprint;
  request.type_name = "hawser::actors::connection";
  request.swept = [this] {
    changed_.store(true, std::memory_order_release);
    wake();
  };
  std::unique_ptr<shm::detail::pipe_core> pipe;
  if (we_make_it) {
    pipe = std::make_unique<shm::detail::pipe_core>(request);
    directory_->call(its, true);
    return pipe;
  }
  if (!std::exchange(to.called, true)) directory_->call(its, true);
  if (!to.who->calls_us) return nullptr;
  try {
    pipe = std::make_unique<shm::detail::pipe_core>(request);
  } catch (const error& failed) {
    if (failed.code() != errc::not_found) throw;  // its call meant whoever had our place before
  }
  return pipe;
}

/// The directory is what its members wrote; whose process it is, the kernel knows.
void transport_core::check_user(const directory::member& who) const {
  struct stat status {};
  const std::string path = "/proc/" + std::to_string(who.pid);
  const bool known = ::stat(path.c_str(), &status) == 0;
  const bool strangers_allowed = (options_.mode & 077) != 0;
  if (known && status.st_uid == who.user && (strangers_allowed || who.user == geteuid())) return;
  if (!known) return;  // it has died, or /proc hides it: then its files' owner says who it is
  throw make_error(errc::permission_denied, "connect to process", std::to_string(who.pid),
                   "it belongs to user " + std::to_string(status.st_uid) +
                       ", and the group is for user " + std::to_string(geteuid()) +
                       " alone; start the group with mode 0660");
}

/// What waits for it goes on as there is room.
void transport_core::attend(const std::shared_ptr<peer>& to) {
  if (to->is_buried()) return;
  if (!to->pipe) {
    changed_.store(true, std::memory_order_relaxed);  // it is looked for, and connected
    return;
  }
  to->out.flush();
  if (!to->out.wants_loans()) return;
  if (!to->loans) open_loans(*to);
  if (!to->loans) return to->out.use_loans(nullptr);
  to->out.await_loans();
  to->out.send(frame_of({.kind = frame_kind::lend}), outbox::urgency::ahead);
}

/// Of both sides the first one makes it. Without it, loans are carried along.
void transport_core::open_loans(peer& to) {
  try {
    const std::uint32_t mine = directory_->tag(), its = to.who->tag;
    to.loans.emplace(loan_pool_.open(), open_or_create,
                     name_of(mine < its ? geteuid() : to.who->user,
                             "loans." + std::to_string(std::min(mine, its)) + "." +
                                 std::to_string(std::max(mine, its))),
                     shm::payload_pipe_options{.mode = options_.mode});
  } catch (const error&) {
    to.loans.reset();
  }
}

void transport_core::when_room(const wire_node& node, std::function<void()> callback) {
  if (node == node_) return callback();
  peer_of(node)->out.when_room([weak = weak_from_this(), callback = std::move(callback)] {
    if (const auto self = weak.lock()) self->defer(callback);
  });
}

void transport_core::attend_later(const wire_node& node) {
  defer([this, node] {
    for (const auto& one : all_peers())
      if (one->node == node) attend(one);
  });
}

/// The end of a peer: nobody waits for it any more, and its actors have ended.
void transport_core::bury(const std::shared_ptr<peer>& dead, caf::error reason) {
  if (!dead->bury(reason)) return;
  const bool given_up = !dead->pipe || !dead->pipe->peer_gone();  // by us, not by it
  {
    const std::scoped_lock hold{peers_mutex_};
    std::erase(peers_, dead);
    const outbox::counts its = dead->out.counters();
    buried_counts_.sent += its.sent;
    buried_counts_.refused += its.refused;
    buried_counts_.dropped += its.dropped;
    buried_counts_.lent += its.lent;
  }
  std::erase(connected_, dead);
  dead->loans.reset();
  dead->door.reset();
  dead->pipe.reset();
  dead->last_source = {};
  for (auto& [actor, peers] : watchers_) std::erase(peers, dead);
  // First nobody finds them any more: who hears of the end may look for its actors again at once.
  const auto proxies = proxies_.get_all(dead->id);
  for (const auto& one : proxies) proxies_.erase(dead->id, one->id(), reason);
  // Then monitors and links: who has an answer has been told of the end before.
  for (const auto& one : proxies) static_cast<proxy*>(one->get())->end(reason, unit_);
  for (const auto& one : pending_.take_all(*dead))
    if (const auto requester = one.requester.lock())
      requester->enqueue(make_element(nullptr, one.mid.response_id(), caf::make_message(reason)),
                         unit_);
  reasons_.emplace_back(dead->node, reason);
  constexpr std::size_t reasons_max = 64;
  if (reasons_.size() > reasons_max) reasons_.pop_front();
  if (!dead->who) return;
  directory_->call(dead->who->tag, false);
  if (given_up) lost_[dead->who->tag] = clock::now();
}

void transport_core::end_proxy(const caf::strong_actor_ptr& actor, const caf::error& reason) {
  proxies_.erase(actor->node(), actor->id(), reason);
  static_cast<proxy*>(actor->get())->end(reason, unit_);
}

// --- heartbeat ------------------------------------------------------------------------------------

shm::detail::deadline transport_core::next_look() const {
  shm::detail::deadline next;
  const auto no_later = [&](clock::time_point when) { next = next ? std::min(*next, when) : when; };
  if (looks_for_hung()) no_later(looked_ + options_.hang_timeout / 4);
  for (const auto& [tag, when] : lost_) no_later(when + reconnect_pause);
  return next;
}

bool transport_core::looks_for_hung() const {
  if (options_.hang_timeout.count() <= 0) return false;
  const std::scoped_lock hold{peers_mutex_};
  return !peers_.empty();
}

void transport_core::look_at_clock() {
  const bool looks = looks_for_hung();
  if (!looks && lost_.empty()) return;
  const auto now = clock::now();
  if (std::erase_if(lost_, [&](const auto& one) { return one.second + reconnect_pause <= now; }) !=
      0)
    changed_.store(true, std::memory_order_relaxed);
  if (!looks || now < looked_ + options_.hang_timeout / 4) return;
  looked_ = now;
  for (const auto& one : all_peers()) check_heartbeat(one, now);
}

/// Also of one that does not answer our call: then the ping waits along with everything else.
void transport_core::check_heartbeat(const std::shared_ptr<peer>& of, clock::time_point now) {
  if (!of->who || lost_.contains(of->who->tag)) return;  // nobody has tried to reach it yet
  if (!of->unanswered_since) {
    of->unanswered_since = now;
    return tell(*of, {.kind = frame_kind::ping, .mid = ++of->pings});
  }
  if (now - *of->unanswered_since < options_.hang_timeout) return;
  bury(of, make_error(peer_error::hung, "process " + std::to_string(of->node.pid) +
                                            " has not answered for " +
                                            std::to_string(options_.hang_timeout.count()) + " ms"));
}

}  // namespace hawser::actors::detail
