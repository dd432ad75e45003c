#include "command.hpp"

#include "clock.hpp"
#include "measurement.hpp"
#include "processes.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

std::system_error failure(const char* call) { return {errno, std::generic_category(), call}; }

/// A file in memory, or /dev/null.
class sink {
 public:
  explicit sink(bool kept)
      : fd_(kept ? memfd_create("output", MFD_CLOEXEC) : open("/dev/null", O_WRONLY | O_CLOEXEC)) {
    if (fd_ < 0) throw failure("memfd_create");
  }
  sink(const sink&) = delete;
  sink& operator=(const sink&) = delete;
  ~sink() { close(fd_); }

  int fd() const { return fd_; }

  std::string read_all() const {
    struct stat status {};
    fstat(fd_, &status);
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t n =
          pread(fd_, text.data() + done, text.size() - done, static_cast<off_t>(done));
      if (n <= 0) throw failure("pread");
      done += static_cast<std::size_t>(n);
    }
    return text;
  }

 private:
  int fd_;
};

}  // namespace

command_result run_command(const std::vector<std::string>& argv, bool keep_output,
                           std::optional<std::chrono::milliseconds> interrupt_after) {
  const sink output{keep_output}, errors{false};
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);

  command_result result;
  const std::int64_t from_ns = now_ns();
  const pid_t pid = fork();
  if (pid < 0) throw failure("fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("LC_ALL", "C", 1);
    dup2(output.fd(), STDOUT_FILENO);
    dup2(errors.fd(), STDERR_FILENO);
    execvp(arguments.front(), arguments.data());
    _exit(127);
  }
  std::int64_t stopped_ns = 0;
  if (interrupt_after) {
    poll(nullptr, 0, static_cast<int>(interrupt_after->count()));
    stopped_ns = now_ns();
    kill(pid, SIGINT);
  }
  rusage usage{};
  while (wait4(pid, &result.status, 0, &usage) < 0 && errno == EINTR)
    if (signal_received() != 0) kill(pid, SIGINT);
  if (signal_received() != 0) throw interrupted{};
  result.seconds = static_cast<double>(now_ns() - from_ns) / 1e9;
  if (interrupt_after) result.seconds_to_stop = static_cast<double>(now_ns() - stopped_ns) / 1e9;
  result.peak_megabytes = static_cast<double>(usage.ru_maxrss) / 1024;
  if (keep_output) result.output = output.read_all();
  return result;
}

}  // namespace hawser::bench
