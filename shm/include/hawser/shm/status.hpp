/// The normal outcomes of channel operations.
#pragma once

namespace hawser::shm {

/// What became of a push. `push` itself may be called without looking: it fails only when closed.
enum class push_status {
  ok,         ///< The message is in.
  full,       ///< No space, nothing changed (try_push only).
  closed,     ///< The channel is closed, nothing changed.
  timed_out,  ///< No space until the deadline, nothing changed.
};

/// What became of taking a message.
enum class [[nodiscard]] take_status{
    ok,         ///< There is one.
    empty,      ///< None now (try_ functions only).
    closed,     ///< None now and never again: closed and drained.
    cut_off,    ///< Publishers went on without this subscriber; it goes on from now (topic only).
    timed_out,  ///< None until the deadline.
};

/// What a lock was found like.
enum class lock_status {
  ok,          ///< It was free, or its holder unlocked it.
  owner_died,  ///< Its last exclusive holder died, or left, without unlocking it.
};

constexpr const char* to_string(push_status status) noexcept {
  switch (status) {
    case push_status::ok: return "ok";
    case push_status::full: return "full";
    case push_status::closed: return "closed";
    case push_status::timed_out: return "timed_out";
  }
  return "unknown";
}

constexpr const char* to_string(take_status status) noexcept {
  switch (status) {
    case take_status::ok: return "ok";
    case take_status::empty: return "empty";
    case take_status::closed: return "closed";
    case take_status::cut_off: return "cut_off";
    case take_status::timed_out: return "timed_out";
  }
  return "unknown";
}

constexpr const char* to_string(lock_status status) noexcept {
  return status == lock_status::ok ? "ok" : "owner_died";
}

}  // namespace hawser::shm
