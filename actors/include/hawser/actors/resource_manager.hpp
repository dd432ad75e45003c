/// An owner of resources that lends them to actors of all processes of the group.
///
/// ```cpp
/// resource_manager<std::string> manager{system, "databases",
///                                       {{"db", "a.sqlite"}, {"db", "b.sqlite"}},
///                                       {.lease_max = 5s, .check = can_be_opened}};
/// ```
/// Whoever wants one makes a `resource_client` (resource_client.hpp), or sends messages
/// (resource_messages.hpp).
#pragma once

#include <hawser/actors/resource_messages.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hawser::actors {

/// Functions are called by a thread of the manager's own for them, one at a time; one that throws has
/// failed. One that does not return holds up the others: give what it does a time limit.
template <class T>
struct resource_options {
  /// Then it is taken back, and its holder is told. For holders that hang, or forget. 0: no limit.
  std::chrono::nanoseconds lease_max{0};
  /// Whether it is good. Asked before a resource whose holder has died, or from whom it was taken
  /// back, is lent again.
  std::function<bool(const T&)> check{};
  bool check_returned = false;              ///< It is asked of those that are given back, too, ...
  std::chrono::nanoseconds check_every{0};  ///< ... and of those that nobody has; 0: not.
  /// Makes another one of that name in the place of a bad one. Without it, a bad one is checked again
  /// later; without `check` either, it is gone.
  std::function<T(const std::string& name)> make{};
  std::function<void(const T&)>
      close{};  ///< Called once with a bad one before `make`; what it throws is dropped.
  /// How long one that is still bad, or could not be made, is left alone; twice as long each time.
  std::chrono::nanoseconds retry_first{std::chrono::milliseconds{100}};
  std::chrono::nanoseconds retry_most{std::chrono::seconds{10}};
  /// Whether a request is refused that would wait for ever (README: "Deadlocks").
  bool find_deadlocks = true;
};

namespace detail {

struct resource_care {
  std::function<bool(const granted_resource&)> check;
  std::function<granted_resource(std::uint32_t index, const std::string& name)> make;
  std::function<void(const granted_resource&)> close;
};

struct resource_plan {
  std::string type;
  std::vector<granted_resource> resources;
  std::chrono::nanoseconds lease_max, check_every, retry_first, retry_most;
  bool check_returned, find_deadlocks;
  resource_care care;
};

class resource_desk_owner {
 public:
  resource_desk_owner(caf::actor_system& system, std::string name, resource_plan plan);
  resource_desk_owner(const resource_desk_owner&) = delete;
  ~resource_desk_owner();

  const caf::actor& actor() const noexcept { return actor_; }
  resource_snapshot who() const;

 private:
  caf::actor_system& system_;
  std::string name_;
  caf::actor actor_;
};

}  // namespace detail

/// Resources of type T, each with a name; several may have the same one, and are alike then.
/// T is whatever can travel (process.hpp): a path, a number, a `shared_array`.
///
/// Threads    Any.
/// Crash      A holder's process is killed, or hangs for longer than the transport's `hang_timeout`:
///            what it held is lent to the next one in line, after a `check` if there is one.
///            The manager's process is killed: who waits gets an error at once, leases are no longer
///            `valid()`. Who starts it again begins with all resources free, and with larger tokens
///            than before: a resource that compares tokens refuses holders of old ones.
template <class T>
requires detail::process_argument<T>
class resource_manager {
 public:
  /// Starts lending. `name` is what it is found by.
  ///
  /// Errors     hawser::error, as of transport_host::publish. `bad_argument`: there is no resource,
  ///            one has no name, or its value means nothing in another process.
  resource_manager(caf::actor_system& system, std::string name,
                   const std::vector<std::pair<std::string, T>>& resources,
                   const resource_options<T>& options = {})
      : desk_(system, std::move(name), plan_of(resources, options)) {}

  /// Who waits gets `resource_error::closed`; who holds something learns that the manager has gone.
  /// Blocks     Until a `check`, `make` or `close` that runs has returned.
  ~resource_manager() = default;

  /// To send messages to.
  const caf::actor& actor() const noexcept { return desk_.actor(); }
  /// Blocks     Until the manager has answered; not in an actor of its system that may not block.
  resource_snapshot who() const { return desk_.who(); }

 private:
  static detail::resource_plan plan_of(const std::vector<std::pair<std::string, T>>& resources,
                                       const resource_options<T>& options) {
    detail::resource_plan plan{resource_type_name<T>(),
                               {},
                               options.lease_max,
                               options.check_every,
                               options.retry_first,
                               options.retry_most,
                               options.check_returned,
                               options.find_deadlocks,
                               {}};
    for (const auto& [name, value] : resources)
      plan.resources.push_back(
          detail::encode_resource(static_cast<std::uint32_t>(plan.resources.size()), name, value));
    if (options.check)
      plan.care.check = [check = options.check](const granted_resource& one) {
        return check(detail::decode_resource<T>(one));
      };
    if (options.make)
      plan.care.make = [make = options.make](std::uint32_t index, const std::string& name) {
        return detail::encode_resource(index, name, T(make(name)));
      };
    if (options.close)
      plan.care.close = [close = options.close](const granted_resource& one) {
        close(detail::decode_resource<T>(one));
      };
    return plan;
  }
  detail::resource_desk_owner desk_;
};

}  // namespace hawser::actors
