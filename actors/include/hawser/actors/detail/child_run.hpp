/// What a supervisor knows of its children: how to start one, and one life of it.
#pragma once

#include <hawser/actors/detail/actor_entry.hpp>
#include <hawser/actors/detail/describe_exception.hpp>
#include <hawser/actors/process.hpp>
#include <hawser/actors/supervisor_event.hpp>
#include <hawser/actors/supervisor_options.hpp>

#include <caf/actor.hpp>
#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace hawser::actors::detail {

class supervisor_core;

/// One life of one child. Used by its supervisor's thread, but the last ones.
class child_run {
 public:
  virtual ~child_run() = default;

  /// Waits until it is started, or `give_up`. `ended` is called once after its end, by any thread.
  /// Errors     hawser::error.
  virtual void start(const std::stop_token& give_up, std::function<void()> ended) = 0;
  virtual void ask_to_end() = 0;
  virtual void kill() = 0;
  /// Whether it gives no sign of life; asked now and then.
  virtual bool hangs(std::chrono::steady_clock::time_point) { return false; }
  /// Once it has ended, or could not start: then only its output counts.
  virtual child_end end() = 0;

  virtual pid_t pid() const { return 0; }
  virtual caf::actor actor() const { return {}; }
  virtual std::shared_ptr<supervisor_core> tree() const { return nullptr; }
};

/// Where a tree is run.
struct tree_place {
  caf::actor_system* system = nullptr;
  std::string path;  ///< `storage/`; of the root empty.
  std::function<void(const supervisor_event&)> tell;
};

struct child_spec {
  std::string name;
  child_info::kind what = child_info::kind::process;
  restart_when restart = permanent;
  std::chrono::milliseconds stop_timeout{};  ///< 0, of a supervisor: as long as it takes.
  std::chrono::milliseconds hang_timeout{0};
  std::function<std::unique_ptr<child_run>(const tree_place&)> make;
};

using process_factory = std::function<process(const process_options&)>;
child_spec process_child(std::string name, const process_child_options& options,
                         process_factory spawn);

/// What escaped from an actor; written by it before it ends.
using escaped_pointer = std::shared_ptr<escaped_exception>;
using actor_factory = std::function<caf::actor(caf::actor_system&, const escaped_pointer&)>;
child_spec actor_child(std::string name, const child_options& options, actor_factory spawn);

inline auto keep_and_quit(escaped_pointer kept) {
  return [kept = std::move(kept)](std::exception_ptr& escaped) -> caf::error {
    *kept = describe_exception(escaped);
    return unhandled_exception();
  };
}

/// Spawns a CAF function whose escaping exceptions are kept. A handler that it sets wins.
template <class Result, class Self, class... Params, class... Args>
auto spawn_keeping(caf::actor_system& system, const escaped_pointer& kept,
                   Result (*function)(Self, Params...), const Args&... arguments) {
  return system.spawn(
      [function, kept](Self self, Params... values) -> Result {
        if constexpr (std::is_base_of_v<caf::scheduled_actor, std::remove_pointer_t<Self>>) {
          self->set_exception_handler(keep_and_quit(kept));
          return function(self, std::forward<Params>(values)...);
        } else {
          try {
            return function(self, std::forward<Params>(values)...);
          } catch (...) {
            *kept = describe_exception(std::current_exception());
            throw;
          }
        }
      },
      arguments...);
}

/// An actor class, likewise.
template <class Actor>
class keeping : public Actor {
 public:
  template <class... Args>
  keeping(caf::actor_config& config, const escaped_pointer& kept, Args&&... arguments)
      : Actor(config, std::forward<Args>(arguments)...) {
    using function = caf::error (*)(caf::scheduled_actor*, std::exception_ptr&);
    const auto* handler = this->exception_handler_.template target<function>();
    if (handler != nullptr && *handler == &caf::scheduled_actor::default_exception_handler)
      this->set_exception_handler(keep_and_quit(kept));
  }
};

template <class Actor, class... Args>
caf::actor spawn_class(caf::actor_system& system, const escaped_pointer& kept,
                       const Args&... arguments) {
  if constexpr (std::is_base_of_v<caf::scheduled_actor, Actor> && !std::is_final_v<Actor>)
    return caf::actor_cast<caf::actor>(system.spawn<keeping<Actor>>(kept, arguments...));
  else return caf::actor_cast<caf::actor>(system.spawn<Actor>(arguments...));
}

}  // namespace hawser::actors::detail
