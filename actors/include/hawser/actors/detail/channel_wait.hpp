/// How an actor waits for a channel: with a message, not with a thread.
#pragma once

#include <hawser/actors/caf_compat.hpp>
#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/queue.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/weak_intrusive_ptr.hpp>

#include <utility>

namespace hawser::actors::detail {

/// At most one wait at a time; it ends with a wake_atom to the actor.
///
/// The callback runs on the process's monitor thread and only sends. It refers to the actor
/// weakly: an actor must never be destroyed there, for its queue could not leave.
class channel_wait {
 public:
  template <shm::message T>
  void begin(shm::queue<T>& queue, shm::ready what, caf::event_based_actor* self) {
    if (std::exchange(waiting_, true)) return;
    handle_ = queue.async_wait(what, [weak = caf::weak_actor_ptr{self->ctrl()}] {
      if (auto strong = weak.lock())
        caf::anon_send(caf::actor_cast<caf::actor>(strong), wake_atom_v);
    });
  }

  bool is_waiting() const { return waiting_; }

  /// The wake_atom has come.
  void ended() { waiting_ = false; }

  void cancel() {
    handle_ = shm::async_wait_handle{};
    waiting_ = false;
  }

 private:
  bool waiting_ = false;
  shm::async_wait_handle handle_;
};

}  // namespace hawser::actors::detail
