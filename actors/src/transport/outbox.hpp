/// What goes to one peer: its ring, and what waits in front of it.
#pragma once

#include "frame.hpp"
#include "luggage.hpp"
#include <hawser/actors/transport_options.hpp>
#include <hawser/shm/detail/futex.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

namespace hawser::shm::detail {
class pipe_core;
class door_core;
}  // namespace hawser::shm::detail

namespace hawser::actors::detail {

/// Frames leave in the order in which they came. While the ring has room they are copied into it by
/// the thread that sends; else they wait here, and the transport's thread sends them as room comes.
/// What waits is bounded: a message that comes when there is more than the mark is not taken. What
/// goes along with a frame waits with it, and counts until the peer has read the frame.
///
/// Loans go through a pipe of their own, in the order of their frames, each before its frame. That
/// one is opened by both sides before the first loan is sent, since only so it is there still when
/// the sender dies. Without one, what was to be lent is copied behind the frame's head.
///
/// Threads    Any, but for those that say otherwise.
class outbox {
 public:
  enum class urgency {
    message,   ///< Refused beyond the mark.
    may_wait,  ///< Waits until what waits is below the mark.
    protocol,  ///< Always taken: small, and not more of them than there are actors.
    ahead,     ///< The same, and it overtakes what waits.
  };
  enum class result { taken, congested, closed };

  /// `on_backlog` is called by the thread that sends, when something begins to wait.
  outbox(const transport_options& options, std::function<void()> on_backlog);

  /// Sends, or keeps it for later. `frame` is copied; `with` is taken over, unless the result says
  /// otherwise.
  result send(std::span<const char> frame, urgency how, luggage&& with = {});

  /// From now on there is a ring, and who reads it sleeps at that door. `first` goes in front of what
  /// waits. The transport's thread.
  void connect(shm::detail::pipe_core& pipe, shm::detail::door_core& door,
               const frame_buffer& first);
  /// Takes nothing any more; what waits is dropped. Afterwards the pipe and the door are not used.
  void close();
  /// Moves into the ring what has room. The transport's thread.
  void flush();
  /// Whether that would do something. The transport's thread.
  bool can_flush() const;

  /// Whether what waits is to be lent, and nobody has opened a pipe for it. The transport's thread.
  bool wants_loans() const { return hurdle_.load(std::memory_order_relaxed) == hurdle::no_loans; }
  /// The peer was asked to open it.
  void await_loans();
  /// From now on both have opened it; nullptr: it cannot be had.
  void use_loans(loan_pipe* pipe);

  /// Calls once, when less than half the mark waits, or it is closed: now, or from the thread that
  /// makes it so, with the outbox locked: what it causes has to go another way.
  void when_room(std::function<void()> callback);

  struct counts {
    std::uint64_t sent, refused, dropped, lent;
    std::size_t waiting_bytes;
  };
  counts counters() const;
  bool has_backlog() const noexcept { return queued_.load(std::memory_order_relaxed) != 0; }

 private:
  struct waiting_frame {
    frame_buffer bytes;
    luggage with;
    std::size_t done = 0;  // sent in parts

    std::size_t left() const noexcept { return bytes.size() - done + with.loan_bytes; }
  };
  /// What goes along with a frame that is in the ring.
  struct unread_frame {
    std::uint64_t end;  // it is read when so many records are
    std::size_t loan_bytes;
    std::vector<std::shared_ptr<const void>> kept;
  };
  /// What the first frame that waits is waiting for.
  enum class hurdle : std::uint8_t { ring, loan_room, no_loans, answer };
  enum class loan_state : std::uint8_t { none, asked, open, refused };

  std::size_t waiting() const noexcept {
    return queued_.load(std::memory_order_relaxed) + unread_.load(std::memory_order_relaxed);
  }
  bool move_some();
  bool move(waiting_frame& one);
  bool stage(const char* data, std::size_t bytes);
  bool stage_one(const char* data, std::size_t bytes);
  bool stage_parts(const char* data, std::size_t bytes, std::size_t& done);
  bool stage_room();
  bool lend(waiting_frame& one);
  bool wait_for(hurdle what) noexcept {
    hurdle_.store(what, std::memory_order_relaxed);
    return false;
  }
  void forget_what_is_read();
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
  std::uint64_t staged_ = 0;            // records
  std::size_t since_room_ = 0;          // bytes, since a `room` was sent
  std::atomic<bool> owes_room_{false};  // one has to go out as soon as it can
  std::deque<waiting_frame> backlog_;
  std::atomic<std::size_t> queued_{0};  // bytes in it
  std::atomic<hurdle> hurdle_{hurdle::ring};
  loan_state loans_ = loan_state::none;
  loan_pipe* loan_pipe_ = nullptr;
  std::uint64_t lent_ = 0;  // loans, to this peer
  std::deque<unread_frame> unread_frames_;
  std::atomic<std::size_t> unread_{0};          // bytes lent with them
  std::atomic<std::uint64_t> first_unread_{0};  // the end of the first of them; 0: none
  bool closed_ = false;
  int waiters_ = 0;
  std::vector<std::function<void()>> wait_for_room_;
  std::uint64_t sent_ = 0, refused_ = 0, dropped_ = 0;
  frame_buffer part_;
};

}  // namespace hawser::actors::detail
