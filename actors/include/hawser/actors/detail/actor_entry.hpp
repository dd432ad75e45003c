/// Running an actor as a process of its own: the child's side.
#pragma once

#include <hawser/actors/caf_compat.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduled_actor.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace hawser::actors::detail {

/// The bytes that arrived are not the entry's arguments.
struct bad_arguments : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using config_factory = std::unique_ptr<caf::actor_system_config> (*)();

struct child_environment {
  config_factory make_config;
  std::function<void()> ready;  // tells the parent that the entry runs from here on
};

/// Tells the parent what went wrong; the first time counts.
void report_failure(const std::string& type, const std::string& message);
void report_exception(const std::exception_ptr& escaped) noexcept;

/// The actor system of a process that is one actor, and what ends it: the actor, or SIGTERM,
/// which reaches the actor as an exit message (`user_shutdown`); a second SIGTERM kills.
class actor_host {
 public:
  explicit actor_host(const child_environment& environment);
  ~actor_host();
  actor_host(const actor_host&) = delete;

  caf::actor_system& system();
  /// Returns the exit code once the actor is gone.
  int run(const caf::actor& main_actor);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

template <class Spawn>
int run_actor(const child_environment& environment, Spawn spawn) {
  actor_host host{environment};
  environment.ready();
  return host.run(caf::actor_cast<caf::actor>(spawn(host.system())));
}

inline caf::error report_and_quit(caf::scheduled_actor*, std::exception_ptr& escaped) {
  report_exception(escaped);
  return unhandled_exception();
}

/// Spawns a CAF function, with its escaping exceptions told to the parent. A handler that the
/// function sets wins.
template <class Result, class Self, class... Params, class... Args>
auto spawn_reporting(caf::actor_system& system, Result (*function)(Self, Params...),
                     Args... arguments) {
  return system.spawn(
      [function](Self self, Params... values) -> Result {
        if constexpr (std::is_base_of_v<caf::scheduled_actor, std::remove_pointer_t<Self>>) {
          self->set_exception_handler(report_and_quit);
          return function(self, std::forward<Params>(values)...);
        } else {
          try {
            return function(self, std::forward<Params>(values)...);
          } catch (...) {
            report_exception(std::current_exception());
            throw;
          }
        }
      },
      std::move(arguments)...);
}

/// An actor class, likewise.
template <class Actor>
class reporting : public Actor {
 public:
  template <class... Args>
  explicit reporting(caf::actor_config& config, Args&&... arguments)
      : Actor(config, std::forward<Args>(arguments)...) {
    const auto* handler = this->exception_handler_.template target<exception_handler_function>();
    if (handler != nullptr && *handler == &caf::scheduled_actor::default_exception_handler)
      this->set_exception_handler(report_and_quit);
  }
};

template <class Actor>
using reporting_t =
    std::conditional_t<std::is_base_of_v<caf::scheduled_actor, Actor> && !std::is_final_v<Actor>,
                       reporting<Actor>, Actor>;

}  // namespace hawser::actors::detail
