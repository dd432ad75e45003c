/// Process descriptors. glibc's <sys/pidfd.h> cannot be linked from C++ before 2.37.
#pragma once

#include <hawser/actors/exit_status.hpp>

#include <csignal>

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace hawser::actors::detail {

inline int open_pidfd(pid_t pid) noexcept {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

inline bool signal_pidfd(int pidfd, int number) noexcept {
  return syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0) == 0;
}

/// What the kernel still knows of a process that somebody has reaped (Linux 6.15).
exit_status how_reaped(int pidfd) noexcept;

/// How any process ended that has: ours, another one's, reaped or not. Leaves it to its parent.
/// Unknown where the kernel does not say so, or it lives.
exit_status how_ended(pid_t pid, int pidfd) noexcept;

exit_status from_siginfo(const siginfo_t& info) noexcept;

}  // namespace hawser::actors::detail
