/// Publish and subscribe between processes: every subscriber sees every message, in order.
///
/// ```cpp
/// shm::topic<tick> ticks{open_or_create, "ticks", {.capacity = 1024}};
/// ticks.publish({"ACME", 101.5});
///
/// // In any other process:
/// shm::subscription<tick> mine{open_only, "ticks", {.history = 10}};
/// while (auto one = mine.take()) show(*one);      // ends when the topic is closed
/// ```
#pragma once

#include <hawser/shm/subscription.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

namespace hawser::shm {

/// What a creator chooses. `open_or_create` of a live topic demands the same values.
struct topic_options {
  std::size_t capacity = 1024;           ///< Messages that are there for subscribers.
  std::size_t message_bytes_max = 4096;  ///< Only for types of variable size: the largest.
  mode_t mode = 0600;                    ///< Who may open it, as for a file.
  bool keep = false;                     ///< Outlives its processes until shm::remove.
};

/// Counts since the topic was created, by all processes together. A process that is killed may
/// take the one count of its last operation along.
struct topic_counters {
  std::uint64_t published = 0;  ///< Messages committed.
  std::uint64_t waits = 0;      ///< Times a publisher or subscriber went to sleep.
  std::uint64_t cut_off = 0;    ///< Times a lossless subscriber's patience ran out.
};

/// The publishing side of a topic of messages of type T: any number of publishers, up to 255
/// publishers and subscribers together.
///
/// The last `capacity` messages are in the topic. What a message costs its publisher does not
/// depend on the number of subscribers, until a lossless one is at its limit: then publishers
/// wait for it. A subscriber that is killed there lets them go on within milliseconds; one that
/// is *stopped* holds them up as long as it is, or until its `patience` ends. Subscribers that
/// choose `latest` hold up nobody.
///
/// T is trivially copyable, a contiguous range such as std::string, or has a `codec`.
///
/// Blocks     Functions named try_ wait for nobody but another process inside the same few
///            dozen instructions. A publisher that is *stopped* exactly there stops the others;
///            one that is killed there does not.
/// Threads    All member functions, from any threads. Moving and destroying: one thread, with
///            no other inside. Not from signal handlers. After fork, the child takes a place of
///            its own at its first use.
/// Crash      Every operation commits with one store: a process killed anywhere leaves either
///            all of it or nothing, and whoever waits goes on within milliseconds.
template <message T>
class topic {
 public:
  using value_type = T;

  /// Creates the topic. A stale one of the same name is replaced.
  /// Errors     `already_exists`, `no_space`, `bad_name`, `bad_argument`, `permission_denied`,
  ///            `foreign_owner`, `busy`, `no_resources`.
  topic(create_only_t, std::string_view name, topic_options options = {})
      : core_(make(detail::opening::create_only, name, options)) {}

  /// Opens it if somebody is attached (or it is kept), else creates it.
  /// Errors     Those of both, `capacity_mismatch` if its sizes are others.
  topic(open_or_create_t, std::string_view name, topic_options options = {})
      : core_(make(detail::opening::open_or_create, name, options)) {}

  /// Opens an existing topic.
  /// Errors     `not_found`, `stale`, `damaged`, `version_mismatch`, `kind_mismatch`,
  ///            `type_mismatch`, `permission_denied`, `foreign_owner`, `too_many_participants`,
  ///            `busy`, `no_resources`.
  topic(open_only_t, std::string_view name) : core_(make(detail::opening::open_only, name, {})) {}

  /// Publishes `value`; waits while a lossless subscriber is at its limit.
  ///
  /// Returns    `ok` or `closed`.
  /// Errors     `too_large` for a message above `message_bytes_max`.
  /// Blocks     Until no lossless subscriber is in the way, or the topic is closed.
  /// Crash      The whole message is there or nothing of it.
  push_status publish(const T& value) { return publish_before({}, value); }

  /// The same, without waiting for subscribers: `ok`, `full` or `closed`.
  [[nodiscard]] push_status try_publish(const T& value) {
    return with_message(value, [&](auto&& write) { return core_->try_publish(1, {}, write); });
  }

  /// The same, waiting for `duration` at most: `ok`, `closed` or `timed_out`.
  template <class Rep, class Period>
  [[nodiscard]] push_status publish_for(const T& value,
                                        std::chrono::duration<Rep, Period> duration) {
    return publish_before(detail::deadline_after(duration), value);
  }
  template <class Clock, class Duration>
  [[nodiscard]] push_status publish_until(const T& value,
                                          std::chrono::time_point<Clock, Duration> time) {
    return publish_before(detail::deadline_at(time), value);
  }

  /// Publishes all of `values` in order; waits while a lossless subscriber is at its limit.
  ///
  /// Returns    How many are out: all, unless the topic was closed.
  /// Errors     `too_large`; then nothing is out.
  /// Crash      Each run of messages that found space together is committed by one store: a
  ///            batch that fits at once is there as a whole or not at all. A publisher killed
  ///            inside may take the oldest messages along that its batch was written over.
  template <std::ranges::random_access_range Range>
  requires std::same_as<std::ranges::range_value_t<Range>, T> std::size_t publish_batch(
      const Range& values) {
    return publish_many(
        values, [this](std::size_t n, auto&& write) { return core_->publish(n, {}, write); });
  }

  /// Publishes as many of `values` as there is space for, by one commit. Returns how many.
  template <std::ranges::random_access_range Range>
  requires std::same_as<std::ranges::range_value_t<Range>, T> std::size_t try_publish_batch(
      const Range& values) {
    bool once = false;
    return publish_many(values, [&](std::size_t n, auto&& write) {
      if (std::exchange(once, true)) return detail::publish_result{0, push_status::full};
      return core_->try_publish(n, {}, write);
    });
  }

  /// Subscribes from this process: the same as `subscription<T>{open_only, name(), options}`.
  /// Errors     Those of opening it, `bad_argument`.
  [[nodiscard]] subscription<T> subscribe(subscription_options options = {}) const {
    return subscription<T>{open_only, name(), options};
  }

  /// Ends the topic: publishing returns `closed` from now on; subscribers get what is left, then
  /// the end. Wakes everybody.
  void close() { core_->close(); }
  [[nodiscard]] bool closed() const noexcept { return core_->closed(); }

  [[nodiscard]] std::size_t capacity() const noexcept { return core_->slots(); }
  /// The largest message in bytes.
  [[nodiscard]] std::size_t message_bytes_max() const noexcept { return core_->payload_bytes(); }
  /// Subscriptions at the moment, in all processes. A snapshot.
  [[nodiscard]] std::size_t subscribers() const noexcept { return core_->subscribers(); }
  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }
  [[nodiscard]] topic_counters counters() const noexcept {
    const auto& all = core_->layout();
    return {core_->published(), all.waits.load(std::memory_order_relaxed),
            all.cut_off.load(std::memory_order_relaxed)};
  }

  /// Calls `callback` once, from Hawser's own thread, when nobody may be in the way of a
  /// publisher, or the topic is closed; soon if that is so already. Destroying the handle cancels.
  ///
  /// Errors     `no_resources`: no thread or descriptor is left; `not_supported` for
  ///            `ready::readable`, which a subscription can be.
  /// Blocks     Never; `callback` must not block either.
  [[nodiscard]] async_wait_handle async_wait(ready what, std::function<void()> callback) {
    if (what != ready::writable)
      throw make_error(errc::not_supported, "wait for", name(),
                       "a topic is never readable; wait for a subscription");
    return async_wait_handle{core_->await_writable(std::move(callback))};
  }

 private:
  using io = detail::message_io<T>;

  static std::unique_ptr<detail::topic_core> make(detail::opening how, std::string_view name,
                                                  const topic_options& options) {
    detail::topic_request request = detail::topic_request_for<T>(name);
    request.how = how;
    request.capacity = options.capacity;
    if (!io::fixed) request.message_bytes = options.message_bytes_max;
    request.mode = options.mode;
    request.keep = options.keep;
    return std::make_unique<detail::topic_core>(request);
  }

  void check(const auto& prepared) const {
    if constexpr (!io::fixed)
      if (prepared.size() > core_->payload_bytes()) detail::refuse_message(*core_, prepared.size());
  }

  /// Calls `operate(write)` with a writer for one message.
  template <class Operate>
  push_status with_message(const T& value, Operate&& operate) {
    const auto& prepared = io::prepare(value);
    check(prepared);
    return operate([&](std::size_t, std::byte* payload) noexcept {
             detail::write_message(prepared, payload);
           })
        .status;
  }
  push_status publish_before(const detail::deadline& until, const T& value) {
    return with_message(value, [&](auto&& write) { return core_->publish(1, until, write); });
  }

  template <class Range, class Publish>
  std::size_t publish_many(const Range& values, Publish&& publish) {
    const auto size = static_cast<std::size_t>(std::ranges::size(values));
    const auto& prepared = io::prepare_all(values);
    for (std::size_t i = 0; i < size; ++i) check(prepared[i]);
    std::size_t done = 0;
    while (done < size) {
      const auto result = publish(size - done, [&](std::size_t i, std::byte* payload) noexcept {
        detail::write_message(prepared[done + i], payload);
      });
      if (result.count == 0) break;
      done += result.count;
    }
    return done;
  }

  std::unique_ptr<detail::topic_core> core_;
};

}  // namespace hawser::shm
