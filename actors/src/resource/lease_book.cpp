#include "lease_book.hpp"

#include <vector>

namespace hawser::actors {

std::string to_string(lease_status status) {
  switch (status) {
    case lease_status::none: return "none";
    case lease_status::valid: return "valid";
    case lease_status::revoked: return "revoked";
    case lease_status::manager_lost: return "the manager is lost";
  }
  return "unknown lease status";
}

namespace detail {

std::pair<std::uint64_t, lease_book::status> lease_book::open() {
  auto made = std::make_shared<std::atomic<lease_status>>(lease_status::valid);
  const std::scoped_lock hold{mutex_};
  if (lost_) made->store(lease_status::manager_lost);
  open_.emplace(next_ticket_, entry{made});
  return {next_ticket_++, std::move(made)};
}

void lease_book::granted(std::uint64_t ticket, std::uint64_t token) {
  lease_status now{};
  {
    const std::scoped_lock hold{mutex_};
    entry& its = open_.at(ticket);
    its.token = token;
    now = its.now->load();
  }
  if (now != lease_status::valid && on_lost_) on_lost_(token, now);
}

void lease_book::close(std::uint64_t ticket) {
  const std::scoped_lock hold{mutex_};
  open_.erase(ticket);
}

void lease_book::revoked(std::uint64_t ticket) {
  std::uint64_t token = 0;
  {
    const std::scoped_lock hold{mutex_};
    const auto its = open_.find(ticket);
    if (its == open_.end() || its->second.now->load() != lease_status::valid) return;
    its->second.now->store(lease_status::revoked);
    token = its->second.token;
  }
  if (token != 0 && on_lost_) on_lost_(token, lease_status::revoked);
}

void lease_book::manager_lost() {
  std::vector<std::uint64_t> tokens;
  {
    const std::scoped_lock hold{mutex_};
    lost_ = true;
    for (auto& [ticket, its] : open_) {
      if (its.now->load() != lease_status::valid) continue;
      its.now->store(lease_status::manager_lost);
      if (its.token != 0) tokens.push_back(its.token);
    }
  }
  if (!on_lost_) return;
  for (const std::uint64_t token : tokens) on_lost_(token, lease_status::manager_lost);
}

}  // namespace detail
}  // namespace hawser::actors
