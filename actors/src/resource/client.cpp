#include "connection.hpp"

#include <algorithm>
#include <utility>

namespace hawser::actors::detail {

held_lease::held_lease(std::shared_ptr<resource_connection> from,
                       std::shared_ptr<std::atomic<lease_status>> status,
                       resource_grant grant) noexcept
    : from_(std::move(from)), status_(std::move(status)), grant_(std::move(grant)) {}

bool held_lease::end(bool bad) noexcept {
  const auto from = std::exchange(from_, nullptr);
  if (!from) return false;
  try {
    from->give_back(grant_.ticket, grant_.token, bad);
  } catch (...) {
    // Out of memory: the manager has it back when this process ends.
  }
  return status_->load() == lease_status::valid;
}

void held_lease::take(held_lease&& other) noexcept {
  end(false);
  from_ = std::move(other.from_);
  status_ = std::move(other.status_);
  grant_ = std::move(other.grant_);
}

resource_client_core::resource_client_core(caf::actor_system& system, std::string manager,
                                           std::string type, client_options options)
    : system_(system),
      manager_(std::move(manager)),
      type_(std::move(type)),
      options_(std::move(options)) {
  connection(options_.connect_timeout);
}

/// To the manager there is now.
std::shared_ptr<resource_connection> resource_client_core::connection(
    std::chrono::nanoseconds timeout) {
  const std::scoped_lock hold{mutex_};
  if (!now_ || now_->is_lost())
    now_ = resource_connection::make(system_, manager_, type_, options_, timeout);
  return now_;
}

held_lease resource_client_core::acquire(std::string_view name, std::size_t count,
                                         std::optional<std::chrono::nanoseconds> timeout) {
  const auto patience =
      std::min(options_.connect_timeout, timeout.value_or(options_.connect_timeout));
  return connection(patience)->acquire(name, count, timeout);
}

resource_snapshot resource_client_core::who() {
  return connection(options_.connect_timeout)->who();
}

void resource_client_core::subscribe(const caf::actor& listener) {
  connection(options_.connect_timeout)->subscribe(listener);
}

}  // namespace hawser::actors::detail
