#include "inline_unit.hpp"

#include <caf/actor_system.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <algorithm>
#include <utility>

namespace hawser::actors::detail {

inline_unit::inline_unit(caf::actor_system& system, bool runs_actors)
    : caf::execution_unit(&system),
      runs_actors_(runs_actors),
      // As many as fit into our patience, if each of them takes a microsecond.
      throughput_(std::min<std::size_t>(system.scheduler().max_throughput(), 200)) {}

inline_unit::~inline_unit() = default;

void inline_unit::to_scheduler(caf::resumable* job) { system().scheduler().enqueue(job); }

void inline_unit::exec_later(caf::resumable* job) {
  if (!runs_actors_ || job->subtype() != caf::resumable::scheduled_actor) return to_scheduler(job);
  {
    const std::scoped_lock hold{mutex_};
    if (running_.load(std::memory_order_relaxed) != retired) return woken_.push_back(job);
  }
  to_scheduler(job);
}

caf::resumable* inline_unit::next() {
  const std::scoped_lock hold{mutex_};
  if (begun_ < woken_.size()) return woken_[begun_++];
  woken_.clear();
  begun_ = 0;
  return nullptr;
}

bool inline_unit::run() {
  while (caf::resumable* const job = next())
    if (!run(job)) return false;
  return true;
}

bool inline_unit::run(caf::resumable* job) {
  if (!slow_.empty() && is_slow(job)) return to_scheduler(job), true;
  running_.store(++jobs_);
  const auto begin = clock::now();
  const auto result = job->resume(this, throughput_);
  const auto end = clock::now();
  std::uint64_t mine = jobs_;
  const bool goes_on = running_.compare_exchange_strong(mine, 0);
  if (end - begin > patience) slow_[job] = end + penance;
  // The reference that came with it.
  if (result == caf::resumable::resume_later) to_scheduler(job);
  else caf::intrusive_ptr_release(job);
  return goes_on;
}

bool inline_unit::is_slow(caf::resumable* job) {
  const auto found = slow_.find(job);
  if (found == slow_.end()) return false;
  const auto now = clock::now();
  if (found->second > now) return true;
  std::erase_if(slow_, [&](const auto& one) { return one.second <= now; });
  return false;
}

bool inline_unit::retire_if_stuck() {
  const std::uint64_t job = running_.load();
  if (job == 0 || job == retired || job != std::exchange(seen_, job)) return false;
  return retire_from(job);
}

void inline_unit::retire() { retire_from(running_.load()); }

bool inline_unit::retire_from(std::uint64_t job) {
  std::vector<caf::resumable*> left;
  {
    const std::scoped_lock hold{mutex_};
    if (!running_.compare_exchange_strong(job, retired)) return false;
    left.assign(woken_.begin() + static_cast<std::ptrdiff_t>(begun_), woken_.end());
    woken_.clear();
    begun_ = 0;
  }
  for (caf::resumable* const one : left) to_scheduler(one);
  return true;
}

}  // namespace hawser::actors::detail
