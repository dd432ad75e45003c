/// Process descriptors. glibc's <sys/pidfd.h> cannot be linked from C++ before 2.37.
#pragma once

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

}  // namespace hawser::actors::detail
