/// A connection of two processes whose messages carry payloads of a pool, both ways: their owner
/// changes, their bytes stay in place.
///
/// ```cpp
/// shm::payload_pipe<frame_info> mine{pool, create_only, "camera"};      // one process
/// mine.send({.width = 1024}, std::move(frame));
///
/// shm::payload_pipe<frame_info> theirs{pool, open_only, "camera"};      // another one
/// while (auto image = theirs.receive())          // ends when the other end is closed, or its
///   show(image->meta, image->data.bytes());      // process is killed
/// ```
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/payload_pipe_core.hpp>
#include <hawser/shm/payload_pool.hpp>
#include <hawser/shm/pipe.hpp>
#include <hawser/shm/received_payload.hpp>
#include <hawser/shm/segment.hpp>
#include <hawser/shm/status.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <sys/types.h>

namespace hawser::shm {

/// What a creator chooses. `open_or_create` of an existing pipe demands the same capacity.
struct payload_pipe_options {
  std::size_t capacity = 64;  ///< Messages that find room in each direction, at least.
  mode_t mode = 0600;         ///< Who may open it, as for a file.
};

/// One end of a pipe of payloads of one pool, with a trivially copyable `Meta` beside each. Ends,
/// end of file, closing and counters as in `pipe`.
///
/// Both processes open the same pool; another one of the same name is refused (`type_mismatch`).
///
/// Blocks     Functions named try_ wait for nobody.
/// Threads    As `pipe`: one sends and one receives at a time; they may be two, and others may
///            close, ask and wait. In a fork the end is the parent's still.
/// Crash      A payload is its sender's, a message's or its receiver's, whoever is killed anywhere;
///            with the death of whom it belongs to it is free, exactly once. So is what waits for
///            an end that is closed or whose process has died.
///            Removing the pipe's name (`shm::remove`) while it is in use drops what waits in it,
///            at the latest when both ends are closed; the messages are `stale`.
template <payload_meta Meta = no_meta>
class payload_pipe {
 public:
  /// Creates the pipe and takes its first end. A stale one of the same name is replaced.
  /// Errors     As for `pipe`, of the pipe or the pool; `no_resources`: 63 channels carry the
  ///            pool's payloads already.
  payload_pipe(const payload_pool& pool, create_only_t, std::string_view name,
               payload_pipe_options options = {})
      : core_(make(pool, detail::opening::create_only, name, options)) {}
  /// Opens it if somebody is attached, else creates it.
  payload_pipe(const payload_pool& pool, open_or_create_t, std::string_view name,
               payload_pipe_options options = {})
      : core_(make(pool, detail::opening::open_or_create, name, options)) {}
  /// Takes the second end of an existing pipe.
  payload_pipe(const payload_pool& pool, open_only_t, std::string_view name)
      : core_(make(pool, detail::opening::open_only, name, {})) {}

  payload_pipe(payload_pipe&&) noexcept = default;
  /// Closes the end held before.
  payload_pipe& operator=(payload_pipe&&) noexcept = default;
  /// Closes this end, as `close()`. The last one removes the pipe.
  ~payload_pipe() = default;

  /// Sends `data`; waits while there is no room.
  ///
  /// Returns    `ok`: it is empty now; `closed` (either end was closed, or the other process has
  ///            died): it is the caller's still.
  /// Errors     `bad_argument`: it is empty, or of another pool.
  /// Blocks     Until there is room, or an end is closed.
  /// Crash      The other end receives the message with its payload, or there is no message and
  ///            the payload is free.
  push_status send(const Meta& meta, payload&& data) { return send_held(meta, data, true, {}); }
  push_status send(payload&& data) requires std::is_empty_v<Meta> {
    return send_held({}, data, true, {});
  }
  /// The same, without waiting for room: `ok`, `full` or `closed`.
  [[nodiscard]] push_status try_send(const Meta& meta, payload&& data) {
    return send_held(meta, data, false, {});
  }
  [[nodiscard]] push_status try_send(payload&& data) requires std::is_empty_v<Meta> {
    return send_held({}, data, false, {});
  }
  /// The same, waiting for `duration` at most: `ok`, `closed` or `timed_out`.
  template <class Rep, class Period>
  [[nodiscard]] push_status send_for(const Meta& meta, payload&& data,
                                     std::chrono::duration<Rep, Period> duration) {
    return send_held(meta, data, true, detail::deadline_after(duration));
  }
  template <class Rep, class Period>
  [[nodiscard]] push_status send_for(
      payload&& data, std::chrono::duration<Rep, Period> duration) requires std::is_empty_v<Meta> {
    return send_held({}, data, true, detail::deadline_after(duration));
  }

  /// Takes the next message: its payload is this process's, to read in place, write to (unless it
  /// is shared), send on, or release. Waits for one.
  ///
  /// Returns    Nothing at end of file: everything sent was received, and the other end is closed
  ///            or its process has died (or we have closed).
  /// Errors     `damaged`; `no_resources`: a large payload cannot be mapped. It is released then.
  /// Blocks     Until there is a message, or the end of file.
  /// Crash      Killed before it returns, the payload is free, as all that waits for this end.
  std::optional<received_payload<Meta>> receive() { return take(true, {}); }
  /// Returns    Nothing also when there is none now; `ended()` tells which.
  std::optional<received_payload<Meta>> try_receive() { return take(false, {}); }
  /// Returns    Nothing also when there was none in time.
  template <class Rep, class Period>
  std::optional<received_payload<Meta>> receive_for(std::chrono::duration<Rep, Period> duration) {
    return take(true, detail::deadline_after(duration));
  }

  /// Ends both directions. The other end receives what was sent, then end of file, and can send
  /// no more; what was sent to us and not received is free. Wakes everybody.
  /// Blocks     Never.
  void close() noexcept { core_->close(); }
  /// Ends our direction only, as `pipe::close_sending`.
  void close_sending() noexcept { core_->pipe().finish(); }
  /// Whether this end is closed, by `close()` or by being a fork's.
  [[nodiscard]] bool closed() const noexcept { return core_->pipe().closed(); }
  /// Whether everything was received and nothing will come.
  [[nodiscard]] bool ended() {
    detail::pipe_message message;
    return core_->pipe().try_peek(message) == take_status::closed;
  }

  /// Whether a living process holds the other end. One system call.
  [[nodiscard]] bool peer_alive() noexcept { return core_->pipe().peer_alive(); }
  /// Waits until the other end is opened, or has been. False: not in `duration`.
  template <class Rep, class Period>
  bool wait_for_peer(std::chrono::duration<Rep, Period> duration) {
    return core_->pipe().wait_for_peer(detail::deadline_after(duration));
  }

  [[nodiscard]] const std::string& name() const noexcept { return core_->pipe().name(); }
  [[nodiscard]] pipe_counters counters() const noexcept {
    const auto all = core_->pipe().counters();
    return {all.sent, all.received, all.waits};
  }

  /// As `pipe::async_wait`.
  [[nodiscard]] async_wait_handle async_wait(ready what, std::function<void()> callback) {
    return async_wait_handle{core_->pipe().async_wait(what, std::move(callback))};
  }

 private:
  static std::unique_ptr<detail::payload_pipe_core> make(const payload_pool& pool,
                                                         detail::opening how, std::string_view name,
                                                         const payload_pipe_options& options) {
    detail::pipe_request request;
    request.name = name;
    request.how = how;
    request.mode = options.mode;
    return std::make_unique<detail::payload_pipe_core>(
        pool.core_, std::move(request), options.capacity, detail::meta_layout_of<Meta>());
  }

  push_status send_held(const Meta& meta, payload& data, bool waits,
                        const detail::deadline& until) {
    detail::check_pool(data.core_.get(), *core_->pool(), "send to payload pipe", name());
    const push_status status = core_->send(data.held_, &meta, waits, until);
    if (status == push_status::ok) data.forget();
    return status;
  }
  std::optional<received_payload<Meta>> take(bool waits, const detail::deadline& until) {
    received_payload<Meta> received;
    detail::held_payload held;
    if (core_->receive(held, &received.meta, waits, until) != take_status::ok) return std::nullopt;
    received.data = payload{core_->pool(), held};
    return received;
  }

  std::unique_ptr<detail::payload_pipe_core> core_;
};

}  // namespace hawser::shm
