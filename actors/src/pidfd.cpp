#include "pidfd.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace hawser::actors::detail {
namespace {

// PIDFD_GET_INFO of Linux 6.13 and its exit code of 6.15, which Debian's headers do not have.
struct pidfd_info {
  std::uint64_t mask;
  std::uint64_t cgroup_id;
  std::uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  std::int32_t exit_code;
};
static_assert(sizeof(pidfd_info) == 64);
constexpr std::uint64_t pidfd_info_exit = 1U << 3;
constexpr unsigned long pidfd_get_info = _IOWR(0xFF, 11, pidfd_info);

exit_status from_wait_status(int status) {
  if (WIFEXITED(status)) return exit_status::exited(WEXITSTATUS(status));
  return exit_status::killed(WTERMSIG(status), WCOREDUMP(status));
}

/// Of one that nobody has reaped yet: the last field of its stat. For those who may not trace it, 0
/// stands there.
std::optional<int> zombies_status(pid_t pid) noexcept {
  char path[32], text[1024];
  std::snprintf(path, sizeof path, "/proc/%d", static_cast<int>(pid));
  struct stat owner {};
  if (stat(path, &owner) != 0 || (owner.st_uid != geteuid() && geteuid() != 0)) return std::nullopt;
  std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(pid));
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got <= 0) return std::nullopt;
  text[got] = 0;
  const char* const name_end = std::strrchr(text, ')');  // "PID (NAME) STATE ... EXIT_CODE"
  const char* const last = std::strrchr(text, ' ');
  if (name_end == nullptr || last < name_end + 3 || name_end[2] != 'Z') return std::nullopt;
  return std::atoi(last + 1);
}

}  // namespace

exit_status from_siginfo(const siginfo_t& info) noexcept {
  if (info.si_code == CLD_EXITED) return exit_status::exited(info.si_status);
  return exit_status::killed(info.si_status, info.si_code == CLD_DUMPED);
}

exit_status how_reaped(int pidfd) noexcept {
  pidfd_info answer{};
  answer.mask = pidfd_info_exit;
  if (ioctl(pidfd, pidfd_get_info, &answer) == 0 && (answer.mask & pidfd_info_exit) != 0)
    return from_wait_status(answer.exit_code);
  return {};
}

exit_status how_ended(pid_t pid, int pidfd) noexcept {
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG | WNOWAIT) == 0)
    return info.si_pid != 0 ? from_siginfo(info) : exit_status{};
  // While it is a zombie, its number is its own.
  const auto status = zombies_status(pid);
  const exit_status reaped = how_reaped(pidfd);
  if (!reaped.is_unknown() || !status) return reaped;
  return from_wait_status(*status);
}

}  // namespace hawser::actors::detail
