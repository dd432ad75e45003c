/// One value that processes share: whole at every instruction, whoever is killed.
///
/// ```cpp
/// shm::value<std::int64_t> counter{open_or_create, "counter"};
/// counter.update([](std::int64_t& n) { ++n; });          // exactly one more
///
/// auto seen = counter.load_versioned();
/// seen = counter.wait_change(seen.version);              // sleeps until somebody has changed it
/// ```
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/message_io.hpp>
#include <hawser/shm/detail/value_core.hpp>
#include <hawser/shm/segment.hpp>

#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include <sys/types.h>

namespace hawser::shm {

/// What a creator chooses.
struct value_options {
  mode_t mode = 0600;  ///< Who may open it, as for a file.
  bool keep = false;   ///< Outlives its processes until shm::remove.
};

/// A value and how many changes led to it: 0 for the one it was created with.
template <class T>
struct versioned {
  T value;
  std::uint64_t version = 0;
};

/// What turns one value into the next: `void(T&)` changes it, `T(const T&)` returns the new one.
template <class F, class T>
concept value_update = requires(F&& f, T& value) {
  { std::invoke(f, value) } -> std::same_as<void>;
}
|| requires(F&& f, const T& value) {
  { std::invoke(f, value) } -> std::convertible_to<T>;
};

/// A T in shared memory, read and changed as a whole by any threads of any processes. T is
/// trivially copyable and of any size.
///
/// Blocks     Reading waits for nobody. Changing waits for another process that is changing it: a
///            few dozen instructions, or as long as its update function takes. A process that is
///            *stopped* (SIGSTOP) exactly there stops those who change it, not those who read.
/// Threads    All member functions, from any threads. Moving and destroying: one thread, with
///            no other inside. Not from signal handlers. After fork, the child takes a place
///            of its own at its first use.
/// Crash      A change commits with one store: a process killed anywhere leaves the old value or
///            the new one, and whoever waits goes on within milliseconds.
template <in_place_message T>
class value {
 public:
  using value_type = T;

  /// Creates it. A stale one of the same name is replaced.
  /// Errors     `already_exists`, `no_space`, `bad_name`, `bad_argument`, `permission_denied`,
  ///            `foreign_owner`, `busy`, `no_resources`.
  value(create_only_t, std::string_view name, const T& initial = T{}, value_options options = {})
      : core_(make(detail::opening::create_only, name, &initial, options)) {}

  /// Opens it if somebody is attached (or it is kept), as it is; else creates it.
  /// Errors     Those of both.
  value(open_or_create_t, std::string_view name, const T& initial = T{}, value_options options = {})
      : core_(make(detail::opening::open_or_create, name, &initial, options)) {}

  /// Opens an existing one.
  /// Errors     `not_found`, `stale`, `damaged`, `version_mismatch`, `kind_mismatch`,
  ///            `type_mismatch`, `permission_denied`, `foreign_owner`, `too_many_participants`,
  ///            `busy`, `no_resources`.
  value(open_only_t, std::string_view name)
      : core_(make(detail::opening::open_only, name, nullptr, {})) {}

  /// The value as last committed, never half of a change.
  T load() const { return load_versioned().value; }
  /// The same, and its version.
  versioned<T> load_versioned() const {
    bytes_of_t bytes;
    const std::uint64_t version = core_->load(bytes.data, sizeof(T));
    return {std::bit_cast<T>(bytes), version};
  }
  /// How many changes were committed.
  [[nodiscard]] std::uint64_t version() const noexcept { return core_->version(); }

  /// Makes it `desired`.
  void store(const T& desired) {
    core_->modify(sizeof(T), {}, [&](const detail::shared_word*) { return bytes_in(desired); });
  }

  /// Makes it `desired`.
  ///
  /// Returns    What it was.
  T exchange(const T& desired) {
    bytes_of_t was;
    core_->modify(sizeof(T), {}, [&](const detail::shared_word* now) {
      detail::read_words(now, was.data, sizeof(T));
      return bytes_in(desired);
    });
    return std::bit_cast<T>(was);
  }

  /// Makes it `desired` if it equals (==) `expected`; else `expected` becomes what it is.
  ///
  /// Returns    Whether it was changed.
  bool compare_exchange(T& expected, const T& desired) requires std::equality_comparable<T> {
    bool equal = false;
    core_->modify(sizeof(T), {}, [&](const detail::shared_word* now) -> const std::byte* {
      const T current = copy_of(now);
      equal = current == expected;
      if (equal) return bytes_in(desired);
      expected = current;
      return nullptr;
    });
    return equal;
  }

  /// Changes it by `f`, which gets a private copy and must not use this value itself. If `f`
  /// throws, nothing happened.
  ///
  /// Returns    The new value.
  /// Blocks     While another process changes it. Others who change it wait for `f`.
  /// Crash      Killed inside `f`, nothing happened.
  template <value_update<T> F>
  T update(F&& f) {
    return *changed<false>(f, {});
  }
  /// The same; returns the value before.
  template <value_update<T> F>
  T fetch_update(F&& f) {
    return *changed<true>(f, {});
  }
  /// `update` that waits for others for `duration` at most; nothing if that was not enough.
  template <value_update<T> F, class Rep, class Period>
  [[nodiscard]] std::optional<T> update_for(std::chrono::duration<Rep, Period> duration, F&& f) {
    return changed<false>(f, detail::deadline_after(duration));
  }
  template <value_update<T> F, class Clock, class Duration>
  [[nodiscard]] std::optional<T> update_until(std::chrono::time_point<Clock, Duration> time,
                                              F&& f) {
    return changed<false>(f, detail::deadline_at(time));
  }

  /// Waits until the version is another one than `seen`.
  ///
  /// Returns    The value then. Changes that followed each other quickly are seen as one.
  /// Blocks     Until somebody changes it.
  versioned<T> wait_change(std::uint64_t seen) const {
    core_->wait_change(seen, {});
    return load_versioned();
  }
  /// The same, for `duration` at most; nothing if there was no change.
  template <class Rep, class Period>
  [[nodiscard]] std::optional<versioned<T>> wait_change_for(
      std::uint64_t seen, std::chrono::duration<Rep, Period> duration) const {
    return changed_before(seen, detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  [[nodiscard]] std::optional<versioned<T>> wait_change_until(
      std::uint64_t seen, std::chrono::time_point<Clock, Duration> time) const {
    return changed_before(seen, detail::deadline_at(time));
  }

  /// Calls `callback` once, from Hawser's own thread, when the version is another one than
  /// `seen`; soon if it is already. Destroying the handle cancels.
  ///
  /// Errors     `no_resources`: no thread or descriptor is left.
  /// Blocks     Never; `callback` must not block either.
  [[nodiscard]] async_wait_handle async_wait(std::uint64_t seen, std::function<void()> callback) {
    return async_wait_handle{core_->async_wait(seen, std::move(callback))};
  }
  /// The same as for every channel (see condition.hpp): readable when it was changed since this
  /// object has read or changed it last, writable always.
  [[nodiscard]] async_wait_handle async_wait(ready what, std::function<void()> callback) {
    return async_wait_handle{core_->async_wait(what, std::move(callback))};
  }

  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }

 private:
  struct bytes_of_t {
    alignas(T) std::byte data[sizeof(T)];
  };

  static const std::byte* bytes_in(const T& value) noexcept {
    return reinterpret_cast<const std::byte*>(&value);
  }
  static T copy_of(const detail::shared_word* words) noexcept {
    bytes_of_t bytes;
    detail::read_words(words, bytes.data, sizeof(T));
    return std::bit_cast<T>(bytes);
  }

  static std::unique_ptr<detail::value_core> make(detail::opening how, std::string_view name,
                                                  const T* initial, const value_options& options) {
    detail::value_request request;
    request.name = name;
    request.how = how;
    request.value_bytes = sizeof(T);
    request.initial = initial != nullptr ? bytes_in(*initial) : nullptr;
    request.mode = options.mode;
    request.keep = options.keep;
    request.type_fingerprint = detail::type_fingerprint<T>();
    request.type_name = typeid(T).name();
    return std::make_unique<detail::value_core>(request);
  }

  template <bool Before, class F>
  std::optional<T> changed(F& f, const detail::deadline& until) {
    std::optional<T> before, after;
    const bool done = core_->modify(sizeof(T), until, [&](const detail::shared_word* now) {
      after.emplace(copy_of(now));
      if constexpr (Before) before = after;
      if constexpr (std::is_void_v<std::invoke_result_t<F&, T&>>) std::invoke(f, *after);
      else after.emplace(std::invoke(f, std::as_const(*after)));
      return bytes_in(*after);
    });
    if (!done) return std::nullopt;
    if constexpr (Before) return before;
    return after;
  }

  std::optional<versioned<T>> changed_before(std::uint64_t seen,
                                             const detail::deadline& until) const {
    if (!core_->wait_change(seen, until)) return std::nullopt;
    return load_versioned();
  }

  std::unique_ptr<detail::value_core> core_;
};

}  // namespace hawser::shm
