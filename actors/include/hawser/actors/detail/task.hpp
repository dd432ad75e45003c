/// The functions of this program that workers of a pool can run.
#pragma once

#include <hawser/actors/detail/entry.hpp>
#include <hawser/actors/detail/references.hpp>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace hawser::actors::detail {

struct task_entry {
  std::string name;
  function_address key;
  /// Reads a task's arguments, runs it, and appends its result; what that refers to is put into
  /// `result_with`, or written out if there is none. Throws what it throws, and bad_arguments.
  std::function<void(byte_source& arguments, const references& with, byte_buffer& result,
                     references* result_with)>
      run;
};

/// Never fails: a name taken by another task is remembered, and reported when it is used.
bool add_task(task_entry added) noexcept;
/// Throw hawser::error `not_found`, or `already_exists` if two have its name.
const task_entry& find_task(function_address key);
const task_entry& find_task(std::string_view name);

/// How a chunk of tasks begins, and the arguments of each, which follow. As in src/pool/chunk_code.hpp.
void begin_chunk(byte_buffer& out, const std::string& name, std::size_t count);
void put_arguments(byte_buffer& out, const byte_buffer& arguments);

/// How a result of type R is kept.
struct nothing {};
template <class R>
using kept_t = std::conditional_t<std::is_void_v<R>, nothing, std::decay_t<R>>;

template <class T>
void load_value(byte_source& from, T& value) {
  load_or(from, value, [](const std::string& why) { throw bad_arguments{why}; });
}

template <class R>
void save_result(byte_buffer& out, const R& value) {
  save_or(out, value, [](const std::string& why) {
    throw std::runtime_error("its result has no meaning in another process (" + why + ")");
  });
}

template <class R, class... Params>
bool register_task(const char* name, R (*function)(Params...)) noexcept {
  static_assert((process_argument<stored_t<Params>> && ...),
                "a parameter of this task cannot be handed to another process; give its type an "
                "inspect() function, and take no pointers");
  static_assert(std::is_void_v<R> || process_argument<std::decay_t<R>>,
                "the result of this task cannot be handed to another process; give its type an "
                "inspect() function");
  return add_task({name, key_of(function).function,
                   [function](byte_source& arguments, const references& with, byte_buffer& result,
                              references* result_with) {
                     std::tuple<stored_t<Params>...> values;
                     {
                       const reading_references finds{with};
                       std::apply([&](auto&... value) { (load_value(arguments, value), ...); },
                                  values);
                     }
                     if constexpr (std::is_void_v<R>) {
                       std::apply(function, std::move(values));
                     } else {
                       const std::decay_t<R> value = std::apply(function, std::move(values));
                       std::optional<writing_references> puts;
                       if (result_with != nullptr) puts.emplace(*result_with);
                       save_result(result, value);
                     }
                   }});
}

}  // namespace hawser::actors::detail

/// Makes `function` a task, which workers of a `worker_pool` can run. At namespace scope, after the
/// function's declaration. It takes and returns whatever can travel between processes.
#define HAWSER_TASK(function)                                                        \
  [[maybe_unused]] static const bool HAWSER_DETAIL_JOIN(hawser_task_, __COUNTER__) = \
      ::hawser::actors::detail::register_task(#function, &function)
