/// What goes to one peer: its ring, and what waits in front of it.
#pragma once

#include "wire.hpp"
#include <hawser/actors/transport_options.hpp>
#include <hawser/shm/detail/futex.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

namespace hawser::shm::detail {
class pipe_core;
class door_core;
}  // namespace hawser::shm::detail

namespace hawser::actors::detail {

/// Frames leave in the order in which they came. While the ring has room they are copied into it by
/// the thread that sends; else they wait here, and the transport's thread sends them as room comes.
/// What waits is bounded: a message that comes when there is more than the mark is not taken.
///
/// Threads    Any, but for those that say otherwise.
class outbox {
 public:
  enum class urgency {
    message,   ///< Refused beyond the mark.
    may_wait,  ///< Waits until what waits is below the mark.
    protocol,  ///< Always taken: small, and not more of them than there are actors.
  };
  enum class result { taken, congested, closed };

  /// `on_backlog` is called by the thread that sends, when something begins to wait.
  outbox(const transport_options& options, std::function<void()> on_backlog);

  /// Sends, or keeps it for later. `frame` is copied.
  result send(const frame_buffer& frame, urgency how);

  /// From now on there is a ring, and who reads it sleeps at that door. `first` goes in front of what
  /// waits. The transport's thread.
  void connect(shm::detail::pipe_core& pipe, shm::detail::door_core& door,
               const frame_buffer& first);
  /// Takes nothing any more; what waits is dropped. Afterwards the pipe and the door are not used.
  void close();
  /// Moves into the ring what has room. The transport's thread.
  void flush();
  /// Whether something waits, and would find room. The transport's thread.
  bool can_flush() const;

  /// Calls once, when less than half the mark waits, or it is closed: now, or from the thread that
  /// makes it so, with the outbox locked: what it causes has to go another way.
  void when_room(std::function<void()> callback);

  struct counts {
    std::uint64_t sent, refused, dropped;
    std::size_t waiting_bytes;
  };
  counts counters() const;
  bool has_backlog() const noexcept { return waiting_.load(std::memory_order_relaxed) != 0; }

 private:
  struct waiting_frame {
    frame_buffer bytes;
    std::size_t done = 0;  // sent in parts
  };

  bool move_some();
  bool stage(const char* data, std::size_t bytes);
  bool stage_one(const char* data, std::size_t bytes);
  bool stage_parts(const char* data, std::size_t bytes, std::size_t& done);
  void commit();
  void tell_of_room();
  bool wait_below_mark(std::unique_lock<std::mutex>& hold);

  const std::size_t mark_;
  const backlog_policy policy_;
  const std::function<void()> on_backlog_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  shm::detail::pipe_core* pipe_ = nullptr;
  shm::detail::door_core* door_ = nullptr;
  std::size_t part_bytes_ = 0;
  std::size_t since_room_ = 0;  // bytes, since a `room` was sent
  std::deque<waiting_frame> backlog_;
  std::atomic<std::size_t> waiting_{0};  // bytes in it
  bool closed_ = false;
  int waiters_ = 0;
  std::vector<std::function<void()>> wait_for_room_;
  std::uint64_t sent_ = 0, refused_ = 0, dropped_ = 0;
  frame_buffer part_;
};

}  // namespace hawser::actors::detail
