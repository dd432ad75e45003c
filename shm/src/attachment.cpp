#include "monitor.hpp"
#include "segment_file.hpp"
#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/mutant.hpp>
#include <hawser/shm/error.hpp>

#include <boost/interprocess/mapped_region.hpp>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <new>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hawser::shm::detail {
namespace {

std::atomic<bool> slices_on{true};

std::int64_t coarse_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace

void set_wait_slices(bool on) noexcept { slices_on.store(on, std::memory_order_relaxed); }
bool wait_slices() noexcept { return slices_on.load(std::memory_order_relaxed); }

attachment::attachment(const channel_kind_ops& ops, const attach_request& request)
    : ops_(ops), name_(request.name), swept_(request.swept) {
  register_fences();
  attach(request);
  monitor::instance().enlist(*this);
}

attachment::~attachment() {
  monitor::instance().retire(*this);
  leave();
}

bool attachment::is_dead(std::uint32_t tag) noexcept {
  if (tag == tag_if_attached()) return false;
  const std::uint32_t id = id_of(tag);
  if (id == 0) return true;
  // Acquire: a row that names somebody else was freed after its sweep (I3).
  if (layout().rows[id].tag.load(std::memory_order_acquire) != tag) return true;
  return !is_alive(lock_fd_, id);
}

bool attachment::sleep(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                       const deadline& until) {
  const auto start = clock::now();
  if (until && start >= *until) return false;
  const bool watched = monitor::instance().watch(*this);
  // Who is not woken looks for dead participants itself.
  std::chrono::nanoseconds slice{-1};
  if (wait_slices()) slice = watched ? backstop : look_at_locks;

  auto timeout = slice;
  if (until) {
    const std::chrono::nanoseconds left = *until - start;
    if (slice.count() < 0 || left < slice) timeout = left;
  }
  futex_wait(word, expected, timeout);
  if (slice.count() >= 0 && clock::now() - start >= slice) look_for_dead(true);
  return true;
}

void attachment::watch() noexcept { monitor::instance().watch(*this); }

void attachment::look_for_dead(bool now) {
  if (!now) {
    if (!wait_slices()) return;
    const std::int64_t time = coarse_ns();
    std::int64_t last = looked_ns_.load(std::memory_order_relaxed);
    if (time - last < std::chrono::nanoseconds{look_at_locks}.count() ||
        !looked_ns_.compare_exchange_strong(last, time, std::memory_order_relaxed))
      return;
  }
  const std::uint32_t mine = tag_if_attached();
  const std::uint32_t highest =
      std::min(layout().header.highest_id.load(std::memory_order_relaxed), participants_max);
  for (std::uint32_t id = 1; id <= highest; ++id) {
    const std::uint32_t tag = layout().rows[id].tag.load(std::memory_order_acquire);
    if (tag != 0 && tag != mine && !is_alive(lock_fd_, id)) sweep(id);
  }
}

bool attachment::sweep(std::uint32_t id) {
  const std::scoped_lock one_thread{sweeping_};
  if (id == id_of(tag_if_attached())) return false;
  if (!try_lock(lock_fd_, gate_byte + id)) return false;
  participant_row& row = layout().rows[id];
  if (const std::uint32_t dead = row.tag.load(std::memory_order_acquire); dead != 0) {
    HAWSER_MUTATE(sweep_frees_place_first, void(), row.tag.store(0));
    ops_.reclaim(*this, dead);
    if (swept_) swept_();
    row.armed.store(0, std::memory_order_relaxed);
    // Woken before the row is free: if we die in between, the next sweeper wakes them again.
    HAWSER_MUTATE(sweep_wakes_nobody, ops_.wake(*this), void());
    HAWSER_MUTATE(sweep_wakes_nobody, ring_all(), void());
    row.tag.store(0, std::memory_order_release);  // I3
  }
  unlock(lock_fd_, gate_byte + id);
  return true;
}

void attachment::sync() {
  if (!mapping_->flush(0, 0, false)) throw failure(errno, "sync", "msync");
}

void attachment::ring(std::uint32_t bits) noexcept {
  const std::uint32_t highest =
      std::min(layout().header.highest_id.load(std::memory_order_relaxed), participants_max);
  for (std::uint32_t id = 1; id <= highest; ++id) {
    participant_row& row = layout().rows[id];
    if ((row.armed.load(std::memory_order_relaxed) & bits) == 0) continue;
    if ((row.armed.fetch_and(~bits, std::memory_order_acq_rel) & bits) != 0)
      ring_doorbell(row.doorbell.load(std::memory_order_relaxed), inode_);
  }
}

void attachment::ring_all() noexcept {
  const std::uint32_t highest =
      std::min(layout().header.highest_id.load(std::memory_order_relaxed), participants_max);
  for (std::uint32_t id = 1; id <= highest; ++id) {
    participant_row& row = layout().rows[id];
    const std::uint64_t doorbell = row.doorbell.load(std::memory_order_relaxed);
    if (row.tag.load(std::memory_order_acquire) == 0 || doorbell == 0) continue;
    row.armed.store(0, std::memory_order_release);
    ring_doorbell(doorbell, inode_);
  }
}

std::string attachment::operation(const char* verb) const {
  return std::string{verb} + " " + ops_.word;
}

error attachment::failure(int number, const char* verb, const std::string& call) const {
  return make_system_error(number, operation(verb), name_, call, directory_of(path_));
}

std::uint32_t attachment::attach_again() {
  const std::scoped_lock one_thread{again_};
  if (const std::uint32_t mine = tag_if_attached(); mine != 0) return mine;
  const std::string what = operation("use");
  descriptor lock{::open(path_.c_str(), O_RDWR | O_CLOEXEC)};
  struct stat status {};
  if (lock) {
    pass_gate(lock.get(), what, name_);
    if (fstat(lock.get(), &status) != 0) status.st_ino = 0;
  }
  if (!lock || status.st_ino != inode_ || status.st_nlink == 0)
    throw make_error(errc::not_found, what, name_,
                     "this process is a fork, and the channel was removed before its first use "
                     "here; use it earlier, or keep the parent attached");
  register_fences();
  lock_fd_ = lock.release();
  try {
    claim();
  } catch (...) {
    ::close(std::exchange(lock_fd_, -1));
    throw;
  }
  unlock(lock_fd_, gate_byte);
  return tag_if_attached();
}

void attachment::forget_after_fork() noexcept {
  // The locks stay with the parent: its descriptor is closed here and nothing is released.
  tag_.store(0, std::memory_order_relaxed);
  if (lock_fd_ >= 0) ::close(std::exchange(lock_fd_, -1));
  // Another thread may have held them when we forked.
  new (&again_) std::mutex;
  new (&sweeping_) std::mutex;
  watched_ = false;
}

void attachment::claim() {
  look_for_dead(true);
  segment_layout& all = layout();
  const timespec now = [] {
    timespec t{};
    clock_gettime(CLOCK_REALTIME, &t);
    return t;
  }();
  for (std::uint32_t id = 1; id <= participants_max; ++id) {
    participant_row& row = all.rows[id];
    if (row.tag.load(std::memory_order_acquire) != 0 || !try_lock(lock_fd_, gate_byte + id))
      continue;
    row.generation = (row.generation + 1) & 0xFF'FFFF;
    if (row.generation == 0) row.generation = 1;
    row.pid = static_cast<std::uint32_t>(getpid());
    row.pid_namespace = own_pid_namespace();
    row.doorbell.store(0, std::memory_order_relaxed);
    row.armed.store(0, std::memory_order_relaxed);
    row.held.store(0, std::memory_order_relaxed);
    row.since_ns = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
                   static_cast<std::uint64_t>(now.tv_nsec);
    const std::uint32_t mine = row.generation << 8 | id;
    if (all.header.highest_id.load(std::memory_order_relaxed) < id)
      all.header.highest_id.store(id, std::memory_order_relaxed);
    row.tag.store(mine, std::memory_order_release);  // I3: from here on we can be swept
    tag_.store(mine, std::memory_order_relaxed);
    // Sleepers look at the new row, so that their monitors watch this process.
    all.header.membership.fetch_add(1, std::memory_order_release);
    HAWSER_MUTATE(attach_wakes_nobody, ops_.wake(*this), void());
    return;
  }
  throw make_error(errc::too_many_participants, operation("open"), name_,
                   "all 255 places are taken; close some of the channel's objects");
}

void attachment::leave() noexcept {
  const std::uint32_t mine = tag_if_attached();
  if (mine != 0) {
    bool inside = false;
    try {
      pass_gate(lock_fd_, operation("leave"), name_);
      inside = true;
    } catch (...) {
      // A stopped process holds the gate. We drop our lock as if killed, and are swept.
    }
    if (inside) {
      ops_.reclaim(*this, mine);
      ops_.wake(*this);
      layout().rows[id_of(mine)].tag.store(0, std::memory_order_release);  // I3
      unlock(lock_fd_, gate_byte + id_of(mine));
      struct stat status {};
      const bool kept =
          HAWSER_MUTATE(file_removed_by_the_last_one,
                        users_file_ || (layout().header.flags & flag_keep) != 0, !users_file_);
      if (HAWSER_MUTATE(last_one_leaves_file, !kept, false) && !anybody_alive(lock_fd_) &&
          fstat(lock_fd_, &status) == 0 && status.st_nlink > 0)
        ::unlink(path_.c_str());
    }
  }
  tag_.store(0, std::memory_order_relaxed);
  if (lock_fd_ >= 0) ::close(std::exchange(lock_fd_, -1));
}

}  // namespace hawser::shm::detail
