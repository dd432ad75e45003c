#include "monitor.hpp"

#include <hawser/shm/error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hawser::shm::detail {
namespace {

thread_local bool on_monitor_thread = false;

int pidfd_open(std::uint32_t pid) noexcept {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

bool has_exited(int pidfd) noexcept {
  pollfd entry{pidfd, POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

}  // namespace

std::uint64_t own_pid_namespace() noexcept {
  struct stat status {};
  return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

monitor& monitor::instance() {
  // Never destroyed: channels with static storage may leave after any static object of ours.
  static monitor* const one = new monitor;
  return *one;
}

monitor::monitor() {
  pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                 [] { instance().child_after_fork(); });
}

void monitor::child_after_fork() noexcept {
  // Only the forking thread exists here, and it holds the mutex since the prepare handler.
  new (&thread_) std::thread;
  new (&callback_done_) std::condition_variable;
  running_ = false;
  ++round_;
  for (attachment* channel : channels_) channel->forget_after_fork();
  peers_.clear();
  dying_.clear();
  waits_.clear();  // callbacks belong to the parent
  epoll_ = {};
  control_ = {};
  socket_ = {};
  doorbell_ = 0;
  mutex_.unlock();
}

void monitor::enlist(attachment& channel) {
  const std::scoped_lock hold{mutex_};
  channels_.insert(&channel);
}

void monitor::retire(attachment& channel) noexcept {
  std::unique_lock hold{mutex_};
  channels_.erase(&channel);
  forget(channel);
  std::erase_if(dying_, [&](const participant& p) { return p.channel == &channel; });
  std::erase_if(waits_, [&](const auto& w) {
    return w.second.request.channel == &channel && !w.second.running;
  });
  if (channels_.empty()) stop(hold);
}

void monitor::forget(attachment& channel) noexcept {
  for (auto entry = peers_.begin(); entry != peers_.end();) {
    std::erase_if(entry->second.places,
                  [&](const participant& p) { return p.channel == &channel; });
    entry = entry->second.places.empty() ? peers_.erase(entry) : std::next(entry);
  }
  channel.watched_ = false;
}

bool monitor::watch(attachment& channel) noexcept try {
  const std::scoped_lock hold{mutex_};
  if (!running_) start();
  return look_at_members(channel);
} catch (...) {
  return false;  // no descriptor or thread to be had: the wait's short slices do the work
}

bool monitor::look_at_members(attachment& channel) noexcept try {
  segment_layout& layout = channel.layout();
  const std::uint32_t membership = layout.header.membership.load(std::memory_order_acquire);
  if (channel.watched_ && channel.watched_membership_ == membership) return channel.covered_;

  forget(channel);
  bool covered = true;
#if !defined(HAWSER_TSAN)
  covered = fences_are_whole();  // else notifiers without a fence can miss us
#endif
  const std::uint64_t here = own_pid_namespace();
  const auto highest =
      std::min(layout.header.highest_id.load(std::memory_order_relaxed), participants_max);
  const std::uint32_t mine = channel.tag_if_attached();
  for (std::uint32_t id = 1; id <= highest; ++id) {
    const participant_row& row = layout.rows[id];
    const std::uint32_t tag = row.tag.load(std::memory_order_acquire);
    if (tag == 0 || tag == mine) continue;
    if (row.pid_namespace != here || here == 0) covered = false;  // its pid means nothing here
    else if (row.pid != static_cast<std::uint32_t>(getpid()))
      covered &= add_peer(row.pid, {&channel, tag});
  }
  channel.watched_ = true;
  channel.watched_membership_ = membership;
  channel.covered_ = covered;
  return covered;
} catch (...) {
  channel.watched_ = channel.covered_ = false;
  return false;  // no descriptor or memory to be had: the wait's short slices do the work
}

bool monitor::add_peer(std::uint32_t pid, participant place) {
  const std::uint32_t id = id_of(place.tag);
  auto known = peers_.find(pid);
  if (known == peers_.end() || has_exited(known->second.pidfd.get())) {
    descriptor pidfd{pidfd_open(pid)};
    if (!pidfd) {
      if (errno != ESRCH) return false;
      if (!place.channel->sweep(id)) dying_.push_back(place);
      nudge();
      return true;
    }
    epoll_event event{EPOLLIN, {.u64 = pid}};
    if (known == peers_.end()) known = peers_.try_emplace(pid).first;
    // A pidfd that has exited and is replaced here hands its places to the living one; they
    // are looked at again when that one ends, and by slices meanwhile.
    else dying_.insert(dying_.end(), known->second.places.begin(), known->second.places.end());
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, pidfd.get(), &event) != 0) {
      if (known->second.places.empty()) peers_.erase(known);
      return false;
    }
    known->second.pidfd = std::move(pidfd);
    known->second.places.clear();
  }
  // The pid may be a stranger's by now: if the lock is held still, the pidfd is the owner's.
  if (!is_alive(place.channel->lock_fd_, id)) {
    if (!place.channel->sweep(id)) dying_.push_back(place);
    nudge();
  } else {
    known->second.places.push_back(place);
  }
  return true;
}

void monitor::start() {
  epoll_ = descriptor{epoll_create1(EPOLL_CLOEXEC)};
  control_ = descriptor{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!epoll_ || !control_) throw make_system_error(errno, "start", "monitor", "epoll");
  epoll_event event{EPOLLIN, {.u64 = about_control}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, control_.get(), &event);
  // The program's signals are for the program's threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    // What is this thread's is handed over here: before it runs, a stop may have come.
    thread_ = std::thread{[this, round = round_, epoll = epoll_.get(), control = control_.get()] {
      run(round, epoll, control);
    }};
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "hawser-monitor");
  running_ = true;
}

void monitor::stop(std::unique_lock<std::mutex>& hold) noexcept {
  if (!running_) return;
  running_ = false;
  ++round_;
  std::thread ending = std::move(thread_);
  nudge();
  // A new channel may start a new thread meanwhile: the descriptors are the old one's until
  // it has ended.
  const descriptor epoll = std::move(epoll_), control = std::move(control_),
                   socket = std::move(socket_);
  doorbell_ = 0;
  peers_.clear();
  dying_.clear();
  if (on_monitor_thread) {
    ending.detach();  // the last channel was closed by a callback; the thread ends behind it
    return;
  }
  hold.unlock();
  ending.join();
  hold.lock();
}

void monitor::nudge() noexcept {
  if (control_) eventfd_write(control_.get(), 1);
}

int monitor::next_timeout_ms() const {
  if (!dying_.empty()) return 1;
  if (waits_.empty() || !wait_slices()) return -1;
  const bool covered = std::all_of(waits_.begin(), waits_.end(), [](const auto& w) {
    return w.second.request.channel->covered_;
  });
  return covered ? 250 : 5;
}

void monitor::run(std::uint64_t round, int epoll, int control) {
  std::unique_lock hold{mutex_};
  on_monitor_thread = true;
  while (round == round_) {
    std::array<epoll_event, 32> events;
    const int timeout = next_timeout_ms();
    const int doorbell = socket_.get();
    hold.unlock();
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), timeout);
    hold.lock();
    if (round != round_) return;
    for (int i = 0; i < count; ++i) {
      const std::uint64_t about = events[static_cast<std::size_t>(i)].data.u64;
      if (about == about_control) {
        eventfd_t value;
        eventfd_read(control, &value);
      } else if (about == about_doorbell) {
        drain_doorbell(doorbell);
      } else {
        peer_died(static_cast<std::uint32_t>(about));
      }
    }
    bury();
    if (count == 0)
      for (const auto& [id, entry] : waits_) entry.request.channel->look_for_dead();
    serve_waits(hold);
  }
}

void monitor::peer_died(std::uint32_t pid) {
  const auto entry = peers_.find(pid);
  if (entry == peers_.end() || !has_exited(entry->second.pidfd.get())) return;
  dying_.insert(dying_.end(), entry->second.places.begin(), entry->second.places.end());
  peers_.erase(entry);
}

void monitor::bury() {
  std::erase_if(dying_, [](const participant& dead) {
    const auto& row = dead.channel->layout().rows[id_of(dead.tag)];
    return row.tag.load(std::memory_order_acquire) != dead.tag ||
           dead.channel->sweep(id_of(dead.tag));
  });
}

std::uint64_t monitor::add(async_request request) {
  watch(*request.channel);
  const std::scoped_lock hold{mutex_};
  if (!running_)
    throw make_error(errc::no_resources, "wait for", request.channel->name(),
                     "no thread or descriptor is left for Hawser's monitor");
  if (!socket_) open_doorbell();
  participant_row& row = request.channel->layout().rows[id_of(request.channel->tag())];
  row.doorbell.store(doorbell_, std::memory_order_relaxed);  // published by `armed`
  const std::uint64_t id = next_wait_++;
  waits_.try_emplace(id, wait{std::move(request), false});
  nudge();  // the thread arms it and looks whether it holds already
  return id;
}

void monitor::cancel(std::uint64_t id) noexcept {
  std::unique_lock hold{mutex_};
  const auto entry = waits_.find(id);
  if (entry == waits_.end()) return;
  if (entry->second.running) {
    if (!on_monitor_thread) callback_done_.wait(hold, [&] { return !waits_.contains(id); });
    return;
  }
  waits_.erase(entry);
}

void monitor::serve_waits(std::unique_lock<std::mutex>& hold) {
  for (auto entry = waits_.begin(); entry != waits_.end();) {
    if (entry->second.running) {  // by a thread that its own callback replaced
      ++entry;
      continue;
    }
    async_request& request = entry->second.request;
    look_at_members(*request.channel);  // who attaches rings, so that we watch it from now on
    participant_row& row =
        request.channel->layout().rows[id_of(request.channel->tag_if_attached())];
    // Armed: nothing has happened since we looked last.
    if ((row.armed.load(std::memory_order_acquire) & request.bit) != 0 && !request.holds()) {
      ++entry;
      continue;
    }
    row.armed.fetch_or(request.bit, std::memory_order_acq_rel);
    request.arm();
    if (!request.holds()) {
      ++entry;
      continue;
    }
    const std::uint64_t id = entry->first;
    entry->second.running = true;
    const std::function<void()> callback = std::move(request.callback);
    hold.unlock();
    callback();
    hold.lock();
    waits_.erase(id);
    callback_done_.notify_all();
    entry = waits_.upper_bound(id);
  }
}

std::uint64_t add_async_wait(async_request request) {
  return monitor::instance().add(std::move(request));
}

void cancel_async_wait(std::uint64_t id) noexcept { monitor::instance().cancel(id); }

}  // namespace hawser::shm::detail
