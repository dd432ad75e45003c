/// What actors say to a resource manager: all that `resource_client` does, without blocking.
///
/// ```cpp
/// auto manager = host.lookup("db", 2s);
/// self->request(manager, infinite, connect_atom_v, resource_type_name<std::string>(),
///               actor_cast<caf::actor>(self), std::string{"reader"})
///     .then([=](std::uint64_t holder) {
///       self->request(manager, infinite, acquire_atom_v,
///                     resource_request{.holder = holder, .ticket = 1, .name = "db", .timeout_ns = -1})
///           .then([=](const resource_grant& grant) {
///             use(grant.value<std::string>());
///             self->send(manager, release_atom_v, grant.token, false);
///           }, [=](const caf::error& reason) { ... });   // a resource_error, or a peer_error
///     });
/// ```
/// | message | answer |
/// |---|---|
/// | `connect_atom, std::string type, caf::actor holder, std::string name` | `std::uint64_t`, the number of that holder, or `type_mismatch` |
/// | `acquire_atom, resource_request` | `resource_grant`, or an error |
/// | `release_atom, std::uint64_t token, bool bad` | to a request: nothing, or `not_held`. `bad`: it is to be replaced |
/// | `cancel_atom, std::uint64_t holder, std::uint64_t ticket` | none: that request is given up, or what it got is returned |
/// | `who_atom` | `resource_snapshot` |
/// | `subscribe_atom, caf::actor listener` | none: it gets each `resource_event` from now on |
///
/// The time to wait is in the request; CAF's own timeout is to be `infinite`, or its end to be
/// followed by a `cancel_atom`, lest a grant arrive that nobody awaits. A holder that trusts nobody
/// else to give back what it has is an actor of its own: what it holds, and its place in the line, end
/// with it. It gets a `resource_revoked` when the manager takes something back; its monitor of the
/// manager says when that is gone.
#pragma once

#include <hawser/actors/caf_compat.hpp>
#include <hawser/actors/detail/arguments.hpp>
#include <hawser/actors/detail/readable_name.hpp>
#include <hawser/actors/detail/references.hpp>
#include <hawser/actors/resource_error.hpp>

#include <caf/actor_system_config.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <vector>

namespace hawser::actors {
struct granted_resource;
struct resource_event;
struct resource_grant;
struct resource_request;
struct resource_revoked;
struct resource_snapshot;
}  // namespace hawser::actors

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_resource, 2080)
  CAF_ADD_TYPE_ID(hawser_resource, (hawser::actors::granted_resource))
  CAF_ADD_TYPE_ID(hawser_resource, (hawser::actors::resource_event))
  CAF_ADD_TYPE_ID(hawser_resource, (hawser::actors::resource_grant))
  CAF_ADD_TYPE_ID(hawser_resource, (hawser::actors::resource_request))
  CAF_ADD_TYPE_ID(hawser_resource, (hawser::actors::resource_revoked))
  CAF_ADD_TYPE_ID(hawser_resource, (hawser::actors::resource_snapshot))
  CAF_ADD_ATOM(hawser_resource, hawser::actors, connect_atom, "hwrm_conn")
  CAF_ADD_ATOM(hawser_resource, hawser::actors, acquire_atom, "hwrm_acq")
  CAF_ADD_ATOM(hawser_resource, hawser::actors, release_atom, "hwrm_rel")
  CAF_ADD_ATOM(hawser_resource, hawser::actors, cancel_atom, "hwrm_cancl")
  CAF_ADD_ATOM(hawser_resource, hawser::actors, who_atom, "hwrm_who")
  CAF_ADD_ATOM(hawser_resource, hawser::actors, subscribe_atom, "hwrm_subsc")
CAF_END_TYPE_ID_BLOCK(hawser_resource)
// clang-format on

namespace hawser::actors {

/// By what name a manager of Ts and those who connect to it agree.
template <class T>
std::string resource_type_name() {
  return detail::readable_name(typeid(T));
}

struct resource_request {
  std::uint64_t holder = 0;  ///< The answer to `connect_atom`.
  /// Which part of the holder waits: one that gives back nothing before it has got this. Another one,
  /// with another number, may. 0: what it holds may be given back although it waits.
  std::uint64_t party = 1;
  std::uint64_t ticket = 0;      ///< The holder's own number for it; one in use is no other's.
  std::string name{};            ///< Empty: any.
  std::uint32_t count = 1;       ///< All at once, or none.
  std::int64_t timeout_ns = -1;  ///< 0: now or not at all. Negative: for ever.

  template <class Inspector>
  friend auto inspect(Inspector& f, resource_request& x) {
    HAWSER_INSPECT(f, "hawser::actors::resource_request", x.holder, x.party, x.ticket, x.name,
                   x.count, x.timeout_ns);
  }
};

/// One of what was granted.
struct granted_resource {
  std::uint32_t index = 0;  ///< Which of the manager's.
  std::string name;
  detail::byte_buffer bytes;  ///< Of its value.
  detail::references with;

  template <class Inspector>
  friend auto inspect(Inspector& f, granted_resource& x) {
    HAWSER_INSPECT(f, "hawser::actors::granted_resource", x.index, x.name, x.bytes, x.with);
  }
};

struct resource_grant {
  std::uint64_t ticket = 0;
  /// Names the lease, and fences: it is larger than that of every earlier grant of this name of a
  /// manager, also of one that was started again (as long as the machine's clock does not go back).
  std::uint64_t token = 0;
  std::vector<granted_resource> resources;

  /// Errors     hawser::error `damaged`: it is no T.
  template <class T>
  T value(std::size_t which = 0) const;

  template <class Inspector>
  friend auto inspect(Inspector& f, resource_grant& x) {
    HAWSER_INSPECT(f, "hawser::actors::resource_grant", x.ticket, x.token, x.resources);
  }
};

/// To a holder: the manager has taken back what this grant was for. Somebody else may have it.
struct resource_revoked {
  std::uint64_t ticket = 0, token = 0;

  template <class Inspector>
  friend auto inspect(Inspector& f, resource_revoked& x) {
    HAWSER_INSPECT(f, "hawser::actors::resource_revoked", x.ticket, x.token);
  }
};

enum class resource_event_kind : std::uint8_t {
  granted,
  returned,
  reclaimed,  ///< Its holder has died: `why` says how.
  revoked,    ///< It was held for longer than `lease_max`.
  deadlock,   ///< Refused: `why` is the cycle.
  timed_out,
  replaced,
  broken,  ///< It is bad: `why` says what is known.
};
std::string to_string(resource_event_kind kind);

/// To subscribers.
struct resource_event {
  resource_event_kind kind{};
  std::uint64_t token = 0;
  std::vector<std::uint32_t> resources{};  ///< Which of the manager's.
  std::string holder{};
  std::string why{};
  std::int64_t took_ns = 0;  ///< It waited (granted, deadlock, timed_out), or held (others).

  template <class Inspector>
  friend auto inspect(Inspector& f, resource_event& x) {
    HAWSER_INSPECT(f, "hawser::actors::resource_event", x.kind, x.token, x.resources, x.holder,
                   x.why, x.took_ns);
  }
};

/// What there is, who holds it, and who waits.
struct resource_snapshot {
  struct resource {
    std::uint32_t index = 0;
    std::string name;
    std::string state;   ///< free, held, checking, making, resting (until it is tried again), gone
    std::string holder;  ///< If it is held, as the next ones.
    std::uint64_t token = 0;
    std::int64_t held_ns = 0;

    template <class Inspector>
    friend auto inspect(Inspector& f, resource& x) {
      HAWSER_INSPECT(f, "hawser::actors::resource_snapshot::resource", x.index, x.name, x.state,
                     x.holder, x.token, x.held_ns);
    }
  };
  /// In their order.
  struct waiter {
    std::string holder;
    std::string wants;  ///< `2 of "db"`
    std::int64_t waited_ns = 0;

    template <class Inspector>
    friend auto inspect(Inspector& f, waiter& x) {
      HAWSER_INSPECT(f, "hawser::actors::resource_snapshot::waiter", x.holder, x.wants,
                     x.waited_ns);
    }
  };

  std::string manager;
  // Resources, each time one was: granted = returned + reclaimed + revoked + held.
  std::uint64_t granted = 0, returned = 0, reclaimed = 0, revoked = 0, held = 0;
  std::uint64_t replaced = 0;
  std::uint64_t deadlocks = 0, timed_out = 0;  ///< Requests.
  std::vector<resource> resources;
  std::vector<waiter> waiters;

  template <class Inspector>
  friend auto inspect(Inspector& f, resource_snapshot& x) {
    HAWSER_INSPECT(f, "hawser::actors::resource_snapshot", x.manager, x.granted, x.returned,
                   x.reclaimed, x.revoked, x.held, x.replaced, x.deadlocks, x.timed_out,
                   x.resources, x.waiters);
  }
};

/// A line for each resource and each who waits.
std::string to_string(const resource_snapshot& snapshot);

namespace detail {

/// Puts a resource's value into bytes.
/// Errors     hawser::error `bad_argument`: it means nothing in another process.
template <class T>
granted_resource encode_resource(std::uint32_t index, std::string name, const T& value) {
  granted_resource made{index, std::move(name), {}, {}};
  const writing_references puts{made.with};
  if (const caf::error reason = save_argument(made.bytes, value))
    throw hawser::make_error(errc::bad_argument, "manage resource", made.name,
                             "it has no meaning in another process (" + caf::to_string(reason) +
                                 "); use a name or a path instead");
  return made;
}

template <class T>
T decode_resource(const granted_resource& from) {
  const reading_references finds{from.with};
  byte_source source{from.bytes.data(), from.bytes.size()};
  T value{};
  if (const caf::error reason = load_argument(source, value); reason || source.size != 0)
    throw hawser::make_error(
        errc::damaged, "read resource", from.name,
        "it is no " + readable_name(typeid(T)) + "; have both programs the same inspect()?");
  return value;
}

}  // namespace detail

template <class T>
T resource_grant::value(std::size_t which) const {
  return detail::decode_resource<T>(resources.at(which));
}

}  // namespace hawser::actors

HAWSER_REGISTER(hawser_resource);
