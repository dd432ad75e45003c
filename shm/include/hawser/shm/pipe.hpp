/// A connection between two processes, both ways, in order, without a copy where you like.
///
/// ```cpp
/// shm::pipe<std::string> mine{create_only, "talk"};       // one process
/// mine.send("how are you?");
///
/// shm::pipe<std::string> theirs{open_only, "talk"};       // another one
/// while (const auto words = theirs.receive())             // ends when the other end is closed,
///   theirs.send("you said " + *words);                    // or its process is killed
/// ```
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/pipe_io.hpp>
#include <hawser/shm/pipe_view.hpp>
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

/// What a creator chooses. `open_or_create` of an existing pipe demands the same values.
struct pipe_options {
  /// Room in each direction, rounded up to a power of two of at least 256; each message takes 8
  /// more than its own bytes, and 8 stay free. Messages of up to about a quarter of it are sent by
  /// one store and can be read in place.
  std::size_t bytes = std::size_t{64} * 1024;
  std::size_t message_bytes_max = std::size_t{1} << 30;  ///< A larger message is an error.
  mode_t mode = 0600;                                    ///< Who may open it, as for a file.
};

/// Counts of one end since it was opened.
struct pipe_counters {
  std::uint64_t sent = 0;      ///< Messages committed by us.
  std::uint64_t received = 0;  ///< Messages taken by us.
  std::uint64_t waits = 0;     ///< Times we went to sleep.
};

/// One end of a pipe of messages of type T. Exactly two objects are connected, once: the one that
/// creates it and the one that opens it. Each sends to the other.
///
/// What is sent before the other end is opened waits for it. A closed or dead peer is end of file
/// after everything that it sent is received; sending to it says `closed` at once (within about a
/// millisecond of a kill, also in a process that only sends). Nothing goes over to a successor: a
/// pipe whose process died is to be created anew. What the other end had not received is lost
/// when that end is closed, and all of it when both are.
///
/// T is trivially copyable, a contiguous range such as std::string, or has a `codec`: mixed types
/// are a `std::variant` of those (codecs.hpp), raw bytes are a `std::vector<std::byte>` or, without
/// limits between them, a byte_stream.
///
/// Blocks     Functions named try_ wait for nobody. A receiver that keeps up with a stream lets it
///            gather for a microsecond now and then: that makes the stream faster.
/// Threads    One sends and one receives at a time; they may be two, and others may close, ask
///            and wait. Not from signal handlers. In a fork the end is the parent's still: its
///            use there is an error, and its destruction closes nothing.
/// Crash      Each message is committed with one store: of one whose sender is killed anywhere,
///            the other end sees all or nothing, and goes on within milliseconds.
template <message T>
class pipe {
 public:
  using value_type = T;
  using view_type = pipe_view<T>;

  /// Creates the pipe and takes its first end. A stale one of the same name is replaced.
  /// Errors     `already_exists`, `no_space`, `bad_name`, `bad_argument`, `permission_denied`,
  ///            `foreign_owner`, `busy`, `no_resources`.
  pipe(create_only_t, std::string_view name, pipe_options options = {})
      : pipe(detail::opening::create_only, name, options) {}

  /// Opens it if somebody is attached, else creates it.
  /// Errors     Those of both, `capacity_mismatch` if its sizes are others.
  pipe(open_or_create_t, std::string_view name, pipe_options options = {})
      : pipe(detail::opening::open_or_create, name, options) {}

  /// Takes the second end of an existing pipe.
  /// Errors     `not_found`, `stale`, `too_many_participants` (both ends are or were taken),
  ///            `damaged`, `version_mismatch`, `kind_mismatch`, `type_mismatch`,
  ///            `permission_denied`, `foreign_owner`, `busy`, `no_resources`.
  pipe(open_only_t, std::string_view name) : pipe(detail::opening::open_only, name, {}) {}

  /// A pipe for one other process, usually a child: hand it `name()`, which nobody guesses, and
  /// let it open that. The name is removed when it has: then nothing can be left behind, even
  /// if both processes are killed.
  static pipe anonymous(pipe_options options = {}) {
    return pipe{detail::opening::create_only, detail::unguessable_name(), options, true};
  }

  pipe(pipe&&) noexcept = default;
  /// Closes the end held before.
  pipe& operator=(pipe&&) noexcept = default;
  /// Closes this end, as `close()`. The last one removes the pipe.
  ~pipe() = default;

  /// Sends `value`; waits while there is no room for it.
  ///
  /// Returns    `ok`; `closed` when either end was closed or the other process has died.
  /// Errors     `too_large` above message_bytes_max; what the codec throws.
  /// Crash      The whole message arrives or nothing of it.
  push_status send(const T& value) { return send_before({}, value); }
  /// The same without waiting: `full` if there is no room for all of it now. What is larger than
  /// the ring never finds that.
  [[nodiscard]] push_status try_send(const T& value) {
    return with_bytes(value, [this](const std::byte* data, std::size_t bytes) {
      return core_->try_send(data, bytes);
    });
  }
  /// The same, waiting for `duration` at most: also `timed_out`; nothing of it arrives then.
  template <class Rep, class Period>
  [[nodiscard]] push_status send_for(const T& value, std::chrono::duration<Rep, Period> duration) {
    return send_before(detail::deadline_after(duration), value);
  }
  template <class Clock, class Duration>
  [[nodiscard]] push_status send_until(const T& value,
                                       std::chrono::time_point<Clock, Duration> time) {
    return send_before(detail::deadline_at(time), value);
  }

  /// Sends all of `values` in order; waits while there is no room.
  ///
  /// Returns    How many are sent: all, unless an end was closed or the other process has died.
  /// Errors     `too_large`, what the codec throws; some of those before it may be sent then.
  /// Crash      Those that find room together are committed by one store: all or none of them.
  template <std::ranges::forward_range Range>
  requires std::same_as<std::ranges::range_value_t<Range>, T> std::size_t send_batch(
      const Range& values) {
    return send_many(values, true);
  }
  /// Sends as many of `values` as there is room for, by one commit. Returns how many.
  template <std::ranges::forward_range Range>
  requires std::same_as<std::ranges::range_value_t<Range>, T> std::size_t try_send_batch(
      const Range& values) {
    return send_many(values, false);
  }

  /// Takes the next message; waits for one.
  ///
  /// Returns    Nothing at end of file: everything sent was received, and the other end is closed
  ///            or its process has died (or we have closed).
  /// Errors     What `codec<T>::decode` throws; the message is gone then. `damaged`.
  std::optional<T> receive() { return receive_before({}); }
  /// Returns    Nothing also when there is none now; `ended()` tells which.
  std::optional<T> try_receive() {
    detail::pipe_message message;
    return taken(core_->try_peek(message), message);
  }
  /// Returns    Nothing also when there was none in time.
  template <class Rep, class Period>
  std::optional<T> receive_for(std::chrono::duration<Rep, Period> duration) {
    return receive_before(detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  std::optional<T> receive_until(std::chrono::time_point<Clock, Duration> time) {
    return receive_before(detail::deadline_at(time));
  }

  /// The next message, where it lies; waits for one. A view without one (`false`) says why by its
  /// `status()`.
  view_type read() { return read_before({}); }
  view_type try_read() {
    return view_type{*core_, [this](auto& message) { return core_->try_peek(message); }};
  }
  template <class Rep, class Period>
  view_type read_for(std::chrono::duration<Rep, Period> duration) {
    return read_before(detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  view_type read_until(std::chrono::time_point<Clock, Duration> time) {
    return read_before(detail::deadline_at(time));
  }

  /// Calls `use(message_view<T>)` for up to `most` messages that are there, in place; waits for
  /// the first one only. The sender hears of the room when all are done.
  ///
  /// Returns    How many; none at end of file, or if `most` is 0.
  /// Errors     What `use` throws: the message it saw is taken, those behind it are not.
  template <class Use>
  std::size_t read_batch(std::size_t most, Use&& use) {
    detail::pipe_message message;
    return most == 0 ? 0 : batch(most, core_->peek(message, {}), message, use);
  }
  template <class Use>
  std::size_t try_read_batch(std::size_t most, Use&& use) {
    detail::pipe_message message;
    return batch(most, core_->try_peek(message), message, use);
  }
  /// Returns    None also when there was none in time.
  template <class Rep, class Period, class Use>
  std::size_t read_batch_for(std::size_t most, std::chrono::duration<Rep, Period> duration,
                             Use&& use) {
    detail::pipe_message message;
    if (most == 0) return 0;
    return batch(most, core_->peek(message, detail::deadline_after(duration)), message, use);
  }

  /// Ends both directions. The other end receives what was sent, then end of file, and can send
  /// no more; what was sent to us and not received is lost. Wakes everybody.
  void close() noexcept { core_->close(); }
  /// Ends our direction only: the other end receives what was sent, then end of file, and may
  /// answer still.
  void close_sending() noexcept { core_->finish(); }
  /// Whether this end is closed, by `close()` or by being a fork's.
  [[nodiscard]] bool closed() const noexcept { return core_->closed(); }
  /// Whether everything was received and nothing will come.
  [[nodiscard]] bool ended() {
    detail::pipe_message message;
    return core_->try_peek(message) == take_status::closed;
  }

  /// Whether a living process holds the other end. One system call.
  [[nodiscard]] bool peer_alive() noexcept { return core_->peer_alive(); }
  /// Waits until the other end is opened, or has been. False: not in `duration`.
  template <class Rep, class Period>
  bool wait_for_peer(std::chrono::duration<Rep, Period> duration) {
    return core_->wait_for_peer(detail::deadline_after(duration));
  }

  /// Bytes that wait to be received, each message with some more for itself. A snapshot.
  [[nodiscard]] std::size_t waiting_bytes() const noexcept { return core_->waiting(); }
  /// Room in each direction.
  [[nodiscard]] std::size_t capacity_bytes() const noexcept { return core_->ring_bytes(); }
  [[nodiscard]] std::size_t message_bytes_max() const noexcept {
    return core_->message_bytes_max();
  }
  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }
  [[nodiscard]] pipe_counters counters() const noexcept {
    const auto all = core_->counters();
    return {all.sent, all.received, all.waits};
  }

  /// Calls `callback` once, from Hawser's own thread: `readable`, when something can be received
  /// or is at its end; `writable`, when at least half of the room is free or the end is closed.
  /// Soon, if that is so already. Destroying the handle cancels.
  ///
  /// Errors     `no_resources`: no thread or descriptor is left.
  /// Blocks     Never; `callback` must not block either.
  [[nodiscard]] async_wait_handle async_wait(ready what, std::function<void()> callback) {
    return async_wait_handle{core_->async_wait(what, std::move(callback))};
  }

 private:
  using io = detail::pipe_io<T>;

  pipe(detail::opening how, std::string_view name, const pipe_options& options,
       bool nameless = false) {
    detail::pipe_request request;
    request.name = name;
    request.how = how;
    request.ring_bytes = options.bytes;
    request.message_bytes_max = options.message_bytes_max;
    request.nameless = nameless;
    request.mode = options.mode;
    request.type_fingerprint = detail::type_fingerprint<T>();
    request.type_name = typeid(T).name();
    core_ = std::make_unique<detail::pipe_core>(request);
  }

  template <class Send>
  push_status with_bytes(const T& value, Send send) {
    return detail::with_pipe_bytes(io::prepare(value, encoded_), *core_, send);
  }
  push_status send_before(const detail::deadline& until, const T& value) {
    return with_bytes(value, [&](const std::byte* data, std::size_t bytes) {
      return core_->send(data, bytes, until);
    });
  }

  template <class Range>
  std::size_t send_many(const Range& values, bool waits) {
    std::size_t done = 0, staged = 0;
    if (core_->sendable() != push_status::ok) return 0;
    const auto commit = [&] {
      if (staged != 0) core_->commit();
      done += std::exchange(staged, 0);
    };
    struct at_exit {
      detail::pipe_core& core;
      ~at_exit() { core.abandon(); }  // what an exception left; else there is nothing
    } const unsent{*core_};
    for (const T& value : values) {
      const push_status status = with_bytes(value, [&](const std::byte* data, std::size_t bytes) {
        if (core_->stage(data, bytes)) {
          ++staged;
          return push_status::ok;
        }
        if (!waits && staged != 0) return push_status::full;
        commit();
        const auto alone = waits ? core_->send(data, bytes, {}) : core_->try_send(data, bytes);
        if (alone == push_status::ok) ++done;
        return alone;
      });
      if (status != push_status::ok) break;
    }
    commit();
    return done;
  }

  std::optional<T> taken(take_status status, const detail::pipe_message& message) {
    if (status != take_status::ok) return std::nullopt;
    const struct at_exit {
      detail::pipe_core& core;
      const detail::pipe_message& message;
      ~at_exit() { core.take(message); }  // also if it cannot be decoded
    } take{*core_, message};
    return io::value(message, *core_);
  }
  std::optional<T> receive_before(const detail::deadline& until) {
    detail::pipe_message message;
    return taken(core_->peek(message, until), message);
  }

  view_type read_before(const detail::deadline& until) {
    return view_type{*core_, [&](auto& message) { return core_->peek(message, until); }};
  }

  template <class Use>
  std::size_t batch(std::size_t most, take_status status, detail::pipe_message& message, Use& use) {
    if (status != take_status::ok || most == 0) return 0;
    std::size_t count = 0;
    const struct at_exit {
      detail::pipe_core& core;
      const std::size_t& count;
      ~at_exit() { core.publish(count); }
    } publish{*core_, count};
    do {
      const struct passing {
        detail::pipe_core& core;
        const detail::pipe_message& message;
        ~passing() { core.pass(message); }
      } pass{*core_, message};
      ++count;
      typename io::held held;
      held.take(message, *core_);
      use(held.view(message));
    } while (count < most && next(message));
    return count;
  }
  bool next(detail::pipe_message& message) { return core_->try_peek(message) == take_status::ok; }

  std::unique_ptr<detail::pipe_core> core_;
  std::vector<std::byte> encoded_;  // of the sending thread
};

}  // namespace hawser::shm
