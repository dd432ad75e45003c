/// Bytes both ways between two processes, without limits between messages: a socket pair in
/// shared memory.
///
/// ```cpp
/// shm::byte_stream to{create_only, "bytes"};
/// to.write(std::as_bytes(std::span{text}));
/// to.close_writing();
///
/// shm::byte_stream from{open_only, "bytes"};              // another process
/// while (const auto count = from.read_some(buffer))       // 0: end of file
///   use(buffer.first(count));
/// ```
/// byte_streambuf.hpp makes a std::iostream of it.
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/message_io.hpp>
#include <hawser/shm/detail/pipe_core.hpp>
#include <hawser/shm/pipe.hpp>
#include <hawser/shm/status.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace hawser::shm {

/// How far a write or a read came.
struct transfer {
  std::size_t bytes = 0;
  push_status status = push_status::ok;
};

/// One end of a stream of bytes. What holds for the two ends of a pipe holds here: exactly two,
/// each taken once; a closed or dead peer is end of file after everything it wrote; writing to it
/// says `closed` at once; bytes written before the peer came wait for it.
///
/// Blocks     Functions named try_ wait for nobody.
/// Threads    One writes and one reads at a time; they may be two, and others may close.
/// Crash      Bytes are committed a quarter of the ring at a time, at most: of a write whose
///            writer is killed, the other end reads a beginning, in order.
class byte_stream {
 public:
  /// Options and errors are those of `pipe`; message_bytes_max means nothing.
  byte_stream(create_only_t, std::string_view name, pipe_options options = {})
      : byte_stream(detail::opening::create_only, name, options) {}
  byte_stream(open_or_create_t, std::string_view name, pipe_options options = {})
      : byte_stream(detail::opening::open_or_create, name, options) {}
  byte_stream(open_only_t, std::string_view name)
      : byte_stream(detail::opening::open_only, name, {}) {}

  /// For one other process, usually a child: see `pipe::anonymous`.
  static byte_stream anonymous(pipe_options options = {}) {
    return byte_stream{detail::opening::create_only, detail::unguessable_name(), options, true};
  }

  /// Writes all of `bytes`; waits while there is no room.
  ///
  /// Returns    How many are written, and `ok`; fewer, and `closed`.
  transfer write(std::span<const std::byte> bytes) { return write_before(bytes, {}); }
  /// The same, waiting for `duration` at most: also `timed_out`, with those written in time.
  template <class Rep, class Period>
  transfer write_for(std::span<const std::byte> bytes,
                     std::chrono::duration<Rep, Period> duration) {
    return write_before(bytes, detail::deadline_after(duration));
  }
  /// Writes as many as there is room for. `full`: none.
  transfer try_write(std::span<const std::byte> bytes);

  /// Reads up to all of `into`: what is there; waits for the first byte only.
  ///
  /// Returns    How many; 0 at end of file (or if `into` is empty).
  std::size_t read_some(std::span<std::byte> into) { return read_before(into, {}).first; }
  /// Returns    0 also when there was none in time; the status tells which.
  template <class Rep, class Period>
  std::pair<std::size_t, take_status> read_some_for(std::span<std::byte> into,
                                                    std::chrono::duration<Rep, Period> duration) {
    return read_before(into, detail::deadline_after(duration));
  }
  /// The same without waiting: `empty` if there is none now.
  std::pair<std::size_t, take_status> try_read_some(std::span<std::byte> into);
  /// Reads until `into` is full or the stream ends. Returns how many.
  std::size_t read(std::span<std::byte> into);

  /// Ends both directions. Wakes everybody.
  void close() noexcept { core_->close(); }
  /// Ends ours: the other end reads what was written, then end of file, and may answer still.
  void close_writing() noexcept { core_->finish(); }
  [[nodiscard]] bool closed() const noexcept { return core_->closed(); }

  /// Whether a living process holds the other end. One system call.
  [[nodiscard]] bool peer_alive() noexcept { return core_->peer_alive(); }
  /// Waits until the other end is opened, or has been. False: not in `duration`.
  template <class Rep, class Period>
  bool wait_for_peer(std::chrono::duration<Rep, Period> duration) {
    return core_->wait_for_peer(detail::deadline_after(duration));
  }
  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }
  [[nodiscard]] std::size_t capacity_bytes() const noexcept { return core_->ring_bytes(); }

  /// As `pipe::async_wait`.
  [[nodiscard]] async_wait_handle async_wait(ready what, std::function<void()> callback) {
    return async_wait_handle{core_->async_wait(what, std::move(callback))};
  }

 private:
  byte_stream(detail::opening how, std::string_view name, const pipe_options& options,
              bool nameless = false);
  transfer write_before(std::span<const std::byte> bytes, const detail::deadline& until);
  std::pair<std::size_t, take_status> read_before(std::span<std::byte> into,
                                                  const detail::deadline& until);
  /// Errors     `damaged`.
  std::size_t copy_out(const detail::pipe_message& from, std::span<std::byte> into);

  std::unique_ptr<detail::pipe_core> core_;
  std::size_t used_ = 0;  // of the record that is read at present
};

}  // namespace hawser::shm
