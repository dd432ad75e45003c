/// A child process that is run up to a mark, then one instruction at a time, then killed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <unordered_map>

#include <sys/types.h>

namespace hawser::test::killpoint {

/// What a traced child did when it was let go.
enum class progress {
  stepped,  ///< It executed one instruction, or came to another stop on its way.
  marked,   ///< It stopped at a mark.
  blocked,  ///< It sleeps inside a system call; nothing but a wake-up ends that.
  ended,    ///< It exited, or a signal killed it.
};

class traced_child {
 public:
  /// Forks; the child runs `body` under trace and exits. `body` sets the marks.
  explicit traced_child(const std::function<void()>& body);
  traced_child(const traced_child&) = delete;
  traced_child& operator=(const traced_child&) = delete;
  ~traced_child() { kill(); }

  /// Waits for the child, which runs freely at first, to reach its first mark.
  ///
  /// Returns    `marked`, `ended`, or `blocked` when it has not come so far within `limit`.
  progress run_to_mark(std::chrono::milliseconds limit);

  /// Lets the child run at full speed until it has returned from `count` system calls.
  ///
  /// Returns    `stepped`, or what came before that.
  progress run_past_system_calls(std::size_t count);

  /// Lets the child run at full speed until it comes to the instruction at `address` for the
  /// `visits`th time, counted from here, where it may be already.
  ///
  /// Returns    `stepped`, or what came before that.
  progress run_to(std::uint64_t address, std::uint64_t visits);

  /// Executes one instruction. A system call is one instruction, from before the call until
  /// after its return; if the child falls asleep in it, this returns `blocked` and the child
  /// stays in the call. The kernel's functions that read a clock begin again when its tick comes
  /// meanwhile: where steps take long, for ever. They are left at full speed then.
  progress step();

  /// Waits for the end of the instruction that `step` called blocked.
  progress finish_blocked_step(std::chrono::milliseconds limit);

  /// Whether the next instruction is a system call.
  [[nodiscard]] bool at_system_call();

  /// Where the next instruction is.
  [[nodiscard]] std::uint64_t address() const;

  /// Kills and reaps the child. When this returns, the kernel has released its locks.
  void kill() noexcept;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  progress wait_bounded(std::chrono::milliseconds limit, bool until_asleep);
  progress interpret(int status);
  progress run_into_breakpoint(std::uint64_t address);
  bool does_not_leave_the_vdso(std::uint64_t next);

  pid_t pid_ = -1;
  int pending_signal_ = 0;     // to be delivered when the child is let go
  bool at_call_stop_ = false;  // stopped at the entry to or the exit from a system call
  std::unordered_map<std::uint64_t, bool> system_call_at_;  // by instruction address
  int steps_in_vdso_ = 0;
  std::uint64_t vdso_returns_to_ = 0;
};

/// Blocks SIGCHLD in the calling thread, whose waits for traced children are bounded by it, and
/// keeps this process and its victims on one CPU, where a step costs a sixth of what it costs
/// between two. Call once, before anything else here, in the process that traces.
void become_tracer();

/// Undoes `become_tracer`, if need be: signals and CPUs are as at the start.
void stop_being_tracer();

}  // namespace hawser::test::killpoint
