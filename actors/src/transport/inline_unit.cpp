#include "inline_unit.hpp"

#include <caf/actor_system.hpp>

#include <utility>

namespace hawser::actors::detail {

inline_unit::inline_unit(caf::actor_system& system, std::chrono::microseconds max)
    : execution_unit(&system), max_(max) {}

void inline_unit::mistrust(caf::resumable* job) {
  constexpr std::chrono::minutes long_penance{1};
  slow_[job] = {times_max, clock::now() + long_penance};
}

inline_unit::~inline_unit() = default;

void inline_unit::to_scheduler(caf::resumable* job) { to_scheduler_of(system(), job); }

void inline_unit::exec_later(caf::resumable* job) {
  if (max_.count() == 0 || job->subtype() != caf::resumable::scheduled_actor)
    return to_scheduler(job);
  {
    const std::scoped_lock hold{mutex_};
    if (running_.load(std::memory_order_relaxed) != retired) return woken_.push_back({job, 0});
  }
  to_scheduler(job);
}

bool inline_unit::next(woken& out) {
  const std::scoped_lock hold{mutex_};
  if (woken_.empty()) return false;
  out = woken_.front();
  woken_.pop_front();
  return true;
}

bool inline_unit::run() {
  // Then messages of others are looked for.
  constexpr int jobs_at_a_time = 16;
  woken one{};
  for (int i = 0; i < jobs_at_a_time && next(one); ++i)
    if (!run(one)) return false;
  return true;
}

bool inline_unit::run(woken one) {
  if (!slow_.empty() && is_slow(one.job)) return to_scheduler(one.job), true;
  job_.store(one.job, std::memory_order_relaxed);
  running_.store(++jobs_);
  const auto begin = clock::now();
  const auto result = one.job->resume(this, messages_at_a_time);
  const auto end = clock::now();
  if (end - begin > max_ || !slow_.empty()) note_time(one.job, end - begin, end);
  // The reference that came with it.
  const bool goes_on = result == caf::resumable::resume_later;
  if (!goes_on) caf::intrusive_ptr_release(one.job);
  std::uint64_t mine = jobs_;
  {
    const std::scoped_lock hold{mutex_};
    if (!running_.compare_exchange_strong(mine, 0)) {
      if (goes_on) to_scheduler(one.job);
      return false;
    }
    if (goes_on && ++one.turns < turns_max) return woken_.push_back(one), true;
  }
  if (goes_on) to_scheduler(one.job);
  return true;
}

bool inline_unit::is_slow(caf::resumable* job) {
  const auto found = slow_.find(job);
  return found != slow_.end() && found->second.times >= times_max &&
         found->second.until > clock::now();
}

void inline_unit::note_time(caf::resumable* job, clock::duration taken, clock::time_point now) {
  if (taken > max_) {
    slowness& its = slow_[job];
    if (++its.times >= times_max) its.until = now + penance;
    return;
  }
  slow_.erase(job);
  constexpr std::size_t kept_max = 256;  // of those who have ended since
  if (slow_.size() > kept_max)
    std::erase_if(slow_, [&](const auto& one) { return one.second.until <= now; });
}

bool inline_unit::retire_if_stuck() {
  const std::uint64_t job = running_.load();
  if (job == 0 || job == retired || job != std::exchange(seen_, job)) return false;
  return retire_from(job);
}

void inline_unit::retire() { retire_from(running_.load()); }

bool inline_unit::retire_from(std::uint64_t job) {
  std::deque<woken> left;
  {
    const std::scoped_lock hold{mutex_};
    if (!running_.compare_exchange_strong(job, retired)) return false;
    left.swap(woken_);
  }
  for (const woken& one : left) to_scheduler(one.job);
  return true;
}

}  // namespace hawser::actors::detail
