#include "pending_requests.hpp"

#include <algorithm>
#include <utility>

namespace hawser::actors::detail {

void pending_requests::add(const caf::strong_actor_ptr& requester, caf::message_id mid,
                           std::shared_ptr<peer> to) {
  const std::scoped_lock hold{mutex_};
  if (all_.size() >= look_again_) forget_ended();
  all_.insert_or_assign({requester->id(), mid.request_id().integer_value()},
                        request{caf::weak_actor_ptr{requester.get()}, mid, std::move(to)});
}

bool pending_requests::remove(caf::actor_id requester, caf::message_id mid) {
  const std::scoped_lock hold{mutex_};
  return all_.erase({requester, mid.request_id().integer_value()}) != 0;
}

bool pending_requests::move(caf::actor_id requester, caf::message_id mid,
                            const std::shared_ptr<peer>& to) {
  const std::scoped_lock hold{mutex_};
  const auto found = all_.find({requester, mid.request_id().integer_value()});
  if (found == all_.end()) return false;
  if (to) found->second.to = to;
  else all_.erase(found);
  return true;
}

std::vector<pending_requests::request> pending_requests::take_all(const peer& of) {
  std::vector<request> taken;
  const std::scoped_lock hold{mutex_};
  for (auto one = all_.begin(); one != all_.end();) {
    if (one->second.to.get() != &of) {
      ++one;
      continue;
    }
    taken.push_back(std::move(one->second));
    one = all_.erase(one);
  }
  return taken;
}

std::size_t pending_requests::size() const {
  const std::scoped_lock hold{mutex_};
  return all_.size();
}

/// Those who asked and ended, whose answer may never come. Rare: when the table has doubled.
void pending_requests::forget_ended() {
  std::erase_if(all_, [](const auto& one) { return !one.second.requester.lock(); });
  look_again_ = std::max<std::size_t>(1024, 2 * all_.size());
}

}  // namespace hawser::actors::detail
