/// Resources of a manager in whatever process, for code that may block.
///
/// ```cpp
/// resource_client<std::string> databases{system, "databases"};
/// if (auto connection = databases.acquire("db", 500ms)) use(*connection);
/// // given back here; and by the manager, should this process be killed before
/// ```
#pragma once

#include <hawser/actors/lease_status.hpp>
#include <hawser/actors/resource_messages.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hawser::actors {

struct client_options {
  std::string name{};  ///< Shown to those who ask who holds what, with the number of the process.
  std::chrono::nanoseconds connect_timeout{std::chrono::seconds{10}};  ///< Of the constructor.
  /// Whether a thread that waits counts as one that keeps what it has acquired by this client, so that
  /// who would wait for ever is told. To be false where leases are given back by other threads than
  /// those that have acquired them. Where the transport refuses messages (`backlog_policy::reject`) it
  /// is false: what is given back may come behind the next request.
  bool threads_keep_leases = true;
  /// Called when a lease has become `revoked` or `manager_lost`, with its token, by a thread that may
  /// not wait.
  std::function<void(std::uint64_t token, lease_status why)> on_lost{};
};

namespace detail {

class resource_connection;

/// What a grant has given, until it is given back.
class held_lease {
 public:
  held_lease() = default;
  held_lease(std::shared_ptr<resource_connection> from,
             std::shared_ptr<std::atomic<lease_status>> status, resource_grant grant) noexcept;
  held_lease(held_lease&&) noexcept = default;
  held_lease& operator=(held_lease&&) = delete;
  ~held_lease() { end(false); }

  explicit operator bool() const noexcept { return from_ != nullptr; }
  const resource_grant& grant() const noexcept { return grant_; }
  lease_status status() const noexcept { return from_ ? status_->load() : lease_status::none; }
  /// False: there is none, or the manager had it back already.
  bool end(bool bad) noexcept;
  void take(held_lease&& other) noexcept;

 private:
  std::shared_ptr<resource_connection> from_;
  std::shared_ptr<std::atomic<lease_status>> status_;
  resource_grant grant_;
};

/// A client of resources of one type, without the type.
class resource_client_core {
 public:
  resource_client_core(caf::actor_system& system, std::string manager, std::string type,
                       client_options options);
  resource_client_core(const resource_client_core&) = delete;

  /// An empty one: none was free in time.
  held_lease acquire(std::string_view name, std::size_t count,
                     std::optional<std::chrono::nanoseconds> timeout);
  resource_snapshot who();
  void subscribe(const caf::actor& listener);

 private:
  std::shared_ptr<resource_connection> connection(std::chrono::nanoseconds timeout);

  caf::actor_system& system_;
  const std::string manager_, type_;
  const client_options options_;
  std::mutex mutex_;
  std::shared_ptr<resource_connection> now_;
};

}  // namespace detail

/// One or more resources, lent to whoever has this object. Movable; gives them back at its end.
///
/// Threads    One at a time; `status` and `valid`: any.
/// Crash      This process dies: the manager lends them to others.
template <class T>
class resource_lease {
 public:
  /// None.
  resource_lease() = default;
  resource_lease(resource_lease&&) noexcept = default;
  resource_lease& operator=(resource_lease&& other) noexcept {
    if (this == &other) return *this;
    values_ = std::move(other.values_);
    held_.take(std::move(other.held_));
    return *this;
  }

  /// Whether there is one; it may have been taken back meanwhile.
  explicit operator bool() const noexcept { return static_cast<bool>(held_); }

  std::size_t size() const noexcept { return values_.size(); }
  const T& operator*() const noexcept { return values_.front(); }
  const T* operator->() const noexcept { return &values_.front(); }
  const T& operator[](std::size_t which) const noexcept { return values_[which]; }
  auto begin() const noexcept { return values_.begin(); }
  auto end() const noexcept { return values_.end(); }
  const std::string& name(std::size_t which = 0) const {
    return held_.grant().resources.at(which).name;
  }
  /// Which of the manager's resources of all names it is.
  std::uint32_t index(std::size_t which = 0) const {
    return held_.grant().resources.at(which).index;
  }

  /// Larger than that of every earlier lease, also of a manager that was started again. A resource
  /// that remembers the largest one it has seen, and refuses smaller ones, is safe from a holder that
  /// does not know yet that its lease has ended.
  std::uint64_t token() const noexcept { return held_ ? held_.grant().token : 0; }

  lease_status status() const noexcept { return held_.status(); }
  bool valid() const noexcept { return status() == lease_status::valid; }

  /// Returns    False if there was none, or the manager has taken it back before.
  bool release() noexcept { return finish(false); }
  /// Gives it back as bad: it is replaced, or checked, before it is lent again.
  bool release_as_bad() noexcept { return finish(true); }

 private:
  template <class>
  friend class resource_client;
  explicit resource_lease(detail::held_lease held) : held_(std::move(held)) {
    values_.reserve(held_.grant().resources.size());
    for (const auto& one : held_.grant().resources)
      values_.push_back(detail::decode_resource<T>(one));
  }
  bool finish(bool bad) noexcept {
    values_.clear();
    return held_.end(bad);
  }

  detail::held_lease held_;  // ends after what it lends
  std::vector<T> values_;
};

/// Asks for resources of the manager that goes by a name. A thread that holds something and waits for
/// more is refused, with the error `deadlock`, if it would wait for ever.
///
/// Errors     resource_failure: `deadlock`, `no_such_resource`, `bad_request`, `out_of_service`,
///            `closed`, `manager_lost`; `type_mismatch`: the manager's resources are no Ts.
///            hawser::error `not_found`: there is no such manager in time.
/// Threads    Any.
/// Crash      The manager is killed: who waits throws `manager_lost` at once; leases say so; the next
///            call connects to the next manager of that name. Leases keep what they need of the
///            client; they have to end before the actor system does.
template <class T>
requires detail::process_argument<T>
class resource_client {
 public:
  /// Blocks     Until there is such a manager, for `connect_timeout` at most.
  resource_client(caf::actor_system& system, std::string manager, client_options options = {})
      : core_(system, std::move(manager), resource_type_name<T>(), std::move(options)) {}

  /// A resource of that name; of any, if it is empty.
  ///
  /// Returns    An empty lease when none was free in time.
  /// Blocks     Until there is one, for `timeout` at most (and a moment more, if the manager hangs).
  [[nodiscard]] resource_lease<T> acquire(std::string_view name, std::chrono::nanoseconds timeout) {
    return lease(core_.acquire(name, 1, timeout));
  }
  /// Several at once: nobody holds a part of what was asked for.
  [[nodiscard]] resource_lease<T> acquire(std::string_view name, std::size_t count,
                                          std::chrono::nanoseconds timeout) {
    return lease(core_.acquire(name, count, timeout));
  }
  /// Blocks     For as long as it takes; the manager's end is an error.
  [[nodiscard]] resource_lease<T> acquire(std::string_view name = {}, std::size_t count = 1) {
    return lease(core_.acquire(name, count, std::nullopt));
  }
  /// Nobody who waits is overtaken.
  /// Blocks     Until the manager has answered.
  [[nodiscard]] resource_lease<T> try_acquire(std::string_view name = {}, std::size_t count = 1) {
    return lease(core_.acquire(name, count, std::chrono::nanoseconds{0}));
  }

  /// Who holds what, and who waits. `to_string` makes it readable.
  resource_snapshot who() { return core_.who(); }
  /// Has an actor told of each `resource_event` of the manager, until one of them ends.
  void subscribe(const caf::actor& listener) { core_.subscribe(listener); }

 private:
  static resource_lease<T> lease(detail::held_lease held) {
    return resource_lease<T>{std::move(held)};
  }

  detail::resource_client_core core_;
};

}  // namespace hawser::actors
