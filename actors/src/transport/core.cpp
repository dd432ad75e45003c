// The transport's thread.

#include "core.hpp"

#include "../quiet_thread.hpp"
#include <hawser/actors/peer_error.hpp>
#include <hawser/shm/error.hpp>

#include <caf/actor_registry.hpp>

#include <algorithm>
#include <utility>

#include <pthread.h>

namespace hawser::actors::detail {
namespace {

using namespace std::chrono_literals;

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> count{0};
  return ++count;
}

}  // namespace

transport_core::transport_core(caf::actor_system& system, transport_options options)
    : system_(system),
      options_(std::move(options)),
      serial_(next_serial()),
      loan_pool_(directory_name("loans"), options_.mode),
      proxies_(system, *this) {
  const auto notice = [this] {
    somebody_died_.store(true, std::memory_order_release);
    changed_.store(true, std::memory_order_release);
    wake();
  };
  directory_ = std::make_unique<directory>(directory::options{
      .group = directory_name("members"), .mode = options_.mode, .swept = notice});
  clear_away();  // what a group left that was killed as a whole
  shm::detail::door_request request;
  request.name = own_name("door." + std::to_string(directory_->tag()));
  request.how = shm::detail::opening::create_only;
  request.mode = options_.mode;
  request.swept = [this] { changed_.store(true, std::memory_order_release); };  // the sweep wakes
  door_ = std::make_unique<shm::detail::door_core>(std::move(request));
}

transport_core::~transport_core() {
  // First: who gets our place in the directory gets a door of the same name.
  door_.reset();
}

void transport_core::start(const caf::strong_actor_ptr& services) {
  node_ = wire_node::of(system_.node());
  services_ = services;
  directory_->channel().watch();
  door_->channel().watch();
  remember(services_);
  directory_->enter(node_.host, services_->id());
  membership_.update(directory_->members(), directory_->tag());
  takes_tasks_ = true;
  start_worker(std::make_unique<inline_unit>(system_, options_.inline_max));
  if (options_.inline_max.count() > 0) guard_ = quiet_thread("hawser-guard", [this] { guard(); });
}

void transport_core::stop() {
  stopping_.store(true);
  wake();
  {
    // Whoever runs it last is the last in here: nobody hands over any more.
    std::unique_lock hold{guard_mutex_};
    guard_wanted_.notify_all();
  }
  if (guard_.joinable()) guard_.join();
  for (worker& one : workers_) one.thread.join();
  unit_->retire();
  {
    const std::scoped_lock hold{tasks_mutex_};
    takes_tasks_ = false;
    tasks_.clear();
  }
  {
    const std::scoped_lock hold{peers_mutex_};
    stopped_ = true;
  }
  const caf::error reason = make_error(peer_error::exited, "this actor system ends");
  for (const auto& one : all_peers()) bury(one, reason);
  std::set<caf::actor_id> remembered;
  {
    const std::scoped_lock hold{remembered_mutex_};
    remembered.swap(remembered_);
  }
  for (const caf::actor_id actor : remembered)
    system_.registry().erase(actor);  // ends some of them
  proxies_.clear();
  connected_.clear();
  watchers_.clear();
  directory_wait_ = {};
  membership_.clear();
  services_ = nullptr;
  directory_->leave();
  clear_away();  // of those whose deaths nobody has noticed yet
  // It stays open, as the door does, until the last actor that may still ask for a name is gone.
}

void transport_core::wake() noexcept {
  if (door_) door_->ring();
}

void transport_core::defer(std::function<void()> task) {
  {
    const std::scoped_lock hold{tasks_mutex_};
    if (!takes_tasks_) return;
    tasks_.push_back(std::move(task));
    has_tasks_.store(true, std::memory_order_release);
  }
  wake();
}

bool transport_core::run_tasks() {
  if (!has_tasks_.load(std::memory_order_acquire)) return false;
  std::vector<std::function<void()>> now;
  {
    const std::scoped_lock hold{tasks_mutex_};
    now.swap(tasks_);
    has_tasks_.store(false, std::memory_order_relaxed);
  }
  for (const auto& task : now) task();
  return true;
}

void transport_core::run() {
  inline_unit& unit = *unit_;
  std::uint64_t turns = 0;
  while (!stopping_.load(std::memory_order_acquire)) {
    bool busy = run_tasks() || unit.has_work();
    if (changed_.exchange(false, std::memory_order_acquire)) {
      try {
        refresh();
        busy = true;
      } catch (const error&) {
        // Descriptors or memory are used up: later perhaps not.
        lost_[0] = clock::now();
      }
    }
    // By index: who is buried meanwhile is taken out.
    for (std::size_t i = 0; i < connected_.size(); ++i) {
      const std::shared_ptr<peer> one = connected_[i];
      busy = read(one) || busy;
      if (one->pipe && one->out.can_flush()) attend(one), busy = true;
      // Before the next one: what many send does not gather, and is handled while it is in the cache.
      if (!run_woken(unit)) return unit.end();  // another thread goes on in our place
    }
    constexpr std::uint64_t clock_every = 64;
    if (!busy || turns % clock_every == 0) look_at_clock();
    if (busy) {
      ++turns;
      if (!run_woken(unit)) return unit.end();
      continue;
    }
    door_->wait([this] { return has_news(); }, next_look());
  }
  say_goodbye();
}

/// False: it was stuck, and is retired.
bool transport_core::run_woken(inline_unit& unit) {
  if (!unit.has_work()) return true;
  ++runs_;  // sequentially consistent: either we see that the guard sleeps, or it sees this run
  if (guard_sleeps_.load()) wake_guard();
  return unit.run();
}

bool transport_core::has_news() {
  if (has_tasks_.load(std::memory_order_acquire) || changed_.load(std::memory_order_acquire) ||
      stopping_.load(std::memory_order_acquire))
    return true;
  return std::any_of(connected_.begin(), connected_.end(), [](const std::shared_ptr<peer>& one) {
    return one->pipe->waiting() != 0 || one->pipe->over() || one->out.can_flush();
  });
}

/// Retires a unit whose job does not come back, and starts a thread that goes on.
void transport_core::guard() {
  constexpr auto look_every = 10ms;
  constexpr int idle_looks_max = 3;
  std::unique_lock hold{guard_mutex_};
  std::uint64_t seen = 0;
  int idle_looks = 0;
  while (!stopping_.load()) {
    const std::uint64_t now = runs_.load();
    idle_looks = now == seen && !unit_->is_running() ? idle_looks + 1 : 0;
    seen = now;
    if (idle_looks > idle_looks_max) {
      guard_sleeps_.store(true);
      guard_wanted_.wait(
          hold, [&] { return stopping_.load() || runs_.load() != seen || unit_->is_running(); });
      guard_sleeps_.store(false);
      idle_looks = 0;
      continue;
    }
    guard_wanted_.wait_for(hold, look_every, [&] { return stopping_.load(); });
    join_former_workers();
    if (stopping_.load() || !unit_->retire_if_stuck()) continue;
    auto next = std::make_unique<inline_unit>(system_, options_.inline_max);
    next->mistrust(unit_->job());
    start_worker(std::move(next));
  }
}

void transport_core::start_worker(std::unique_ptr<inline_unit> unit) {
  unit_ = workers_.emplace_back(worker{std::move(unit), {}}).unit.get();
  workers_.back().thread = std::thread{[this] { run(); }};
  pthread_setname_np(workers_.back().thread.native_handle(), "hawser-actors");
}

void transport_core::join_former_workers() {
  for (std::size_t i = 0; i + 1 < workers_.size();) {
    if (!workers_[i].unit->has_ended()) {
      ++i;
      continue;
    }
    workers_[i].thread.join();
    former_units_.push_back(std::move(workers_[i].unit));
    workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(i));
    constexpr std::size_t kept_max = 64;
    if (former_units_.size() > kept_max) former_units_.pop_front();
  }
}

void transport_core::wake_guard() {
  const std::scoped_lock hold{guard_mutex_};
  guard_wanted_.notify_one();
}

/// What waits for peers is sent while they take it, for a second at most.
void transport_core::say_goodbye() {
  run_tasks();
  const auto end = clock::now() + 1s;
  for (const auto& one : connected_) tell(*one, {.kind = frame_kind::goodbye});
  const auto all_sent = [&] {
    bool waits = false;
    for (const auto& one : connected_) {
      one->out.flush();
      waits = waits || (one->out.has_backlog() && !one->pipe->peer_gone());
    }
    return !waits;
  };
  while (!all_sent() && clock::now() < end) door_->wait([] { return false; }, clock::now() + 1ms);
}

transport_core::counts transport_core::counters() const {
  counts all;
  all.received = received_.load(std::memory_order_relaxed);
  all.unknown_receivers = unknown_receivers_.load(std::memory_order_relaxed);
  all.damaged = damaged_.load(std::memory_order_relaxed);
  all.not_encodable = not_encodable_.load(std::memory_order_relaxed);
  all.pending = pending_.size();
  const std::scoped_lock hold{peers_mutex_};
  all.peers = peers_.size();
  all.sent = buried_counts_.sent;
  all.refused = buried_counts_.refused;
  all.dropped = buried_counts_.dropped;
  all.lent = buried_counts_.lent;
  for (const auto& one : peers_) {
    const outbox::counts its = one->out.counters();
    all.sent += its.sent;
    all.refused += its.refused;
    all.lent += its.lent;
    all.waiting_bytes += its.waiting_bytes;
  }
  return all;
}

}  // namespace hawser::actors::detail
