/// The calls that add a child, to a supervisor that runs or does not yet.
#pragma once

#include <hawser/actors/detail/child_run.hpp>

#include <concepts>
#include <tuple>
#include <type_traits>
#include <utility>

namespace hawser::actors::detail {

/// `Derived` has `Derived& add(child_spec)`.
template <class Derived>
class child_list {
 public:
  /// A process that runs a registered function (HAWSER_PROCESS), as `process::spawn` has it. The
  /// arguments are kept for the restarts. Without options: permanent.
  template <class Result, class... Params, class... Args>
  requires entry_arguments<typename entry_traits<Params...>::arguments, Args...> Derived& process(
      std::string name, const process_child_options& options, Result (*function)(Params...),
      Args&&... args) {
    typename entry_traits<Params...>::arguments kept(std::forward<Args>(args)...);
    return derived().add(process_child(
        std::move(name), options, [function, kept = std::move(kept)](const process_options& how) {
          return std::apply(
              [&](const auto&... each) { return actors::process::spawn(how, function, each...); },
              kept);
        }));
  }
  template <class Result, class... Params, class... Args>
  requires entry_arguments<typename entry_traits<Params...>::arguments, Args...> Derived& process(
      std::string name, Result (*function)(Params...), Args&&... args) {
    return process(std::move(name), process_child_options{}, function, std::forward<Args>(args)...);
  }
  /// A process that runs a registered actor class (HAWSER_PROCESS_ACTOR).
  template <class Actor, class... Args>
  requires entry_arguments<actor_arguments<Actor>, Args...> Derived& process(
      std::string name, const process_child_options& options, Args&&... args) {
    actor_arguments<Actor> kept(std::forward<Args>(args)...);
    return derived().add(process_child(
        std::move(name), options, [kept = std::move(kept)](const process_options& how) {
          return std::apply(
              [&](const auto&... each) { return actors::process::spawn<Actor>(how, each...); },
              kept);
        }));
  }

  /// An actor of this process: a CAF function, whose first parameter is `self`, and its arguments,
  /// which are kept for the restarts.
  template <class Result, class Self, class... Params, class... Args>
  requires is_self_pointer<Self> &&
      (sizeof...(Params) ==
       sizeof...(Args)) Derived& actor(std::string name, const child_options& options,
                                       Result (*function)(Self, Params...), Args&&... args) {
    return derived().add(actor_child(
        std::move(name), options,
        [function, kept = std::tuple<std::decay_t<Params>...>(std::forward<Args>(args)...)](
            caf::actor_system& system, const escaped_pointer& escaped) {
          return std::apply(
              [&](const auto&... each) {
                return caf::actor_cast<caf::actor>(
                    spawn_keeping(system, escaped, function, each...));
              },
              kept);
        }));
  }
  template <class Result, class Self, class... Params, class... Args>
  requires is_self_pointer<Self> &&
      (sizeof...(Params) == sizeof...(Args)) Derived& actor(std::string name,
                                                            Result (*function)(Self, Params...),
                                                            Args&&... args) {
    return actor(std::move(name), child_options{}, function, std::forward<Args>(args)...);
  }
  /// An actor class, and its constructor's arguments.
  template <class Actor, class... Args>
  requires std::is_base_of_v<caf::local_actor, Actor> Derived& actor(std::string name,
                                                                     const child_options& options,
                                                                     Args&&... args) {
    return derived().add(actor_child(
        std::move(name), options,
        [kept = std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)](
            caf::actor_system& system, const escaped_pointer& escaped) {
          return std::apply(
              [&](const auto&... each) { return spawn_class<Actor>(system, escaped, each...); },
              kept);
        }));
  }
  /// Whatever makes an actor: `[=](caf::actor_system& system) { return system.spawn(...); }`.
  template <std::invocable<caf::actor_system&> Factory>
  Derived& actor(std::string name, const child_options& options, Factory factory) {
    return derived().add(actor_child(
        std::move(name), options,
        [factory = std::move(factory)](caf::actor_system& system, const escaped_pointer&) mutable {
          return caf::actor_cast<caf::actor>(factory(system));
        }));
  }
  template <std::invocable<caf::actor_system&> Factory>
  Derived& actor(std::string name, Factory factory) {
    return actor(std::move(name), child_options{}, std::move(factory));
  }

 private:
  Derived& derived() { return static_cast<Derived&>(*this); }
};

}  // namespace hawser::actors::detail
