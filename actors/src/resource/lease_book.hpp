/// The requests and leases of a client, and what becomes of them.
#pragma once

#include <hawser/actors/lease_status.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace hawser::actors::detail {

/// A manager may revoke a lease before the thread that asked has read its grant, so the book is kept by
/// tickets, and opened before a request is sent. Whoever comes second, the grant or the loss, calls
/// `on_lost`: once for each lease that was lost before it was closed.
///
/// Threads    Any; `on_lost` is called without a lock.
class lease_book {
 public:
  using status = std::shared_ptr<std::atomic<lease_status>>;
  using callback = std::function<void(std::uint64_t token, lease_status why)>;

  explicit lease_book(callback on_lost) : on_lost_(std::move(on_lost)) {}

  std::pair<std::uint64_t, status> open();
  void granted(std::uint64_t ticket, std::uint64_t token);
  void close(std::uint64_t ticket);
  void revoked(std::uint64_t ticket);
  /// All of them, and all to come.
  void manager_lost();
  bool is_lost() const noexcept { return lost_.load(); }

 private:
  struct entry {
    status now;
    std::uint64_t token = 0;  // 0: its grant has not been read
  };
  std::mutex mutex_;
  std::uint64_t next_ticket_ = 1;
  std::map<std::uint64_t, entry> open_;
  std::atomic<bool> lost_{false};
  const callback on_lost_;
};

}  // namespace hawser::actors::detail
