/// The one thread a process has, and only once something waits: it sees other processes die
/// (pidfd), sweeps what they held, and runs the callbacks of waits without a thread.
#pragma once

#include "segment_file.hpp"
#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/attachment.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <vector>

namespace hawser::shm::detail {

/// Identifies this process's pid namespace.
std::uint64_t own_pid_namespace() noexcept;

/// Wakes the monitor of the process whose socket has this number, and says that something has happened in
/// the segment of this inode. Never blocks.
void ring_doorbell(std::uint64_t doorbell, std::uint64_t inode) noexcept;

/// Segments, by inode, in which something has happened; or that may have been anywhere.
struct rung_segments {
  std::vector<std::uint64_t> inodes;
  bool all = false;

  bool any() const noexcept { return all || !inodes.empty(); }
  void add(std::uint64_t inode) noexcept;
  void add(const rung_segments& others) noexcept {
    for (const std::uint64_t inode : others.inodes) add(inode);
    all = all || others.all;
  }
};

/// Takes what has arrived at our own socket, which keeps this many datagrams before it drops some.
void drain_doorbell(int socket, int kept, rung_segments& into) noexcept;

/// Whether this is the monitor's thread, and where it has rung its own process's doorbell since it last
/// looked at the waits.
extern thread_local bool on_monitor_thread;
extern thread_local rung_segments rung_by_itself;

/// How often a thread that nobody wakes looks whether somebody died or something happened all the same. It
/// never did so far: what wakes is proved without (`set_wait_slices`).
inline constexpr std::chrono::milliseconds backstop{1'000};
/// The same where deaths can only be seen by locks.
inline constexpr std::chrono::milliseconds look_at_locks{5};

// What an epoll event is about, beside the pids of peers.
inline constexpr std::uint64_t about_control = std::uint64_t{1} << 32;
inline constexpr std::uint64_t about_doorbell = about_control + 1;

class monitor {
 public:
  static monitor& instance();

  void enlist(attachment& channel);
  /// After this returns the monitor does not touch `channel`.
  void retire(attachment& channel) noexcept;

  /// Starts the thread, and has it watch all participants of `channel`. False: some of them
  /// can only be watched by their locks.
  bool watch(attachment& channel) noexcept;

  // See async_wait.hpp.
  std::uint64_t add(async_request request);
  void cancel(std::uint64_t id) noexcept;
  bool holds(std::uint64_t id);
  bool arm(std::uint64_t id, std::function<void()> callback);

  std::uint32_t forks() const noexcept { return forks_.load(std::memory_order_relaxed); }
  /// The number of this process's socket, 0: it has none.
  std::uint64_t own_doorbell() const noexcept { return doorbell_.load(std::memory_order_relaxed); }

 private:
  struct participant {
    attachment* channel;
    std::uint32_t tag;
  };
  struct peer {
    descriptor pidfd;
    std::unordered_map<attachment*, std::vector<std::uint32_t>> places;  // tags
  };
  /// A callback's one wait, or a condition, which waits as often as it is armed.
  ///
  ///   waiting   the callback is to be called          set by add and arm, cleared before the call
  ///   armed     the event and our row's bit were set since it was last ready,
  ///             when the channel's `armings_` was `armings`
  ///   doubted   to be looked at although nobody rang  set by the backstop
  ///   running   the callback is being called
  ///   ended     cancelled meanwhile: erased after the call
  struct wait {
    async_request request;    // its channel may be gone once the wait has ended
    std::uint64_t inode = 0;  // of the channel
    std::uint32_t armings = 0;
    bool condition = false;
    bool waiting = false, armed = false, doubted = false, running = false, ended = false;
    bool uncovered = false;  // counted in `uncovered_`
  };
  using waits = std::map<std::uint64_t, wait>;

  monitor();
  void start();
  void stop(std::unique_lock<std::mutex>& hold) noexcept;
  void run(std::uint64_t round, int epoll, int control);
  void listen(std::unique_lock<std::mutex>& hold, std::uint64_t round, int epoll, int control);
  void nudge() noexcept;
  bool add_peer(std::uint32_t pid, participant place);
  bool look_at_members(attachment& channel) noexcept;
  void forget(attachment& channel) noexcept;
  void peer_died(std::uint32_t pid);
  void bury();
  void open_doorbell();
  participant_row& prepare_row(attachment& channel);
  waits::iterator insert_wait(async_request request);
  waits::iterator erase_wait(waits::iterator entry) noexcept;
  void set_waiting(wait& one, bool waiting) noexcept;
  bool look(wait& one);
  std::vector<std::uint64_t> take_rung();
  void serve_waits(std::unique_lock<std::mutex>& hold);
  void doubt_waits();
  /// Returns their callbacks, to be destroyed without the mutex: what they captured may end waits
  /// of its own.
  std::vector<std::function<void()>> forget_waits(const attachment& channel);
  void disarm_after_fork() noexcept;
  int next_timeout_ms() const;
  void child_after_fork() noexcept;

  std::mutex mutex_;
  std::condition_variable callback_done_;
  std::set<attachment*> channels_;
  std::map<std::uint32_t, peer> peers_;
  std::vector<participant> dying_;  // dead, but their lock is still held by a fork of theirs
  waits waits_;
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> waits_in_;  // a segment, by inode
  std::size_t waiting_ = 0,
              uncovered_ = 0;  // how many of them, and on channels that only locks watch
  rung_segments rung_;
  std::vector<std::uint64_t> unlooked_;  // waits to be looked at though nobody rang
  std::uint64_t next_wait_ = 1;
  std::thread thread_;
  bool running_ = false;
  std::uint64_t round_ = 0;    // which start of the thread; an old one ends when it differs
  int timeout_ms_ = -1;        // what the thread sleeps at most
  std::uint64_t doubted_ = 0;  // the last wait that the backstop looked at
  descriptor epoll_, control_, socket_;
  int socket_keeps_ = 0;
  std::atomic<std::uint64_t> doorbell_{0};
  std::atomic<std::uint32_t> forks_{0};
};

}  // namespace hawser::shm::detail
