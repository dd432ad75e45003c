/// The one thread of a process that starts its children, hears them, and reaps them.
///
/// The kernel kills a child when the thread that started it ends (PR_SET_PDEATHSIG), so that
/// thread has to be one that lives as long as the process.
#pragma once

#include "child_record.hpp"
#include "handshake.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>
#include <vector>

namespace hawser::actors::detail {

class process_keeper {
 public:
  static process_keeper& instance();

  /// Starts a child and waits until it is ready. Any thread, callbacks included.
  std::shared_ptr<child_record> start(const order& content, std::chrono::milliseconds timeout,
                                      std::chrono::milliseconds stop_timeout,
                                      const std::stop_token& give_up);

  /// Runs a callback of an ended child on the keeper's thread; it counts as pending already.
  void call_back(std::shared_ptr<child_record> child,
                 std::function<void(const exit_status&)> callback);

  /// Whether the caller runs on the keeper's thread, where waiting for a child has no end.
  static bool is_this_thread() noexcept;

 private:
  process_keeper();
  void start_thread();
  void child_after_fork() noexcept;
  void run();
  void turn(int timeout_ms);
  void run_callbacks();
  std::shared_ptr<child_record> launch_child(const order& content,
                                             std::chrono::milliseconds stop_timeout);
  std::shared_ptr<child_record> on_thread(std::function<std::shared_ptr<child_record>()> job);
  void await_end(child_record& child);
  void await_decision(const child_record& child, std::chrono::milliseconds timeout,
                      const std::stop_token& give_up);
  void hear(child_record& child);
  void bury(std::uint64_t id, const std::shared_ptr<child_record>& child);

  std::mutex mutex_;  // for all below but due_; the thread alone changes children_
  bool running_ = false;
  descriptor epoll_, control_;
  std::vector<std::function<void()>> jobs_;
  std::map<std::uint64_t, std::shared_ptr<child_record>> children_;
  std::uint64_t next_id_ = 1;

  struct due_callback {
    std::shared_ptr<child_record> child;
    std::function<void(const exit_status&)> callback;
  };
  std::vector<due_callback> due_;  // the thread's own
};

}  // namespace hawser::actors::detail
