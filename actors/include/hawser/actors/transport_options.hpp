/// How an actor system takes part in a group of processes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace hawser::actors {

/// What happens to a message for a peer for which more than `backlog_bytes` wait already. A request
/// that is not sent is answered at once, with `peer_error::congested`, whatever the policy is.
enum class backlog_policy : std::uint8_t {
  /// A blocking actor waits inside `send` until less waits. Nobody else may wait: a message of an
  /// event-based actor is sent up to twice the mark, and refused beyond it.
  wait,
  /// It is refused.
  reject,
};

struct transport_options {
  /// Processes of one group see each other. 1 to 100 of `A-Z a-z 0-9 . _ -`.
  std::string group = "default";
  /// Of what the group shares in /dev/shm: 0600, or 0660 for all users of its Unix group, who then
  /// name the group `~user/name`, after the user who starts it.
  unsigned mode = 0600;
  /// Of the ring to each peer, for each direction; shared memory.
  std::size_t ring_bytes = 256 * 1024;
  /// The mark: how many bytes may wait for one peer in front of a full ring, in this process.
  std::size_t backlog_bytes = 16 * 1024 * 1024;
  backlog_policy backlog = backlog_policy::wait;
  /// A message of more bytes goes by way of memory that is lent to its receiver, which nobody copies.
  /// 0: all messages go through the ring.
  std::size_t loan_bytes = std::size_t{1} << 20;
  /// A peer that has not answered for so long counts as dead. 0: is never looked for.
  std::chrono::milliseconds hang_timeout{10'000};
  /// The transport's thread runs the event-based actors that it has woken, for a few messages at a
  /// time; those that take longer than this, three times in a row, go to the scheduler's threads for
  /// a second. 0: all go there.
  std::chrono::microseconds inline_max{200};
};

}  // namespace hawser::actors
