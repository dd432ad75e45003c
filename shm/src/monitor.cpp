#include "monitor.hpp"

#include <hawser/shm/error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hawser::shm::detail {

thread_local bool on_monitor_thread = false;
thread_local rung_segments rung_by_itself;

namespace {

// Of this process, 0: not looked up yet.
std::atomic<std::uint64_t> pid_namespace{0};

int pidfd_open(std::uint32_t pid) noexcept {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

bool has_exited(int pidfd) noexcept {
  pollfd entry{pidfd, POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

}  // namespace

std::uint64_t own_pid_namespace() noexcept {
  std::uint64_t known = pid_namespace.load(std::memory_order_relaxed);
  if (known != 0) return known;
  struct stat status {};
  if (stat("/proc/self/ns/pid", &status) == 0) known = status.st_ino;
  pid_namespace.store(known, std::memory_order_relaxed);
  return known;
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
  on_monitor_thread = false;
  ++round_;
  forks_.fetch_add(1, std::memory_order_relaxed);
  pid_namespace.store(0, std::memory_order_relaxed);  // a child may be the first of a new one
  for (attachment* channel : channels_) channel->forget_after_fork();
  peers_.clear();
  dying_.clear();
  disarm_after_fork();
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
  std::vector<std::function<void()>> dropped;
  std::unique_lock hold{mutex_};
  channels_.erase(&channel);
  forget(channel);
  std::erase_if(dying_, [&](const participant& p) { return p.channel == &channel; });
  dropped = forget_waits(channel);
  if (channels_.empty()) stop(hold);
}

void monitor::forget(attachment& channel) noexcept {
  for (auto entry = peers_.begin(); entry != peers_.end();) {
    entry->second.places.erase(&channel);
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
  bool covered = true, complete = true;
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
    if (tag == 0 || id == id_of(mine)) continue;  // ours, whatever somebody wrote there
    if (row.pid_namespace != here || here == 0) covered = false;  // its pid means nothing here
    else if (row.pid != static_cast<std::uint32_t>(getpid()))
      complete &= add_peer(row.pid, {&channel, tag});
  }
  channel.watched_ = complete;  // else it is tried again: descriptors may be free by then
  channel.watched_membership_ = membership;
  channel.covered_ = covered && complete;
  return channel.covered_;
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
    // A pidfd that has exited and is replaced here hands its places to the living one; they
    // are looked at again when that one ends, and by slices meanwhile.
    if (known != peers_.end()) peer_died(pid);
    epoll_event event{EPOLLIN, {.u64 = pid}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, pidfd.get(), &event) != 0) return false;
    known = peers_.try_emplace(pid).first;
    known->second.pidfd = std::move(pidfd);
  }
  // The pid may be a stranger's by now: if the lock is held still, the pidfd is the owner's.
  if (!is_alive(place.channel->lock_fd_, id)) {
    if (!place.channel->sweep(id)) dying_.push_back(place);
    nudge();
  } else {
    known->second.places[place.channel].push_back(place.tag);
  }
  return true;
}

void monitor::start() {
  descriptor epoll{epoll_create1(EPOLL_CLOEXEC)};
  descriptor control{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  epoll_event event{EPOLLIN, {.u64 = about_control}};
  if (!epoll || !control || epoll_ctl(epoll.get(), EPOLL_CTL_ADD, control.get(), &event) != 0)
    throw make_system_error(errno, "start", "monitor", "epoll");
  // The program's signals are for the program's threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    // What is this thread's is handed over here: before it runs, a stop may have come.
    thread_ = std::thread{[this, round = round_, epoll = epoll.get(), control = control.get()] {
      run(round, epoll, control);
    }};
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "hawser-monitor");
  epoll_ = std::move(epoll);
  control_ = std::move(control);
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
  if (!wait_slices()) return -1;
  if (uncovered_ != 0) return static_cast<int>(look_at_locks.count());
  return waiting_ != 0 ? static_cast<int>(backstop.count()) : -1;
}

void monitor::run(std::uint64_t round, int epoll, int control) {
  std::unique_lock hold{mutex_};
  on_monitor_thread = true;
  while (round == round_) {
    timeout_ms_ = rung_by_itself.any() ? 0 : next_timeout_ms();
    listen(hold, round, epoll, control);
    if (round != round_) break;
    serve_waits(hold);
  }
  // A callback has replaced us: what it rang since is the next thread's.
  rung_.add(std::exchange(rung_by_itself, {}));
  if (rung_.any()) nudge();
}

void monitor::listen(std::unique_lock<std::mutex>& hold, std::uint64_t round, int epoll,
                     int control) {
  std::array<epoll_event, 32> events;
  const int timeout = timeout_ms_, doorbell = socket_.get(), doorbell_keeps = socket_keeps_;
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
      drain_doorbell(doorbell, doorbell_keeps, rung_);
    } else {
      peer_died(static_cast<std::uint32_t>(about));
    }
  }
  bury();
  if (count == 0) doubt_waits();
}

void monitor::peer_died(std::uint32_t pid) {
  const auto entry = peers_.find(pid);
  if (entry == peers_.end() || !has_exited(entry->second.pidfd.get())) return;
  for (const auto& [channel, tags] : entry->second.places)
    for (const std::uint32_t tag : tags) dying_.push_back({channel, tag});
  peers_.erase(entry);
}

void monitor::bury() {
  std::erase_if(dying_, [](const participant& dead) {
    const auto& row = dead.channel->layout().rows[id_of(dead.tag)];
    return row.tag.load(std::memory_order_acquire) != dead.tag ||
           dead.channel->sweep(id_of(dead.tag));
  });
}

}  // namespace hawser::shm::detail
