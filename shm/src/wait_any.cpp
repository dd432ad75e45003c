// Why no wake-up is missed: a waiter sleeps only after `condition::arm` has returned false for
// everything it waits for. `arm` announces the wait on the channel's event, passes the heavy
// fence and looks once more, so a change after that look finds the announcement and rings; one
// before it is seen (E1 in async_wait.cpp, E1 in event_count.hpp). The callback takes the mutex
// under which the sleeper has looked, so it comes before the look or finds it asleep.

#include <hawser/shm/error.hpp>
#include <hawser/shm/wait_any.hpp>

#include <memory>
#include <string>

namespace hawser::shm {
namespace {

bool is_over(const detail::deadline& until) { return until && detail::clock::now() >= *until; }

/// Sleeps until `woken` or the deadline. Returns `woken`.
template <class Woken>
bool sleep(std::condition_variable& changed, std::unique_lock<std::mutex>& hold,
           const detail::deadline& until, Woken woken) {
  if (until) return changed.wait_until(hold, *until, woken);
  changed.wait(hold, woken);
  return true;
}

/// Where a look begins, so that over time each of several ready channels comes first.
std::size_t any_index(std::size_t size) noexcept {
  thread_local std::uint64_t state = 0x9E37'79B9'7F4A'7C15U;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % size;
}

}  // namespace

wait_set::~wait_set() {
  members all;
  {
    const std::scoped_lock hold{mutex_};
    all.splice(all.end(), candidates_);
    all.splice(all.end(), quiet_);
    for (member& one : all) one.quiet = false;
  }
  // Their destructors, without the mutex, wait for callbacks that run.
}

void wait_set::add(key_type key, condition what) {
  const std::scoped_lock hold{mutex_};
  if (keys_.contains(key))
    throw make_error(errc::bad_argument, "add to wait_set", std::to_string(key),
                     "the key is taken; remove it first or choose another");
  candidates_.push_back({key, std::move(what)});
  try {
    keys_.emplace(key, std::prev(candidates_.end()));
  } catch (...) {
    candidates_.pop_back();
    throw;
  }
  changed_.notify_all();
}

bool wait_set::remove(key_type key) {
  members removed;
  const std::scoped_lock hold{mutex_};
  const auto entry = keys_.find(key);
  if (entry == keys_.end()) return false;
  const auto which = entry->second;
  removed.splice(removed.end(), which->quiet ? quiet_ : candidates_, which);
  which->quiet = false;  // for a callback that waits for the mutex
  keys_.erase(entry);
  changed_.notify_all();
  return true;
  // `removed` goes last, without the mutex.
}

std::size_t wait_set::size() const {
  const std::scoped_lock hold{mutex_};
  return keys_.size();
}

void wait_set::became_ready(members::iterator which) noexcept {
  const std::scoped_lock hold{mutex_};
  if (!std::exchange(which->quiet, false)) return;  // found by a look meanwhile, or removed
  candidates_.splice(candidates_.end(), quiet_, which);
  changed_.notify_all();
}

std::optional<wait_set::key_type> wait_set::look_at_candidates(bool last) {
  for (std::size_t left = candidates_.size(); left > 0; --left) {
    const auto one = candidates_.begin();
    const bool holds = last ? one->what.holds() : one->what.arm([this, one] { became_ready(one); });
    if (holds || last) {
      candidates_.splice(candidates_.end(), candidates_, one);  // the others' turn
    } else {
      one->quiet = true;
      quiet_.splice(quiet_.end(), candidates_, one);
    }
    if (holds) return one->key;
  }
  return std::nullopt;
}

std::optional<wait_set::key_type> wait_set::look_at_quiet() {
  for (auto one = quiet_.begin(); one != quiet_.end(); ++one) {
    if (!one->what.holds()) continue;
    one->quiet = false;  // its callback is on the way
    candidates_.splice(candidates_.end(), quiet_, one);
    return one->key;
  }
  return std::nullopt;
}

void wait_set::restart_after_fork() noexcept {
  if (std::exchange(forks_, detail::forks()) == detail::forks()) return;
  for (member& one : quiet_) one.quiet = false;
  candidates_.splice(candidates_.end(), quiet_);
}

std::optional<wait_set::key_type> wait_set::wait_before(const detail::deadline& until) {
  std::unique_lock hold{mutex_};
  restart_after_fork();
  while (!keys_.empty()) {
    const bool last = is_over(until);
    if (const auto found = look_at_candidates(last)) return found;
    if (last) return look_at_quiet();
    sleep(changed_, hold, until, [&] { return !candidates_.empty() || keys_.empty(); });
  }
  return std::nullopt;
}

namespace detail {

std::optional<std::size_t> wait_any_before(std::span<condition> all, const deadline& until) {
  const std::size_t size = all.size();
  if (size == 0) return std::nullopt;
  const std::size_t first = any_index(size);
  const auto look = [&]() -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < size; ++i)
      if (const std::size_t at = (first + i) % size; all[at].holds()) return at;
    return std::nullopt;
  };
  if (const auto found = look(); found || is_over(until)) return found;

  // Shared: a callback of a condition that is used again may come after we have returned.
  struct sleeper {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<std::size_t> woken_by;
  };
  const auto here = std::make_shared<sleeper>();
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t at = (first + i) % size;
    const bool holds = all[at].arm([here, at] {
      const std::scoped_lock hold{here->mutex};
      here->woken_by = at;
      here->changed.notify_all();
    });
    if (holds) return at;
  }
  std::unique_lock hold{here->mutex};
  if (sleep(here->changed, hold, until, [&] { return here->woken_by.has_value(); }))
    return here->woken_by;
  hold.unlock();
  return look();
}

}  // namespace detail
}  // namespace hawser::shm
