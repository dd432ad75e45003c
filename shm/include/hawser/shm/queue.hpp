/// A bounded FIFO queue between processes, with leases that outlive nobody.
///
/// ```cpp
/// shm::queue<job> jobs{open_or_create, "jobs", {.capacity = 1024}};
/// jobs.push({42, "resize.png"});                 // waits while full
/// while (auto job = jobs.lease()) {              // ends when closed and drained
///   handle(*job);
///   job->ack();                                  // without this, somebody else gets it
/// }
/// ```
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/message_io.hpp>
#include <hawser/shm/detail/queue_protocol.hpp>
#include <hawser/shm/lease.hpp>
#include <hawser/shm/segment.hpp>
#include <hawser/shm/status.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace hawser::shm {

/// What a creator chooses. `open_or_create` of a live queue demands the same values, but for `mode`
/// and `keep`, which are its creator's.
struct queue_options {
  /// Messages, leased ones and dead letters included. While a lease is older than a whole lap,
  /// slots behind it may count as full until the queue has gone round once more.
  std::size_t capacity = 1024;
  std::size_t message_bytes_max = 4096;  ///< Only for types of variable size: the largest.
  /// Deliveries before a message is a dead letter; 0: no limit, at most 126.
  unsigned attempts_max = 0;
  mode_t mode = 0600;  ///< Who may open it, as for a file.
  bool keep = false;   ///< Outlives its processes until shm::remove.
};

/// Counts since the queue was created, by all processes together. Exact while nobody is killed;
/// a process that dies between an operation's commit and its count takes that one count along.
struct queue_counters {
  std::uint64_t pushed = 0;       ///< Messages committed.
  std::uint64_t delivered = 0;    ///< Messages handed out, each time.
  std::uint64_t acked = 0;        ///< Messages that left for good: acknowledged or popped.
  std::uint64_t redelivered = 0;  ///< Deliveries after the first one of a message.
  std::uint64_t reclaimed = 0;    ///< Leases taken back from processes that died or left.
  std::uint64_t waits = 0;        ///< Times a caller went to sleep.
};

/// A queue of messages of type T in shared memory: many producers, many consumers, any
/// threads of any processes.
///
/// A message is *popped* (taken is taken) or *leased*: a lease ends by `ack` (gone for good),
/// by `nack`, or by the death of its holder (given to the next consumer, before newer ones).
/// With `attempts_max` set, a message returned that many times becomes a dead letter, read
/// through `queue<T>{open_only, name + ".dead"}` like any other queue; until then it occupies
/// its slot. What is pushed through that goes to the queue itself, and closing it closes the queue.
///
/// T is trivially copyable, a contiguous range such as std::string, or has a `codec`.
///
/// Blocks     Functions named try_ wait for nobody but another process inside the same few
///            dozen instructions. A process that is *stopped* (SIGSTOP) exactly there stops its
///            side of the queue; one that is killed there does not.
/// Threads    All member functions, from any threads. Moving and destroying: one thread, with
///            no other inside. Not from signal handlers. After fork, the child takes a place
///            of its own at its first use; leases stay with the parent.
/// Crash      Every operation commits with one store: a process killed anywhere leaves either
///            all of it or nothing, and whoever waits goes on within milliseconds.
template <message T>
class queue {
 public:
  using value_type = T;
  using lease_type = hawser::shm::lease<T>;

  /// Creates the queue. A stale one of the same name is replaced.
  /// Errors     `already_exists`, `no_space`, `bad_name`, `bad_argument`, `permission_denied`,
  ///            `foreign_owner`, `busy`, `no_resources`.
  queue(create_only_t, std::string_view name, queue_options options = {})
      : core_(make(detail::opening::create_only, name, options)) {}

  /// Opens it if somebody is attached (or it is kept), else creates it.
  /// Errors     Those of both, `capacity_mismatch` if its sizes are others.
  queue(open_or_create_t, std::string_view name, queue_options options = {})
      : core_(make(detail::opening::open_or_create, name, options)) {}

  /// Opens an existing queue; `name.dead` opens the dead letters of `name`.
  /// Errors     `not_found`, `stale`, `damaged`, `version_mismatch`, `kind_mismatch`,
  ///            `type_mismatch`, `permission_denied`, `foreign_owner`, `too_many_participants`,
  ///            `busy`, `no_resources`.
  queue(open_only_t, std::string_view name) : core_(make(detail::opening::open_only, name, {})) {}

  queue(queue&&) noexcept = default;
  /// Leaves the queue held before.
  queue& operator=(queue&& other) noexcept {
    leave();
    core_ = std::move(other.core_);
    return *this;
  }
  /// Leaves. The last process to leave removes the queue, unless it is kept. Leases that are
  /// still held stay valid: then this process leaves when it ends.
  ~queue() { leave(); }

  /// Appends `value`; waits while the queue is full.
  ///
  /// Returns    `ok` or `closed`.
  /// Errors     `too_large` for a message above `message_bytes_max`.
  /// Blocks     Until there is space, or the queue is closed.
  /// Crash      The whole message is there or nothing of it.
  push_status push(const T& value) { return push_before({}, value); }

  /// The same, without waiting for space: `ok`, `full` or `closed`.
  [[nodiscard]] push_status try_push(const T& value) {
    return with_message(
        value, [&](std::size_t n, auto&& write) { return core_->try_push(n, {}, write).status; });
  }

  /// The same, waiting for `duration` at most: `ok`, `closed` or `timed_out`.
  template <class Rep, class Period>
  [[nodiscard]] push_status push_for(const T& value, std::chrono::duration<Rep, Period> duration) {
    return push_before(detail::deadline_after(duration), value);
  }
  template <class Clock, class Duration>
  [[nodiscard]] push_status push_until(const T& value,
                                       std::chrono::time_point<Clock, Duration> time) {
    return push_before(detail::deadline_at(time), value);
  }

  /// Appends all of `values` in order; waits while the queue is full.
  ///
  /// Returns    How many are in: all, unless the queue was closed.
  /// Errors     `too_large`; then nothing is in.
  /// Crash      Each run of messages that found space together is committed by one store: a
  ///            batch that fits at once is there as a whole or not at all.
  template <std::ranges::random_access_range Range>
  requires std::same_as<std::ranges::range_value_t<Range>, T> std::size_t push_batch(
      const Range& values) {
    return push_many(values,
                     [this](std::size_t n, auto&& write) { return core_->push(n, {}, write); });
  }

  /// Appends as many of `values` as there is space for, by one commit. Returns how many.
  template <std::ranges::random_access_range Range>
  requires std::same_as<std::ranges::range_value_t<Range>, T> std::size_t try_push_batch(
      const Range& values) {
    bool once = false;
    return push_many(values, [&](std::size_t n, auto&& write) {
      if (std::exchange(once, true)) return detail::push_result{0, push_status::full};
      return core_->try_push(n, {}, write);
    });
  }

  /// Takes the next message for good; waits for one.
  ///
  /// Returns    Nothing when the queue is closed and drained.
  /// Errors     What `codec<T>::decode` throws; the message is gone then (a lease keeps it).
  /// Crash      Killed before it returns: the message stays, or is gone with the caller.
  std::optional<T> pop() { return pop_before({}); }
  /// Returns    Nothing also when there is none now.
  std::optional<T> try_pop() {
    return pop_with([this](auto&& visit) { return core_->template try_take<true>(1, {}, visit); });
  }
  /// Returns    Nothing also when there was none in time.
  template <class Rep, class Period>
  std::optional<T> pop_for(std::chrono::duration<Rep, Period> duration) {
    return pop_before(detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  std::optional<T> pop_until(std::chrono::time_point<Clock, Duration> time) {
    return pop_before(detail::deadline_at(time));
  }

  /// Takes the next message until it is acknowledged; waits for one.
  ///
  /// Returns    A lease; an empty one (`false`, status `closed`) when closed and drained.
  /// Crash      The message of a killed holder is given to the next consumer.
  lease_type lease() { return lease_before({}); }
  /// The same without waiting; status `empty` when there is none now.
  lease_type try_lease() {
    return lease_with(
        [this](auto&& visit) { return core_->template try_take<false>(1, {}, visit); });
  }
  /// The same, waiting for `duration` at most; status `timed_out`.
  template <class Rep, class Period>
  lease_type lease_for(std::chrono::duration<Rep, Period> duration) {
    return lease_before(detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  lease_type lease_until(std::chrono::time_point<Clock, Duration> time) {
    return lease_before(detail::deadline_at(time));
  }

  /// Takes up to `most` messages with one lock; waits for the first one only.
  ///
  /// Returns    None when closed and drained, or `most` is 0.
  std::vector<lease_type> lease_batch(std::size_t most) {
    return batch_with(most,
                      [&](auto&& visit) { return core_->template take<false>(most, {}, visit); });
  }
  std::vector<lease_type> try_lease_batch(std::size_t most) {
    return batch_with(
        most, [&](auto&& visit) { return core_->template try_take<false>(most, {}, visit); });
  }
  /// Returns    None also when there was none in time; `drained()` tells which.
  template <class Rep, class Period>
  std::vector<lease_type> lease_batch_for(std::size_t most,
                                          std::chrono::duration<Rep, Period> duration) {
    const auto until = detail::deadline_after(duration);
    return batch_with(
        most, [&](auto&& visit) { return core_->template take<false>(most, until, visit); });
  }

  /// Ends the queue: pushes return `closed` from now on; consumers get what is left, then the
  /// end. Wakes everybody. Leased messages count as left until they are acknowledged.
  void close() { core_->close(); }
  [[nodiscard]] bool closed() const noexcept { return core_->closed(); }
  /// Closed, and every message acknowledged, popped or a dead letter.
  [[nodiscard]] bool drained() const noexcept { return core_->drained(); }

  /// Messages that wait to be taken; leased ones do not count. A snapshot.
  [[nodiscard]] std::size_t size() const noexcept { return core_->size(); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::size_t capacity() const noexcept { return core_->slots(); }
  /// The largest message in bytes.
  [[nodiscard]] std::size_t message_bytes_max() const noexcept { return core_->payload_bytes(); }
  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }
  [[nodiscard]] queue_counters counters() const noexcept {
    const auto all = core_->counters();
    return {all.pushed, all.delivered, all.acked, all.redelivered, all.reclaimed, all.waits};
  }

  /// Calls `callback` once, from Hawser's own thread, when the queue may be ready; soon if it
  /// is already. Destroying the handle cancels.
  ///
  /// Errors     `no_resources`: no thread or descriptor is left.
  /// Blocks     Never; `callback` must not block either.
  [[nodiscard]] async_wait_handle async_wait(ready what, std::function<void()> callback) {
    return async_wait_handle{core_->async_wait(what, std::move(callback))};
  }

 private:
  using io = detail::message_io<T>;

  static std::unique_ptr<detail::queue_core> make(detail::opening how, std::string_view name,
                                                  const queue_options& options) {
    detail::queue_request request;
    request.name = name;
    request.how = how;
    request.capacity = options.capacity;
    request.message_bytes = io::fixed ? io::bytes : options.message_bytes_max;
    request.message_alignment = io::alignment;
    request.variable = !io::fixed;
    request.attempts_max = options.attempts_max;
    request.mode = options.mode;
    request.keep = options.keep;
    request.type_fingerprint = detail::type_fingerprint<T>();
    request.type_name = typeid(T).name();
    return std::make_unique<detail::queue_core>(request);
  }

  void leave() noexcept {
    if (core_) detail::leave_queue(std::move(core_));
  }

  /// Calls `operate(n, write)` with a writer for one message.
  template <class Operate>
  push_status with_message(const T& value, Operate&& operate) {
    const auto bytes = io::prepare(value);
    io::check(bytes, *core_);
    return operate(std::size_t{1},
                   [&](std::size_t, std::byte* slot) noexcept { io::write(bytes, slot); });
  }

  push_status push_before(const detail::deadline& until, const T& value) {
    return with_message(
        value, [&](std::size_t n, auto&& write) { return core_->push(n, until, write).status; });
  }

  template <class Range, class Push>
  std::size_t push_many(const Range& values, Push&& push) {
    const auto size = static_cast<std::size_t>(std::ranges::size(values));
    const auto prepared = io::prepare_all(values);
    for (std::size_t i = 0; i < size; ++i) io::check(prepared[i], *core_);
    std::size_t done = 0;
    while (done < size) {
      const auto result = push(size - done, [&](std::size_t i, std::byte* slot) noexcept {
        io::write(prepared[done + i], slot);
      });
      if (result.count == 0) break;
      done += result.count;
    }
    return done;
  }

  template <class Take>
  std::optional<T> pop_with(Take&& take) {
    typename io::popped out;
    const auto result = take([&](const detail::taken_slot& taken) { out.copy(taken, *core_); });
    if (result.count == 0) return std::nullopt;
    return out.value();
  }
  std::optional<T> pop_before(const detail::deadline& until) {
    return pop_with([&](auto&& visit) { return core_->template take<true>(1, until, visit); });
  }

  template <class Take>
  lease_type lease_with(Take&& take) {
    return lease_type{*core_, take};
  }
  lease_type lease_before(const detail::deadline& until) {
    return lease_with([&](auto&& visit) { return core_->template take<false>(1, until, visit); });
  }

  template <class Take>
  std::vector<lease_type> batch_with(std::size_t most, Take&& take) {
    if (most == 0) return {};  // there would be nothing to wait for
    std::vector<detail::taken_slot> slots;
    slots.reserve(std::min(most, core_->slots()));  // the visitor must not throw
    take([&](const detail::taken_slot& taken) noexcept { slots.push_back(taken); });
    return lease_type::adopt(*core_, slots);
  }

  std::unique_ptr<detail::queue_core> core_;
};

}  // namespace hawser::shm
