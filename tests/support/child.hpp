/// Forked children, names and bounded waits for tests of more than one process.
#pragma once

#include "before_fork.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>

#include <dirent.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hawser::test {

/// Long enough for a loaded machine; a test that waits this long has failed.
inline constexpr std::chrono::seconds patience{30};

/// A channel name nobody else uses.
inline std::string unique_name() {
  static int count = 0;
  return "test." + std::to_string(getpid()) + "." + std::to_string(++count);
}

/// Looks until `condition` holds. False after `patience`.
template <class Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    poll(nullptr, 0, 1);
  }
  return true;
}

/// A child process that runs `body` and ends; killed and reaped with this object at the latest.
///
/// `body` gets a function to report progress by; `await_report` waits for one report.
class child {
 public:
  using report = std::function<void()>;

  explicit child(const std::function<int(const report&)>& body) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    before_fork();
    pid_ = fork();
    if (pid_ < 0) {
      std::perror("fork");
      std::abort();
    }
    if (pid_ == 0) {
      close(ends[0]);
      int status = 99;
      try {
        status = body([&] { std::ignore = write(ends[1], "x", 1); });
      } catch (const std::exception& e) {
        dprintf(2, "child: %s\n", e.what());
      }
      _exit(status);
    }
    close(ends[1]);
    reports_ = ends[0];
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    if (pid_ > 0) {
      signal(SIGKILL);
      join();
    }
    close(reports_);
  }

  pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }

  /// Waits for the child's next report. False: it ended, or took too long.
  bool await_report() const {
    pollfd entry{reports_, POLLIN, 0};
    char byte;
    return poll(&entry, 1, static_cast<int>(patience.count()) * 1000) == 1 &&
           read(reports_, &byte, 1) == 1;
  }

  /// Exit status, or minus the signal that ended it; -1000 when it does not end.
  int join() {
    if (pid_ <= 0) return status_;
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    pollfd entry{fd, POLLIN, 0};
    const bool ended = poll(&entry, 1, static_cast<int>(patience.count()) * 1000) == 1;
    close(fd);
    if (!ended) {
      signal(SIGKILL);
      waitpid(std::exchange(pid_, 0), nullptr, 0);
      return status_ = -1000;
    }
    int raw = 0;
    waitpid(std::exchange(pid_, 0), &raw, 0);
    return status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : -WTERMSIG(raw);
  }
  int kill_and_join() {
    signal(SIGKILL);
    return join();
  }

  /// Waits until the kernel says it sleeps (blocked in a system call) or is stopped.
  bool await_state(char wanted) const {
    return eventually([&] {
      const std::string path = "/proc/" + std::to_string(pid_) + "/stat";
      FILE* file = std::fopen(path.c_str(), "r");
      char text[512] = {};
      if (file == nullptr) return false;
      const std::size_t got = std::fread(text, 1, sizeof text - 1, file);
      std::fclose(file);
      const std::string line{text, got};
      const auto end = line.rfind(')');
      return end != std::string::npos && end + 2 < line.size() && line[end + 2] == wanted;
    });
  }

 private:
  pid_t pid_ = 0;
  int reports_ = -1;
  int status_ = 0;
};

/// Open descriptors of this process.
inline int open_descriptors() {
  int count = 0;
  DIR* const directory = opendir("/proc/self/fd");
  while (directory != nullptr && readdir(directory) != nullptr) ++count;
  if (directory != nullptr) closedir(directory);
  return count;
}

/// Whether /dev/shm holds the channel's file.
inline bool exists_in_shm(const std::string& name) {
  return access(("/dev/shm/hawser." + std::to_string(geteuid()) + "." + name).c_str(), F_OK) == 0;
}

}  // namespace hawser::test
