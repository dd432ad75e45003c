#include "processes.hpp"

#include "clock.hpp"
#include "measurement.hpp"
#include <hawser/shm/detail/futex.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

constexpr std::size_t roles_max = 32;
constexpr int status_not_available = 4;

/// What a forked process tells the parent.
struct role_note {
  std::atomic<bool> disturbed;
  char failure[512];
};

volatile std::sig_atomic_t signal_seen = 0;

/// This process's note; in the parent none.
role_note* own_note = nullptr;

std::system_error system_failure(const char* call) {
  return {errno, std::generic_category(), call};
}

/// How long the calling thread has been ready to run while others ran on its CPU.
std::int64_t waited_for_cpu_ns() {
  std::int64_t ran = 0, waited = 0;
  std::ifstream{"/proc/thread-self/schedstat"} >> ran >> waited;
  return waited;
}

/// Opens when everybody is there and pinned: who is not yet in front of the others would be kept off its
/// CPU for a second by those who spin already, and the parent could not start the rest.
class start_gate {
 public:
  start_gate() {
    if (pipe2(ends_, O_CLOEXEC) != 0) throw system_failure("pipe2");
  }
  start_gate(const start_gate&) = delete;
  start_gate& operator=(const start_gate&) = delete;
  ~start_gate() {
    close(ends_[0]);
    ready();
  }

  /// This process is.
  void ready() {
    if (ends_[1] >= 0) close(std::exchange(ends_[1], -1));
  }
  /// Returns when all processes are that have been forked from here.
  void pass() {
    ready();
    char byte;
    while (read(ends_[0], &byte, 1) < 0 && errno == EINTR) {
    }
  }

 private:
  int ends_[2];
};

[[noreturn]] void run_role(const process_role& role, pid_t parent, role_note* note,
                           start_gate* gate) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(3);  // the parent died before the line above
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  own_note = note;
  try {
    if (role.cpu != anywhere) pin(role.cpu);
    if (gate != nullptr) gate->pass();
    role.body();
    _exit(0);
  } catch (const not_available& e) {
    if (note != nullptr) std::strncpy(note->failure, e.what(), sizeof note->failure - 1);
    _exit(status_not_available);
  } catch (const std::exception& e) {
    if (note != nullptr) std::strncpy(note->failure, e.what(), sizeof note->failure - 1);
  }
  _exit(2);
}

pid_t fork_role(const process_role& role, role_note* note, start_gate* gate) {
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) throw system_failure("fork");
  if (pid == 0) run_role(role, parent, note, gate);
  return pid;
}

/// The children of one sample; kills and reaps those that are left.
class children {
 public:
  children() = default;
  children(const children&) = delete;
  children& operator=(const children&) = delete;
  ~children() {
    for (const child& c : running_) kill(c.pid, SIGKILL);
    for (const child& c : running_) reap(c);
  }

  void add(pid_t pid, std::size_t role) {
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    running_.push_back({pid, fd, role});
    if (fd < 0) throw system_failure("pidfd_open");
  }

  struct ended {
    std::size_t role;
    int status;
  };

  bool any() const { return !running_.empty(); }

  /// The ones that have ended, after at most `ms`.
  std::vector<ended> wait(int ms) {
    std::vector<pollfd> polled;
    for (const child& c : running_) polled.push_back({c.pidfd, POLLIN, 0});
    std::vector<ended> result;
    if (poll(polled.data(), polled.size(), ms) <= 0) return result;
    for (std::size_t i = polled.size(); i-- > 0;) {
      if (polled[i].revents == 0) continue;
      result.push_back({running_[i].role, reap(running_[i])});
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return result;
  }

 private:
  struct child {
    pid_t pid;
    int pidfd;
    std::size_t role;
  };

  static int reap(const child& c) {
    int status = 0;
    while (waitpid(c.pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (c.pidfd >= 0) close(c.pidfd);
    return status;
  }

  std::vector<child> running_;
};

std::string describe(const process_role& role, int status, const role_note& note) {
  std::string text = std::string{role.name} + " process: ";
  if (note.failure[0] != '\0') return text + note.failure;
  if (WIFSIGNALED(status)) return text + "killed by " + strsignal(WTERMSIG(status));
  return text + "exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

shared_bytes::shared_bytes(std::size_t bytes) : bytes_(bytes) {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw system_failure("mmap");
  data_ = static_cast<std::byte*>(at);
}

shared_bytes::~shared_bytes() { munmap(data_, bytes_); }

template <class Pause>
void meeting_point::meet(std::uint32_t participants, Pause pause) {
  const std::uint32_t round = round_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == participants) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
    return;
  }
  while (round_.load(std::memory_order_acquire) == round) pause();
}

void meeting_point::meet(std::uint32_t participants) {
  meet(participants, [spins = 0U]() mutable {
    shm::detail::cpu_relax();
    // Others may share this CPU, even the process we wait for.
    if (++spins % 4096 == 0) sched_yield();
  });
}

void meeting_point::part(std::uint32_t participants) {
  meet(participants, [] {
    const timespec moment{0, 200'000};
    nanosleep(&moment, nullptr);
  });
}

cpu_pair measuring_cpus(const effort& how) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    throw system_failure("sched_getaffinity");
  std::vector<int> cpus;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(static_cast<int>(cpu));
  if (cpus.size() < 2) throw not_available{"needs two CPUs, may use one only"};
  return {cpus[0], cpus[how.one_cpu ? 0 : 1]};
}

namespace {

/// Gets this process in front of the others: by its nice value, and, where the kernel groups
/// processes by session, by that of a session of its own. False: not allowed.
bool raise_priority() {
  setsid();
  std::ofstream{"/proc/self/autogroup"} << -20;
  return setpriority(PRIO_PROCESS, 0, -20) == 0;
}

}  // namespace

void pin(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(cpu), &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) throw system_failure("sched_setaffinity");
  raise_priority();  // if refused, samples are disturbed more often, and say so
}

bool may_raise_priority() {
  rlimit limit{};
  return geteuid() == 0 || (getrlimit(RLIMIT_NICE, &limit) == 0 && limit.rlim_cur >= 40);
}

bool run_processes(const std::vector<process_role>& roles, std::chrono::milliseconds limit) {
  if (roles.size() > roles_max) throw std::invalid_argument{"too many roles"};
  const shared<role_note[roles_max]> notes;
  children running;
  start_gate gate;
  for (std::size_t i = 0; i < roles.size(); ++i)
    running.add(fork_role(roles[i], &(*notes)[i], &gate), i);
  gate.ready();

  const std::int64_t end = now_ns() + std::chrono::nanoseconds{limit}.count();
  while (running.any()) {
    if (signal_received() != 0) throw interrupted{};
    const std::int64_t left_ms = (end - now_ns()) / 1'000'000;
    if (left_ms <= 0) throw wrong_figure{"not done after " + std::to_string(limit.count()) + " ms"};
    for (const auto& [role, status] : running.wait(static_cast<int>(left_ms)))
      if (WIFEXITED(status) && WEXITSTATUS(status) == status_not_available)
        throw not_available{(*notes)[role].failure};
      else if (status != 0) throw wrong_figure{describe(roles[role], status, (*notes)[role])};
  }
  return std::any_of(*notes, *notes + roles.size(),
                     [](const role_note& note) { return note.disturbed.load(); });
}

void end_samples_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { signal_seen = signal; };  // no SA_RESTART: waits end
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int signal_received() { return signal_seen; }

timed_section::timed_section(const effort& how)
    : counts_(!how.one_cpu), from_ns_(now_ns()), waited_ns_(waited_for_cpu_ns()) {}

timed_section::~timed_section() {
  const std::int64_t lost = waited_for_cpu_ns() - waited_ns_;
  if (counts_ && own_note != nullptr && lost > (now_ns() - from_ns_) / 50)
    own_note->disturbed = true;
}

pid_t start_process(const process_role& role) { return fork_role(role, nullptr, nullptr); }

}  // namespace hawser::bench
