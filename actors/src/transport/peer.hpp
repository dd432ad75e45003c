/// Another process, as the transport sees it.
#pragma once

#include "directory.hpp"
#include "luggage.hpp"
#include "outbox.hpp"
#include "wire.hpp"
#include <hawser/shm/detail/door_core.hpp>
#include <hawser/shm/detail/pipe_core.hpp>

#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace hawser::actors::detail {

/// From the first handle of one of its actors until it is buried. Another one for each incarnation.
class peer {
 public:
  using clock = std::chrono::steady_clock;

  peer(wire_node which, const transport_options& options, std::function<void()> on_backlog)
      : node(which), id(which.id()), out(options, std::move(on_backlog)) {}

  // Any thread's.

  const wire_node node;
  const caf::node_id id;
  outbox out;

  /// Why it is no more; none while it is.
  caf::error reason() const {
    const std::scoped_lock hold{mutex_};
    return reason_;
  }
  bool is_buried() const noexcept { return buried_.load(std::memory_order_acquire); }
  /// False: it was buried before.
  bool bury(caf::error why) {
    {
      const std::scoped_lock hold{mutex_};
      if (buried_.load(std::memory_order_relaxed)) return false;
      reason_ = std::move(why);
      buried_.store(true, std::memory_order_release);
    }
    out.close();
    return true;
  }

  // The transport's thread's.

  std::optional<directory::member> who;  // not before it was found in the directory
  bool called = false;                   // we have asked it for a connection
  std::unique_ptr<shm::detail::pipe_core> pipe;
  std::unique_ptr<shm::detail::door_core> door;
  bool greeted = false;  // its hello has come
  bool said_goodbye = false;
  bool wants_room = false;       // it has asked for a ring when what it sent is read
  std::vector<std::byte> parts;  // of a frame that comes in parts
  std::size_t parts_bytes = 0;   // of all of it
  std::optional<loan_pipe> loans;
  arriving_loans arriving;
  std::uint64_t pings = 0;
  std::optional<clock::time_point> unanswered_since;
  std::pair<caf::actor_id, caf::strong_actor_ptr> last_source;  // many messages have the same

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> buried_{false};
  caf::error reason_;
};

}  // namespace hawser::actors::detail
