#include "traced_child.hpp"

#include "process_state.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hawser::test::killpoint {
namespace {

using clock = std::chrono::steady_clock;

cpu_set_t cpus_at_start;
sigset_t signals_at_start;
bool is_tracer = false;

// A child that sleeps in one call for this long will not wake by itself: our operations make no
// timed calls that are longer, except those whose whole purpose is to wait for a wake-up.
constexpr std::chrono::milliseconds asleep_after{3};

[[noreturn]] void fail(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

/// The kernel's code in every process; at the same place in those that we fork.
struct mapped_range {
  std::uint64_t begin = 0, end = 0;
  bool contains(std::uint64_t address) const { return address >= begin && address < end; }
};
const mapped_range& vdso() {
  static const mapped_range found = [] {
    mapped_range range;
    std::ifstream maps{"/proc/self/maps"};
    for (std::string line; std::getline(maps, line);)
      if (line.ends_with("[vdso]")) {
        char dash = 0;
        std::istringstream{line} >> std::hex >> range.begin >> dash >> range.end;
      }
    return range;
  }();
  return found;
}

/// Waits for the next SIGCHLD, which may be that of any child.
void wait_for_child_signal(std::chrono::nanoseconds limit) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const timespec timeout{limit.count() / 1'000'000'000, limit.count() % 1'000'000'000};
  sigtimedwait(&child, nullptr, &timeout);
}

}  // namespace

void become_tracer() {
  sched_getaffinity(0, sizeof cpus_at_start, &cpus_at_start);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
  sched_setaffinity(0, sizeof one, &one);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, &signals_at_start);
  is_tracer = true;
}

void stop_being_tracer() {
  if (!is_tracer) return;
  sched_setaffinity(0, sizeof cpus_at_start, &cpus_at_start);
  sigprocmask(SIG_SETMASK, &signals_at_start, nullptr);
}

traced_child::traced_child(const std::function<void()>& body) {
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) fail("fork");
  if (pid_ > 0) return;
  // The child stays on the tracer's CPU.
  sigprocmask(SIG_SETMASK, &signals_at_start, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(1);
  try {
    body();
  } catch (const std::exception& e) {
    const std::string text = std::string{"victim: "} + e.what() + "\n";
    if (write(STDERR_FILENO, text.data(), text.size()) < 0) _exit(2);
    _exit(1);
  }
  _exit(0);
}

progress traced_child::interpret(int status) {
  if (WIFEXITED(status) || WIFSIGNALED(status)) {
    pid_ = -1;
    return progress::ended;
  }
  const int signal = WSTOPSIG(status);
  at_call_stop_ = signal == (SIGTRAP | 0x80);  // PTRACE_O_TRACESYSGOOD
  if (signal == SIGTRAP || at_call_stop_) return progress::stepped;
  if (signal == SIGSTOP) return progress::marked;
  pending_signal_ = signal;  // its own business; deliver it with the next step
  return progress::stepped;
}

progress traced_child::wait_bounded(std::chrono::milliseconds limit, bool until_asleep) {
  const auto start = clock::now();
  for (int turn = 0;; ++turn) {
    int status = 0;
    const pid_t reaped = waitpid(pid_, &status, WNOHANG | __WALL);
    if (reaped == pid_) return interpret(status);
    if (reaped < 0 && errno != EINTR) fail("waitpid");
    const auto waited = clock::now() - start;
    if (waited >= limit) return progress::blocked;
    if (until_asleep && waited >= asleep_after && is_asleep(pid_)) return progress::blocked;
    if (turn < 10) sched_yield();  // most calls return within a time slice on our CPU
    else wait_for_child_signal(std::chrono::milliseconds{1});
  }
}

progress traced_child::run_to_mark(std::chrono::milliseconds limit) {
  const auto until = clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
    const progress seen = wait_bounded(left, false);
    if (seen == progress::marked)
      ptrace(PTRACE_SETOPTIONS, pid_, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    if (seen != progress::stepped) return seen;
    // Stopped by a signal that is the child's own business: it goes on with it.
    if (ptrace(PTRACE_CONT, pid_, nullptr, std::exchange(pending_signal_, 0)) != 0)
      fail("ptrace(PTRACE_CONT)");
  }
}

progress traced_child::run_past_system_calls(std::size_t count) {
  // Each call stops twice: at its entry and at its exit.
  for (std::size_t stops = 0; stops < 2 * count;) {
    if (ptrace(PTRACE_SYSCALL, pid_, nullptr, std::exchange(pending_signal_, 0)) != 0)
      fail("ptrace(PTRACE_SYSCALL)");
    const progress seen = wait_bounded(std::chrono::seconds{10}, true);
    if (seen != progress::stepped) return seen;
    if (at_call_stop_) ++stops;
  }
  return progress::stepped;
}

progress traced_child::run_to(std::uint64_t address, std::uint64_t visits) {
  for (std::uint64_t seen = 0;;) {
    if (this->address() == address) {
      if (++seen == visits) return progress::stepped;
      if (const progress made = step(); made != progress::stepped) return made;
    } else if (const progress made = run_into_breakpoint(address); made != progress::stepped) {
      return made;
    }
  }
}

progress traced_child::run_into_breakpoint(std::uint64_t address) {
  constexpr long breakpoint = 0xCC, first_byte = 0xFF;
  errno = 0;
  const long code = ptrace(PTRACE_PEEKTEXT, pid_, address, nullptr);
  if (errno != 0) fail("ptrace(PTRACE_PEEKTEXT)");
  // The child's own copy of the page.
  if (ptrace(PTRACE_POKETEXT, pid_, address, (code & ~first_byte) | breakpoint) != 0)
    fail("ptrace(PTRACE_POKETEXT)");
  if (ptrace(PTRACE_CONT, pid_, nullptr, std::exchange(pending_signal_, 0)) != 0)
    fail("ptrace(PTRACE_CONT)");
  const progress seen = wait_bounded(std::chrono::seconds{10}, true);
  if (seen == progress::ended || seen == progress::blocked) return seen;  // not at our disposal
  if (ptrace(PTRACE_POKETEXT, pid_, address, code) != 0) fail("ptrace(PTRACE_POKETEXT)");
  if (this->address() == address + 1 && pending_signal_ == 0 && seen == progress::stepped &&
      ptrace(PTRACE_POKEUSER, pid_, offsetof(user_regs_struct, rip), address) != 0)
    fail("ptrace(PTRACE_POKEUSER)");
  return seen;
}

bool traced_child::does_not_leave_the_vdso(std::uint64_t next) {
  constexpr int steps_max = 300;  // reading a clock once takes some fifty
  if (!vdso().contains(next)) {
    steps_in_vdso_ = 0;
  } else if (steps_in_vdso_++ == 0) {
    const auto top = static_cast<std::uint64_t>(
        ptrace(PTRACE_PEEKUSER, pid_, offsetof(user_regs_struct, rsp), nullptr));
    vdso_returns_to_ = static_cast<std::uint64_t>(ptrace(PTRACE_PEEKDATA, pid_, top, nullptr));
  }
  return steps_in_vdso_ > steps_max;
}

progress traced_child::step() {
  if (does_not_leave_the_vdso(address())) {
    steps_in_vdso_ = 0;
    return run_into_breakpoint(vdso_returns_to_);
  }
  const bool may_sleep = at_system_call();
  if (ptrace(PTRACE_SINGLESTEP, pid_, nullptr, std::exchange(pending_signal_, 0)) != 0)
    fail("ptrace(PTRACE_SINGLESTEP)");
  if (may_sleep) return wait_bounded(std::chrono::seconds{10}, true);
  int status = 0;
  while (waitpid(pid_, &status, __WALL) < 0)
    if (errno != EINTR) fail("waitpid");
  return interpret(status);
}

progress traced_child::finish_blocked_step(std::chrono::milliseconds limit) {
  return wait_bounded(limit, false);
}

bool traced_child::at_system_call() {
  const std::uint64_t next = address();
  const auto [known, is_new] = system_call_at_.try_emplace(next, false);
  if (is_new) {
    constexpr long system_call = 0x050F;  // 0F 05, little endian
    known->second = (ptrace(PTRACE_PEEKTEXT, pid_, next, nullptr) & 0xFFFF) == system_call;
  }
  return known->second;
}

std::uint64_t traced_child::address() const {
  return static_cast<std::uint64_t>(
      ptrace(PTRACE_PEEKUSER, pid_, offsetof(user_regs_struct, rip), nullptr));
}

void traced_child::kill() noexcept {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  for (;;) {
    const pid_t reaped = waitpid(pid_, &status, __WALL);
    if (reaped == pid_ && (WIFEXITED(status) || WIFSIGNALED(status))) break;
    if (reaped < 0 && errno != EINTR) break;
  }
  pid_ = -1;
}

}  // namespace hawser::test::killpoint
