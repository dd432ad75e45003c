/// Functions around functions: to time, log, count or repeat a call without changing what is called.
///
/// ```cpp
/// auto seen = logged("square", square, [](const std::string& line) { std::clog << line << '\n'; });
/// auto sure = retried(timed(fetch, [&](auto took) { times.add(took); }), {.attempts = 3});
///
/// int sure_square(int x) {                             // a task of a pool is a function
///   static auto one = retried(square, {.attempts = 3});
///   return one(x);
/// }
/// HAWSER_TASK(sure_square);
///
/// caf::behavior counting(caf::event_based_actor*, call_counts* counts) {
///   return wrapped_behavior([=](auto handler) { return counted(std::move(handler), *counts); },
///                           [](deposit_atom, int amount) { ... },
///                           [](balance_atom) { ... });
/// }
/// ```
/// A wrapped function has the parameters and the result of the one inside, and may be wrapped again. It
/// has failed if it has thrown, or returned a caf::error, also in a caf::result or caf::expected.
#pragma once

#include <hawser/actors/caf_compat.hpp>

#include <caf/behavior.hpp>
#include <caf/deep_to_string.hpp>
#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/result.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace hawser::actors {

/// What `counted` counts. May be shared by threads, and by processes in memory that they share.
struct call_counts {
  std::atomic<std::uint64_t> calls{0}, failed{0};
};

/// How `retried` repeats.
struct retry_options {
  unsigned attempts = 3;              ///< Altogether.
  std::chrono::nanoseconds pause{0};  ///< Before the second one. The thread sleeps.
  double growth = 2;                  ///< Of each pause to the next.
  std::chrono::nanoseconds pause_max = std::chrono::seconds{10};
};

namespace detail {

template <class F>
struct signature_of : signature_of<decltype(&F::operator())> {};
template <class R, class... Args>
struct signature_of<R (*)(Args...)> {
  template <class Inside, class Around>
  class wrapped {
   public:
    static_assert((!std::is_rvalue_reference_v<Args> && ...),
                  "a parameter that is an rvalue reference can be used up once only");
    wrapped(Inside inside, Around around)
        : inside_(std::move(inside)), around_(std::move(around)) {}

    R operator()(Args... args) {
      return around_([&]() -> R { return inside_(args...); }, std::as_const(args)...);
    }

   private:
    Inside inside_;
    Around around_;
  };
};
template <class R, class... Args>
struct signature_of<R(Args...)> : signature_of<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct signature_of<R (C::*)(Args...)> : signature_of<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct signature_of<R (C::*)(Args...) const> : signature_of<R (*)(Args...)> {};
template <class R, class... Args>
struct signature_of<R (*)(Args...) noexcept> : signature_of<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct signature_of<R (C::*)(Args...) noexcept> : signature_of<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct signature_of<R (C::*)(Args...) const noexcept> : signature_of<R (*)(Args...)> {};

template <class Function, class Around>
auto wrap(Function function, Around around) {
  using wrapped = typename signature_of<Function>::template wrapped<Function, Around>;
  return wrapped{std::move(function), std::move(around)};
}

/// What a result says that went wrong. Nothing: it has not failed.
template <class T>
caf::error failure_in(const T&) {
  return {};
}
inline caf::error failure_in(const caf::error& result) { return result; }
template <class T>
caf::error failure_in(const caf::expected<T>& result) {
  return result ? caf::error{} : result.error();
}
template <class... Ts>
caf::error failure_in(const caf::result<Ts...>& result) {
  return result.flag == caf::rt_error ? result.err : caf::error{};
}

/// Calls, and tells `then(why, result)` how it was: why it failed, nullptr if it has not, and a pointer
/// to the result, if there is one.
template <class Call, class Then>
auto observe(const Call& call, Then then) -> decltype(call()) {
  using result_type = decltype(call());
  try {
    if constexpr (std::is_void_v<result_type>) {
      call();
    } else {
      result_type result = call();
      const caf::error why = failure_in(result);
      then(why ? caf::to_string(why).c_str() : nullptr, &result);
      return result;
    }
  } catch (const std::exception& thrown) {
    then(thrown.what(), static_cast<const int*>(nullptr));
    throw;
  } catch (...) {
    then("an exception", static_cast<const int*>(nullptr));
    throw;
  }
  then(nullptr, static_cast<const int*>(nullptr));  // of a void
}

template <class T>
std::string text_of(const T& value) {
  return caf::deep_to_string(value);
}
template <class T>
std::string text_of(const caf::expected<T>& value) {
  return caf::deep_to_string(*value);
}
template <class... Ts>
std::string text_of(const caf::result<Ts...>&) {
  return "a result";  // that may come later
}

}  // namespace detail

/// Tells `sink(std::chrono::nanoseconds)` how long each call took, also one that failed.
///
/// Threads    As the function and the sink.
template <class Function, class Sink>
auto timed(Function function, Sink sink) {
  return detail::wrap(std::move(function),
                      [sink = std::move(sink)](const auto& call, const auto&...) mutable {
                        const auto begun = std::chrono::steady_clock::now();
                        return detail::observe(call, [&](const char*, const auto*) {
                          sink(std::chrono::nanoseconds{std::chrono::steady_clock::now() - begun});
                        });
                      });
}

/// Tells `sink(std::string)` of each call, when it has ended: `square(3) = 9, 12 us`,
/// `open("x") failed: no such file, 3 us`.
template <class Function, class Sink>
auto logged(std::string name, Function function, Sink sink) {
  return detail::wrap(std::move(function), [name = std::move(name), sink = std::move(sink)](
                                               const auto& call, const auto&... args) mutable {
    const auto begun = std::chrono::steady_clock::now();
    return detail::observe(call, [&](const char* why, const auto* result) {
      const auto took = std::chrono::duration_cast<std::chrono::microseconds>(
          std::chrono::steady_clock::now() - begun);
      std::string line = name + '(';
      [[maybe_unused]] const char* between = "";
      ((line.append(std::exchange(between, ", ")).append(detail::text_of(args))), ...);
      line += ')';
      if (why != nullptr) line.append(" failed: ").append(why);
      else if (result != nullptr) line.append(" = ").append(detail::text_of(*result));
      sink(line + ", " + std::to_string(took.count()) + " us");
    });
  });
}

/// Counts the calls, and those that failed, in `counts`, which is to outlive it.
template <class Function>
auto counted(Function function, call_counts& counts) {
  return detail::wrap(std::move(function), [&counts](const auto& call, const auto&...) {
    return detail::observe(call, [&](const char* why, const auto*) {
      counts.calls.fetch_add(1, std::memory_order_relaxed);
      if (why != nullptr) counts.failed.fetch_add(1, std::memory_order_relaxed);
    });
  });
}

/// Calls again, with the same arguments, what has failed. The last failure is the caller's.
///
/// Blocks     In the pauses: not for handlers of actors that share threads, unless `pause` is 0.
template <class Function>
auto retried(Function function, retry_options how = {}) {
  return detail::wrap(std::move(function), [how](const auto& call, const auto&...) {
    auto pause = how.pause;
    for (unsigned left = std::max(how.attempts, 1U) - 1;; --left) {
      try {
        if constexpr (std::is_void_v<decltype(call())>) {
          return call();
        } else {
          auto result = call();
          if (left == 0 || !detail::failure_in(result)) return result;
        }
      } catch (...) {
        if (left == 0) throw;
      }
      if (pause.count() > 0) std::this_thread::sleep_for(pause);
      pause = std::min(how.pause_max, std::chrono::nanoseconds{static_cast<std::int64_t>(
                                          static_cast<double>(pause.count()) * how.growth)});
    }
  });
}

/// A behavior of handlers that are each wrapped by `wrapper(handler)`.
template <class Wrapper, class... Handlers>
caf::behavior wrapped_behavior(Wrapper wrapper, Handlers... handlers) {
  return caf::behavior{wrapper(std::move(handlers))...};
}

}  // namespace hawser::actors
