/// What goes along with a message, beside the bytes of its frame.
#pragma once

#include <hawser/shm/payload_pipe.hpp>
#include <hawser/shm/payload_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace hawser::actors::detail {

struct luggage {
  std::vector<shm::payload> loans;                // become the receiver's
  std::size_t loan_bytes = 0;                     // of those that nobody else has
  std::vector<std::shared_ptr<const void>> kept;  // until it has read the frame

  bool empty() const noexcept { return loans.empty() && kept.empty(); }
};

/// Which one it is of those that were sent to a peer: what is lost on the way leaves a gap.
struct loan_number {
  std::uint64_t value = 0;
};
/// Loans to one peer, and from it.
using loan_pipe = shm::payload_pipe<loan_number>;

/// Of one peer, in the order in which it has sent them.
class arriving_loans {
 public:
  /// An empty one if it was lost on the way, or the peer has never sent it.
  shm::payload next(std::optional<loan_pipe>& pipe) {
    const std::uint64_t number = next_++;
    for (;;) {
      if (!early_ && pipe) early_ = pipe->try_receive();
      if (!early_ || early_->meta.value > number) return {};
      auto found = std::exchange(early_, std::nullopt);
      if (found->meta.value == number) return std::move(found->data);
    }
  }

 private:
  std::uint64_t next_ = 0;
  std::optional<shm::received_payload<loan_number>> early_;  // in front of it there is a gap
};

}  // namespace hawser::actors::detail
