// Waits without a thread: the monitor's other half.
//
// A wait is armed by setting a bit on the channel's event and the same bit in our participant's
// row; whoever then changes something clears both and rings our doorbell, saying where. Only the waits of
// that segment are looked at; and a row whose bit is set says that nothing has happened since.
//
//   E1  arm: row.armed |= bit; event.announce (a fence); does it hold?
//       notifier: publish; event bits; row.armed &= ~bit; ring
//       Either the notifier sees the announcement and rings, or we see what it published.

#include "monitor.hpp"
#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/mutant.hpp>
#include <hawser/shm/error.hpp>

#include <utility>

namespace hawser::shm::detail {
namespace {

// What the backstop looks at each time it runs: so an idle process with a thousand waits stays
// idle. Channels that only locks can watch are all looked at.
constexpr int doubted_at_once = 64;

error no_monitor(const attachment& channel) {
  return make_error(errc::no_resources, "wait for", channel.name(),
                    "no thread or descriptor is left for Hawser's monitor; close some or raise "
                    "the limits (ulimit -n, ulimit -u)");
}

}  // namespace

participant_row& monitor::prepare_row(attachment& channel) {
  if (!socket_) open_doorbell();
  participant_row& row = channel.layout().rows[id_of(channel.tag_if_attached())];
  row.doorbell.store(doorbell_.load(std::memory_order_relaxed),
                     std::memory_order_relaxed);  // published by `armed`
  return row;
}

std::uint64_t monitor::add(async_request request) {
  attachment& channel = *request.channel;
  const bool condition = !request.callback;
  if (!condition) {
    channel.tag();  // in a fork, before we hold the mutex: it takes a place
    watch(channel);
  }
  const std::scoped_lock hold{mutex_};
  if (!condition) {
    if (!running_) throw no_monitor(channel);
    prepare_row(channel);
  }
  if (!condition) unlooked_.push_back(next_wait_);
  const auto entry = insert_wait(std::move(request));
  entry->second.condition = condition;
  if (!condition) {  // the thread arms it and looks whether it holds already
    set_waiting(entry->second, true);
    nudge();
  }
  return entry->first;
}

monitor::waits::iterator monitor::insert_wait(async_request request) {
  const std::uint64_t id = next_wait_++;
  const std::uint64_t inode = request.channel->inode();
  waits_in_[inode].push_back(id);
  const auto entry = waits_.try_emplace(id).first;
  entry->second.inode = inode;
  entry->second.request = std::move(request);
  return entry;
}

monitor::waits::iterator monitor::erase_wait(waits::iterator entry) noexcept {
  set_waiting(entry->second, false);
  if (const auto there = waits_in_.find(entry->second.inode); there != waits_in_.end()) {
    std::erase(there->second, entry->first);
    if (there->second.empty()) waits_in_.erase(there);
  }
  return waits_.erase(entry);
}

/// Also to be called when it may have changed who watches the channel.
void monitor::set_waiting(wait& one, bool waiting) noexcept {
  waiting_ -= std::exchange(one.waiting, waiting) ? 1U : 0U;
  waiting_ += waiting ? 1U : 0U;
  uncovered_ -= one.uncovered ? 1U : 0U;
  one.uncovered = waiting && !one.request.channel->covered_;
  uncovered_ += one.uncovered ? 1U : 0U;
}

void monitor::cancel(std::uint64_t id) noexcept {
  std::function<void()> dropped;  // behind the mutex: what it captured may end waits of its own
  std::unique_lock hold{mutex_};
  const auto entry = waits_.find(id);
  if (entry == waits_.end()) return;
  dropped.swap(entry->second.request.callback);
  if (entry->second.running) {
    entry->second.ended = true;
    if (!on_monitor_thread) callback_done_.wait(hold, [&] { return !waits_.contains(id); });
    return;
  }
  erase_wait(entry);
}

bool monitor::holds(std::uint64_t id) {
  const std::scoped_lock hold{mutex_};
  const auto entry = waits_.find(id);
  return entry == waits_.end() || entry->second.request.holds();
}

bool monitor::arm(std::uint64_t id, std::function<void()> callback) {
  std::unique_lock hold{mutex_};
  auto entry = waits_.find(id);
  if (entry == waits_.end()) return true;
  attachment& channel = *entry->second.request.channel;
  if (channel.tag_if_attached() == 0) {  // in a fork; taking a place needs the mutex free
    hold.unlock();
    channel.tag();
    hold.lock();
    entry = waits_.find(id);
    if (entry == waits_.end()) return true;
  }
  wait& one = entry->second;
  if (one.request.holds()) return true;
  try {
    if (!running_) start();
  } catch (const std::exception&) {
    throw no_monitor(channel);
  }
  prepare_row(channel);
  one.armed = false;
  if (look(one)) return true;
  one.request.callback.swap(callback);
  set_waiting(one, true);
  if (const int wanted = next_timeout_ms();
      wanted >= 0 && (timeout_ms_ < 0 || wanted < timeout_ms_))
    nudge();
  return false;
}

bool monitor::look(wait& one) {
  async_request& request = one.request;
  participant_row& row = request.channel->layout().rows[id_of(request.channel->tag_if_attached())];
  attachment& channel = *request.channel;
  if (one.armed && one.armings == channel.armings_ &&
      (row.armed.load(std::memory_order_acquire) & request.bit) != 0 &&
      !(std::exchange(one.doubted, false) && request.holds()))
    return false;            // nothing has happened since we looked last
  look_at_members(channel);  // who attaches rings, so that we watch it from now on
  set_waiting(one, one.waiting);
  // Somebody rang: other waits for the same bit, which we set again, have not looked yet.
  const std::uint32_t bit = HAWSER_MUTATE(wait_row_not_armed, request.bit, 0U);
  if ((row.armed.fetch_or(bit, std::memory_order_acq_rel) & request.bit) == 0)  // E1
    ++channel.armings_;
  HAWSER_MUTATE(wait_not_announced, request.arm(), void());
  one.armings = channel.armings_;
  one.armed = true;
  one.doubted = false;
  return request.holds();
}

/// The waits to be looked at.
std::vector<std::uint64_t> monitor::take_rung() {
  std::vector<std::uint64_t> ids = std::exchange(unlooked_, {});
  const auto add_rung = [&](rung_segments& rung) {
    const rung_segments now = std::exchange(rung, {});
    if (now.all) {
      for (const auto& [id, one] : waits_) ids.push_back(id);
      return;
    }
    for (const std::uint64_t inode : now.inodes)
      if (const auto there = waits_in_.find(inode); there != waits_in_.end())
        ids.insert(ids.end(), there->second.begin(), there->second.end());
  };
  add_rung(rung_);
  add_rung(rung_by_itself);
  return ids;
}

void monitor::serve_waits(std::unique_lock<std::mutex>& hold) {
  for (const std::uint64_t id : take_rung()) {
    auto entry = waits_.find(id);
    if (entry == waits_.end()) continue;
    wait& one = entry->second;
    // One that is running is served by a thread that its own callback replaced.
    if (!one.waiting || one.running || !look(one)) continue;
    one.armed = false;
    set_waiting(one, false);
    one.running = true;
    {
      const std::function<void()> callback = std::exchange(one.request.callback, {});
      hold.unlock();
      callback();
    }
    hold.lock();
    if (entry = waits_.find(id); entry != waits_.end()) {
      entry->second.running = false;
      if (!entry->second.condition || entry->second.ended) erase_wait(entry);
    }
    callback_done_.notify_all();
  }
}

void monitor::doubt_waits() {
  if (waits_.empty()) return;
  auto entry = waits_.upper_bound(doubted_);
  int left = doubted_at_once;
  for (std::size_t i = 0; i < waits_.size(); ++i, ++entry) {
    if (entry == waits_.end()) entry = waits_.begin();
    wait& one = entry->second;
    if (!one.waiting) continue;
    if (one.request.channel->covered_) {
      if (left == 0 && uncovered_ == 0) return;
      if (left == 0) continue;
      --left;
      doubted_ = entry->first;
    }
    one.doubted = true;
    unlooked_.push_back(entry->first);
    one.request.channel->look_for_dead();
  }
}

std::vector<std::function<void()>> monitor::forget_waits(const attachment& channel) {
  std::vector<std::function<void()>> dropped;
  for (auto entry = waits_.begin(); entry != waits_.end();) {
    wait& one = entry->second;
    if (one.request.channel == &channel) {
      if (one.waiting) dropped.push_back(std::move(one.request.callback));
      if (!one.running) {
        entry = erase_wait(entry);
        continue;
      }
      set_waiting(one, false);  // by its own callback: erased when that has returned
      one.ended = true;
    }
    ++entry;
  }
  return dropped;
}

void monitor::disarm_after_fork() noexcept {
  // Callbacks belong to the parent.
  for (auto entry = waits_.begin(); entry != waits_.end();) {
    wait& one = entry->second;
    if (!one.condition || one.ended) {
      entry = erase_wait(entry);
      continue;
    }
    set_waiting(one, false);
    one.armed = one.doubted = one.running = false;
    one.request.callback = {};
    ++entry;
  }
  rung_ = {};
  unlooked_.clear();
}

std::uint64_t add_async_wait(async_request request) {
  return monitor::instance().add(std::move(request));
}

void cancel_async_wait(std::uint64_t id) noexcept { monitor::instance().cancel(id); }

bool condition_holds(std::uint64_t id) { return monitor::instance().holds(id); }

bool arm_condition(std::uint64_t id, std::function<void()> callback) {
  return monitor::instance().arm(id, std::move(callback));
}

std::uint32_t forks() noexcept { return monitor::instance().forks(); }

}  // namespace hawser::shm::detail
