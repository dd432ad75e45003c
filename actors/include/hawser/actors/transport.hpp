/// Actors across processes of one host: a handle means the same wherever its actor lives.
#pragma once

#include <hawser/actors/caf_compat.hpp>
#include <hawser/actors/peer_error.hpp>
#include <hawser/actors/shared_array.hpp>
#include <hawser/actors/shared_bytes.hpp>
#include <hawser/actors/transport_options.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/node_id.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace hawser::actors {

namespace detail {
class transport_core;
}

/// The configuration of an actor system that takes part in a group of processes. Options of the
/// command line: `--hawser.group=NAME` and the like, beside CAF's own. Where nothing else is said, the
/// scheduler is CAF's `sharing`, whose threads sleep when there is nothing to do.
struct config : caf::actor_system_config {
  config();
  /// Errors     `bad_argument`: the command line cannot be parsed.
  config(int argc, char** argv);

  transport_options transport;
};

/// Another process of the group.
struct peer_info {
  caf::node_id node;  ///< Of its actor system: `handle.node()` of its actors.
  std::int32_t pid = 0;

  template <class Inspector>
  friend auto inspect(Inspector& f, peer_info& x) {
    HAWSER_INSPECT(f, "hawser::actors::peer_info", x.node, x.pid);
  }
  friend bool operator==(const peer_info& a, const peer_info& b) {
    return a.node == b.node && a.pid == b.pid;
  }
};

/// To subscribers: a process has joined the group.
struct peer_up {
  peer_info peer;

  template <class Inspector>
  friend auto inspect(Inspector& f, peer_up& x) {
    HAWSER_INSPECT(f, "hawser::actors::peer_up", x.peer);
  }
};

/// To subscribers: a process has left the group. `reason` is a `peer_error`.
struct peer_down {
  peer_info peer;
  caf::error reason;

  template <class Inspector>
  friend auto inspect(Inspector& f, peer_down& x) {
    HAWSER_INSPECT(f, "hawser::actors::peer_down", x.peer, x.reason);
  }
};

/// To who has asked for it: there is room again for messages to that process, or it has ended.
struct peer_writable {
  caf::node_id node;

  template <class Inspector>
  friend auto inspect(Inspector& f, peer_writable& x) {
    HAWSER_INSPECT(f, "hawser::actors::peer_writable", x.node);
  }
};

}  // namespace hawser::actors

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_transport, 2033)
  CAF_ADD_TYPE_ID(hawser_transport, (hawser::actors::peer_info))
  CAF_ADD_TYPE_ID(hawser_transport, (std::vector<hawser::actors::peer_info>))
  CAF_ADD_TYPE_ID(hawser_transport, (hawser::actors::peer_up))
  CAF_ADD_TYPE_ID(hawser_transport, (hawser::actors::peer_down))
  CAF_ADD_TYPE_ID(hawser_transport, (hawser::actors::peer_writable))
CAF_END_TYPE_ID_BLOCK(hawser_transport)
// clang-format on
HAWSER_REGISTER(hawser_transport);

namespace hawser::actors {

/// What a transport has done so far, and what it holds.
struct transport_statistics {
  std::uint64_t sent;               ///< Frames: messages, and what links and monitors need.
  std::uint64_t received;           ///< Messages.
  std::uint64_t refused;            ///< Messages for peers for which too much waited.
  std::uint64_t dropped;            ///< Frames that waited for a peer when it died.
  std::uint64_t lent;               ///< Loans, with messages.
  std::uint64_t not_encodable;      ///< Messages of types that are not registered.
  std::uint64_t unknown_receivers;  ///< Messages for actors that had ended.
  std::uint64_t damaged;            ///< Connections that ended for what the peer had sent.
  std::size_t peers;                ///< Connected, or about to be.
  std::size_t waiting_bytes;        ///< In front of full rings.
  std::size_t pending_requests;     ///< Of our actors, to actors of peers.
};

/// An actor system's place in its group.
///
/// Threads    Any.
/// Crash      Whoever is killed at whatever moment: messages that it had sent are delivered; requests
///            that wait for its actors are answered with a `peer_error`; monitors and links of its
///            actors fire with one; its names are free.
class transport_host {
 public:
  explicit transport_host(caf::actor_system& system);
  transport_host(const transport_host&) = delete;
  ~transport_host();

  /// Lets others find an actor by name, until it ends, is withdrawn, or this process ends. Another
  /// actor of ours may take the name over.
  ///
  /// Errors     `already_exists`: a living process has published the name. `bad_name`: it is empty,
  ///            or longer than 104 bytes. `no_resources`: the group has 512 names already.
  /// Blocks     For as long as another process changes the directory.
  template <class Handle>
  void publish(const Handle& actor, std::string_view name) {
    publish_pointer(caf::actor_cast<caf::strong_actor_ptr>(actor), name);
  }
  /// Returns    Whether the name was ours.
  bool withdraw(std::string_view name);

  /// The actor that has been published by that name, by any process of the group. A typed handle is
  /// checked against the actor's interface.
  ///
  /// Errors     `not_found`: nobody has published it in time, or its process did not answer.
  ///            `type_mismatch`: its interface is another one.
  /// Blocks     Until somebody publishes it, for `timeout` at most.
  template <class Handle = caf::actor>
  Handle lookup(std::string_view name, std::chrono::nanoseconds timeout) {
    return caf::actor_cast<Handle>(find(name, timeout, system_.message_types<Handle>()));
  }

  /// A handle for whoever has published that name, now or later. It is an actor of this process,
  /// which hands on what it gets. While nobody has the name, or an actor of another interface, it
  /// keeps 1,024 messages, and answers requests beyond them with `peer_error::congested`. What the
  /// actor of the name had received when its process died is not repeated: those requests fail as
  /// any others. Ends by an exit message, or with the system; make one for a name, and keep it.
  ///
  /// Blocks     Never.
  template <class Handle = caf::actor>
  Handle reconnecting(std::string_view name) {
    return caf::actor_cast<Handle>(follow(name, system_.message_types<Handle>()));
  }

  /// Starts an actor in another process, of a type that its configuration knows by that name
  /// (`add_actor_type`).
  ///
  /// Errors     `not_found`: the process is not there, knows no such type, or did not answer.
  ///            `type_mismatch`: the arguments or the interface do not fit.
  /// Blocks     Until the process answers, for `timeout` at most.
  template <class Handle = caf::actor, class... Ts>
  Handle spawn(const caf::node_id& node, const std::string& type, std::chrono::nanoseconds timeout,
               Ts&&... arguments) {
    return caf::actor_cast<Handle>(spawn_there(node, type, timeout,
                                               caf::make_message(std::forward<Ts>(arguments)...),
                                               system_.message_types<Handle>()));
  }

  /// The other processes of the group.
  std::vector<peer_info> peers() const;
  /// Has an actor told of each `peer_up`, of those first who are there, and each `peer_down`.
  void subscribe(const caf::actor& listener);

  /// Credit for those who may not wait inside `send`: sends `listener`, an actor of this process, one
  /// `peer_writable` as soon as less than half of `backlog_bytes` waits for the process of `receiver`;
  /// at once, if that is so. Who sends much asks for it after every few messages, and goes on when it
  /// comes: then nothing is refused.
  template <class Handle>
  void await_room(const Handle& receiver, const caf::actor& listener) {
    await_room_for(caf::actor_cast<caf::strong_actor_ptr>(receiver), listener);
  }

  /// Memory of the group, to fill and to send as `shared_bytes`: its receiver reads it in place,
  /// wherever it is. All processes of the group together have 64 at a time, of any size, and 8 more
  /// of up to 1,088 KiB. The memory of those 8, and up to 64 MiB of the others, stays for later
  /// loans: what is newly taken from the system is several times as slow.
  ///
  /// Errors     `no_space`: /dev/shm cannot hold it. As of opening a channel: `no_resources`, ...
  /// Blocks     Until a loan is given back, if all are in use.
  shm::payload loan(std::size_t bytes);
  /// Returns    An empty one when all are in use.
  shm::payload try_loan(std::size_t bytes);

  transport_statistics statistics() const;

 private:
  friend class transport_module;
  void publish_pointer(const caf::strong_actor_ptr& actor, std::string_view name);
  caf::strong_actor_ptr find(std::string_view name, std::chrono::nanoseconds timeout,
                             const std::set<std::string>& interface);
  void await_room_for(const caf::strong_actor_ptr& receiver, const caf::actor& listener);
  caf::strong_actor_ptr follow(std::string_view name, const std::set<std::string>& interface);
  caf::strong_actor_ptr spawn_there(const caf::node_id& node, const std::string& type,
                                    std::chrono::nanoseconds timeout, caf::message arguments,
                                    const std::set<std::string>& interface);

  caf::actor_system& system_;
  std::shared_ptr<detail::transport_core> core_;
};

/// The transport of a system that was made with a `config`.
///
/// Errors     `not_supported`: it was made with another one. Those of joining the group, which the
///            system's constructor has kept: `bad_argument`, and as of a channel (`no_space`,
///            `permission_denied`, ...).
transport_host& transport(caf::actor_system& system);

}  // namespace hawser::actors
