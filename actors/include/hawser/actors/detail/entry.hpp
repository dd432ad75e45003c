/// What a process can be started with: the registered entries of this program.
#pragma once

#include <hawser/actors/detail/actor_entry.hpp>
#include <hawser/actors/detail/arguments.hpp>

#include <caf/actor_config.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeindex>
#include <utility>

namespace hawser::actors::detail {

using function_address = void (*)();

/// Either a function or an actor class.
struct entry_key {
  function_address function = nullptr;
  std::type_index actor = typeid(void);

  friend bool operator==(const entry_key&, const entry_key&) = default;
};

struct entry {
  std::string name;
  entry_key key;
  std::type_index signature;  // the tuple of stored arguments
  std::string signature_text;
  /// Unpacks the arguments, calls `ready`, runs, returns the exit code.
  /// Throws what the entry throws, and bad_arguments.
  std::function<int(byte_buffer, const child_environment&)> run;
};

/// Never fails: a name taken by another entry is remembered, and reported when it is used.
bool add_entry(entry added) noexcept;

/// Throw hawser::error: unknown or ambiguous.
const entry& find_entry(const entry_key& key, std::string_view described_as);
const entry& find_entry(std::string_view name);
const entry& find_entry(std::string_view name, std::type_index signature,
                        const std::string& signature_text);

template <class... Args>
std::tuple<Args...> unpack(byte_buffer bytes) {
  std::tuple<Args...> arguments;
  if (caf::error reason = load_arguments({bytes.data(), bytes.size()}, arguments))
    throw bad_arguments{caf::to_string(reason)};
  return arguments;
}

template <class Result>
int exit_code_of(auto&& call) {
  if constexpr (std::is_void_v<Result>) {
    call();
    return 0;
  } else {
    return static_cast<int>(call());
  }
}

template <class First>
inline constexpr bool is_self_pointer = false;
template <class First>
requires std::is_base_of_v<caf::local_actor, First>
inline constexpr bool is_self_pointer<First*> = true;

/// How a function's parameters split into CAF's self pointer, if any, and arguments.
template <class... Params>
struct entry_traits {
  static constexpr bool is_actor = false;
  using arguments = std::tuple<stored_t<Params>...>;
};
template <class First, class... Params>
requires is_self_pointer<First>
struct entry_traits<First, Params...> {
  static constexpr bool is_actor = true;
  using arguments = std::tuple<stored_t<Params>...>;
};

template <class Function>
entry_key key_of(Function* function) {
  return {reinterpret_cast<function_address>(function), typeid(void)};
}

template <class Result, class... Params, class... Args>
entry function_entry(std::string name, Result (*function)(Params...),
                     std::type_identity<std::tuple<Args...>> arguments) {
  static_assert((process_argument<Args> && ...),
                "a parameter of this entry cannot be handed to another process; give its type an "
                "inspect() function, and take no pointers");
  auto run = [function](byte_buffer bytes, const child_environment& environment) {
    auto values = unpack<Args...>(std::move(bytes));
    if constexpr (entry_traits<Params...>::is_actor) {
      return run_actor(environment, [&](caf::actor_system& system) {
        return std::apply(
            [&](auto&... value) { return spawn_reporting(system, function, std::move(value)...); },
            values);
      });
    } else {
      static_assert(std::is_void_v<Result> || std::is_integral_v<Result>,
                    "an entry returns void or its exit code");
      environment.ready();
      return exit_code_of<Result>(
          [&]() -> Result { return std::apply(function, std::move(values)); });
    }
  };
  return {std::move(name), key_of(function), typeid(std::tuple<Args...>), signature_text(arguments),
          std::move(run)};
}

template <class Result, class... Params>
bool register_function(const char* name, Result (*function)(Params...)) noexcept {
  return add_entry(function_entry(
      name, function, std::type_identity<typename entry_traits<Params...>::arguments>{}));
}

template <class Actor, class... Args>
bool register_actor(const char* name, std::type_identity<std::tuple<Args...>> arguments) noexcept {
  static_assert((process_argument<Args> && ...),
                "an argument of this actor cannot be handed to another process; give its type an "
                "inspect() function, and take no pointers");
  static_assert(std::is_constructible_v<Actor, caf::actor_config&, Args...>,
                "the actor class has no constructor (caf::actor_config&, ARGUMENTS...)");
  auto run = [](byte_buffer bytes, const child_environment& environment) {
    auto values = unpack<Args...>(std::move(bytes));
    return run_actor(environment, [&](caf::actor_system& system) {
      return std::apply(
          [&](auto&... value) { return system.spawn<reporting_t<Actor>>(std::move(value)...); },
          values);
    });
  };
  return add_entry({name,
                    {nullptr, typeid(Actor)},
                    typeid(std::tuple<Args...>),
                    signature_text(arguments),
                    std::move(run)});
}

}  // namespace hawser::actors::detail

#define HAWSER_DETAIL_JOIN2(a, b) a##b
#define HAWSER_DETAIL_JOIN(a, b) HAWSER_DETAIL_JOIN2(a, b)

/// Makes `function` an entry that processes can be started with, by itself or by its name.
/// At namespace scope, after the function's declaration.
///
/// A function takes any arguments that can travel, and returns void or the exit code. A CAF
/// function (`caf::behavior counter(caf::event_based_actor* self, int start)`) runs as an actor
/// in a system of its own; the process ends when the actor does.
#define HAWSER_PROCESS(function)                                                      \
  [[maybe_unused]] static const bool HAWSER_DETAIL_JOIN(hawser_entry_, __COUNTER__) = \
      ::hawser::actors::detail::register_function(#function, &function)

/// The same for an actor class: `HAWSER_PROCESS_ACTOR(counter, int, std::string)` names the
/// class and its constructor's arguments after `caf::actor_config&`. In the class's namespace.
#define HAWSER_PROCESS_ACTOR(actor, ...)                                              \
  [[maybe_unused]] inline ::std::type_identity<::std::tuple<__VA_ARGS__>>             \
  hawser_process_arguments(::std::type_identity<actor>) {                             \
    return {};                                                                        \
  }                                                                                   \
  [[maybe_unused]] static const bool HAWSER_DETAIL_JOIN(hawser_entry_, __COUNTER__) = \
      ::hawser::actors::detail::register_actor<actor>(                                \
          #actor, ::std::type_identity<::std::tuple<__VA_ARGS__>>{})
