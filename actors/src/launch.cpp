#include "launch.hpp"

#include "pidfd.hpp"
#include "start_error.hpp"

#include <array>
#include <cerrno>
#include <csignal>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hawser::actors::detail {
namespace {

class spawn_setup {
 public:
  spawn_setup() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  spawn_setup(const spawn_setup&) = delete;
  ~spawn_setup() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }

  /// The child keeps 0, 1, 2, or has what it is given for 1 and 2, and `channel` as its fourth.
  int descriptors(int channel, int output, int error) {
    // First these: one of them may be the number that the channel gets.
    int failed = output < 0 ? 0 : posix_spawn_file_actions_adddup2(&actions_, output, 1);
    if (failed == 0 && error >= 0) failed = posix_spawn_file_actions_adddup2(&actions_, error, 2);
    if (failed == 0) failed = posix_spawn_file_actions_adddup2(&actions_, channel, child_channel);
    return failed != 0 ? failed
                       : posix_spawn_file_actions_addclosefrom_np(&actions_, child_channel + 1);
  }

  int signals(bool detached) {
    sigset_t none, defaults;
    sigemptyset(&none);
    sigfillset(&defaults);
    // Whoever ignores these was told to survive them (nohup, "&" in a script); so is its child.
    for (const int number : {SIGHUP, SIGINT, SIGQUIT}) {
      struct sigaction current {};
      if (sigaction(number, nullptr, &current) == 0 && current.sa_handler == SIG_IGN)
        sigdelset(&defaults, number);
    }
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (detached) flags = static_cast<short>(flags | POSIX_SPAWN_SETSID);
    int failed = posix_spawnattr_setsigmask(&attributes_, &none);
    if (failed == 0) failed = posix_spawnattr_setsigdefault(&attributes_, &defaults);
    return failed != 0 ? failed : posix_spawnattr_setflags(&attributes_, flags);
  }

  int run(pid_t& pid, char* const* arguments) {
    // The magic link leads to this very file, also when another one has taken its name.
    return posix_spawn(&pid, "/proc/self/exe", &actions_, &attributes_, arguments, environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

launched launch(const order& content) {
  auto [ours, theirs] = make_channel();
  if (!ours) throw start_error(errno, content.name, "socketpair");
  const descriptor file = write_order(content);
  if (!file) throw start_error(errno, content.name, "memfd_create");

  spawn_setup setup;
  int failed = setup.descriptors(theirs.get(), content.standard_output, content.standard_error);
  if (failed == 0) failed = setup.signals(content.detached);
  if (failed != 0) throw start_error(failed, content.name, "posix_spawnattr");

  std::string program = program_path(), option = child_option, name = content.name;
  const std::array<char*, 4> arguments{program.data(), option.data(), name.data(), nullptr};
  pid_t pid = 0;
  failed = setup.run(pid, arguments.data());
  if (failed != 0) throw start_error(failed, content.name, "posix_spawn");
  theirs.reset();

  // The child does nothing before it has been told who it is, so the pid is still its own.
  descriptor pidfd{open_pidfd(pid)};
  if (!pidfd || !send_hello(ours.get(), file.get())) {
    const int reason = errno;
    // EPIPE: it ended already. It is reaped as any other, and the status says why.
    if (!pidfd || reason != EPIPE) {
      ::kill(pid, SIGKILL);
      while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
      }
      throw start_error(reason, content.name, pidfd ? "sendmsg" : "pidfd_open");
    }
  }
  return {pid, std::move(pidfd), std::move(ours)};
}

exit_status reap(int pidfd) noexcept {
  siginfo_t info{};
  int result;
  do result = waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED);
  while (result != 0 && errno == EINTR);
  if (result == 0) return from_siginfo(info);
  return how_reaped(pidfd);
}

}  // namespace hawser::actors::detail
