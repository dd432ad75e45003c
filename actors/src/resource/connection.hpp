/// A client's side of one incarnation of a manager.
#pragma once

#include "lease_book.hpp"
#include <hawser/actors/resource_client.hpp>
#include <hawser/shm/detail/spin.hpp>

#include <caf/actor.hpp>
#include <caf/error.hpp>
#include <caf/scoped_actor.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::actors::detail {

/// The holder, as the manager sees it, is an actor that monitors the manager and is told what is
/// revoked. It takes no part in requests: the thread that asks does so by a `scoped_actor` of its own
/// at the time, and the answer wakes it directly.
///
///   E1  A request that is given up is followed by a cancel, sent by the same thread to the same
///       process: it arrives behind the request. So whatever became of that, it holds nothing.
class resource_connection : public std::enable_shared_from_this<resource_connection> {
 public:
  using clock = std::chrono::steady_clock;

  /// Errors     resource_failure, hawser::error.
  static std::shared_ptr<resource_connection> make(caf::actor_system& system,
                                                   const std::string& manager,
                                                   const std::string& type,
                                                   const client_options& options,
                                                   std::chrono::nanoseconds timeout);
  resource_connection(caf::actor_system& system, std::string name, const client_options& options);
  resource_connection(const resource_connection&) = delete;
  ~resource_connection();

  held_lease acquire(std::string_view name, std::size_t count,
                     std::optional<std::chrono::nanoseconds> timeout);
  void give_back(std::uint64_t ticket, std::uint64_t token, bool bad);
  resource_snapshot who();
  void subscribe(const caf::actor& listener);
  bool is_lost() const noexcept { return book_->is_lost(); }

 private:
  /// A scoped actor that nobody else uses meanwhile.
  class speaker;

  bool connect(const std::string& type, clock::time_point until);
  static bool await_answer(const speaker& self, clock::time_point since,
                           std::chrono::nanoseconds timeout);
  /// To the manager: arrives, if that lives.
  template <class... Ts>
  void say(Ts... what);
  [[noreturn]] void fail(const caf::error& reason) const;

  caf::actor_system& system_;
  const std::string name_;
  const std::string called_;
  const bool refuses_;  // the transport may refuse what a blocking actor sends
  shm::detail::adaptive_spin spin_;
  const bool keeps_leases_;
  std::shared_ptr<lease_book> book_;
  caf::actor manager_, keeper_;
  std::uint64_t holder_ = 0;
  std::mutex mutex_;
  std::vector<std::unique_ptr<caf::scoped_actor>> idle_;
};

}  // namespace hawser::actors::detail
