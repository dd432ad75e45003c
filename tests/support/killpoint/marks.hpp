/// The two marks a victim sets around the operation under test.
///
/// A mark stops the calling thread with a raw system call, inline: nothing of libc lies between
/// the mark and the operation, so that instruction 0 is the operation's own first one. The
/// signal goes to the thread, not to the process: another thread of the victim that is not
/// traced would otherwise stop the whole process for it.
#pragma once

#include <csignal>
#include <cstdint>

#include <sys/syscall.h>
#include <unistd.h>

#if !defined(__x86_64__)
#error "the kill-point harness knows the system call instruction of x86-64 only"
#endif

namespace hawser::test::killpoint {

/// Who is stopped by a mark: the calling thread. Made before the mark, so that the mark itself
/// is one system call.
struct marked_thread {
  std::int64_t process = getpid();
  std::int64_t thread = syscall(SYS_gettid);

  /// Stops here. A tracer sees a stop by SIGSTOP, where a single step is a stop by SIGTRAP.
  [[gnu::always_inline]] void mark() const noexcept {
    std::int64_t result = SYS_tgkill;
    asm volatile("syscall"
                 : "+a"(result)
                 : "D"(process), "S"(thread), "d"(std::int64_t{SIGSTOP})
                 : "rcx", "r11", "memory");
  }
};

}  // namespace hawser::test::killpoint
