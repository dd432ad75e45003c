/// Requests of our actors that an actor in another process is to answer.
#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/message_id.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace hawser::actors::detail {

class peer;

/// Each one is taken out once: by whoever delivers the answer, or the error in its place.
///
/// Threads    Any.
class pending_requests {
 public:
  struct request {
    caf::weak_actor_ptr requester;
    caf::message_id mid;
    std::shared_ptr<peer> to;
  };

  void add(const caf::strong_actor_ptr& requester, caf::message_id mid, std::shared_ptr<peer> to);
  /// Returns    Whether it was there.
  bool remove(caf::actor_id requester, caf::message_id mid);
  /// Another peer is going to answer; nullptr: one of our own actors. False: it was not there.
  bool move(caf::actor_id requester, caf::message_id mid, const std::shared_ptr<peer>& to);
  /// Takes out all that wait for this peer.
  std::vector<request> take_all(const peer& of);
  std::size_t size() const;

 private:
  struct key {
    caf::actor_id requester;
    std::uint64_t number;
    friend bool operator==(const key&, const key&) = default;
  };
  struct hash {
    std::size_t operator()(const key& one) const noexcept {
      return one.requester * 0x9E37'79B9'7F4A'7C15ULL ^ one.number;
    }
  };

  void forget_ended();

  mutable std::mutex mutex_;
  std::unordered_map<key, request, hash> all_;
  std::size_t look_again_ = 1024;
};

}  // namespace hawser::actors::detail
