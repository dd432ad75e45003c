/// The one thread a process has, and only once something waits: it sees other processes die
/// (pidfd), sweeps what they held, and runs the callbacks of waits without a thread.
#pragma once

#include "segment_file.hpp"
#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/attachment.hpp>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace hawser::shm::detail {

/// Identifies this process's pid namespace.
std::uint64_t own_pid_namespace() noexcept;

/// Wakes the monitor of the process whose socket has this number. Never blocks.
void ring_doorbell(std::uint64_t doorbell) noexcept;

/// Takes what has arrived at our own socket.
void drain_doorbell(int socket) noexcept;

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

  std::uint64_t add(async_request request);
  void cancel(std::uint64_t id) noexcept;

 private:
  struct participant {
    attachment* channel;
    std::uint32_t tag;
  };
  struct peer {
    descriptor pidfd;
    std::vector<participant> places;
  };
  struct wait {
    async_request request;
    bool running = false;
  };

  monitor();
  void start();
  void stop(std::unique_lock<std::mutex>& hold) noexcept;
  void run(std::uint64_t round, int epoll, int control);
  void nudge() noexcept;
  bool add_peer(std::uint32_t pid, participant place);
  bool look_at_members(attachment& channel) noexcept;
  void forget(attachment& channel) noexcept;
  void peer_died(std::uint32_t pid);
  void bury();
  void open_doorbell();
  void serve_waits(std::unique_lock<std::mutex>& hold);
  int next_timeout_ms() const;
  void child_after_fork() noexcept;

  std::mutex mutex_;
  std::condition_variable callback_done_;
  std::set<attachment*> channels_;
  std::map<std::uint32_t, peer> peers_;
  std::vector<participant> dying_;  // dead, but their lock is still held by a fork of theirs
  std::map<std::uint64_t, wait> waits_;
  std::uint64_t next_wait_ = 1;
  std::thread thread_;
  bool running_ = false;
  std::uint64_t round_ = 0;  // which start of the thread; an old one ends when it differs
  descriptor epoll_, control_, socket_;
  std::uint64_t doorbell_ = 0;
};

}  // namespace hawser::shm::detail
