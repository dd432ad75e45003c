#pragma once

#include <atomic>
#include <cerrno>
#include <csignal>
#include <functional>
#include <system_error>
#include <thread>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace examples {

/// Blocks Ctrl-C (SIGINT), SIGTERM and SIGHUP in this thread and those it starts from now on, so
/// that they wait for a `stop_signals`. To be called before any thread is started. SIGHUP is left
/// alone if it is ignored, as under nohup.
///
/// Returns    What it blocked.
inline sigset_t block_stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  struct sigaction hang_up {};
  ::sigaction(SIGHUP, nullptr, &hang_up);
  if (hang_up.sa_handler != SIG_IGN) sigaddset(&set, SIGHUP);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

/// Turns those signals into a call, so that a program can end in order: one that is simply killed
/// leaves the memory it shared until somebody's next start.
class stop_signals {
 public:
  /// `stop` is called once, with the signal's number, by a thread of its own; not from a signal
  /// handler, so it may do anything that does not wait for this object.
  explicit stop_signals(std::function<void(int)> stop) {
    const sigset_t set = block_stop_signals();
    signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    end_ = ::eventfd(0, EFD_CLOEXEC);
    if (signals_ < 0 || end_ < 0)
      throw std::system_error{errno, std::generic_category(), "cannot wait for signals"};
    thread_ = std::thread{[this, stop = std::move(stop)] { wait(stop); }};
  }
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;
  ~stop_signals() {
    ::eventfd_write(end_, 1);
    thread_.join();
    ::close(signals_);
    ::close(end_);
  }

  /// The signal that came, or 0. A program stopped by signal n exits with 128 + n.
  int received() const noexcept { return received_.load(); }

 private:
  void wait(const std::function<void(int)>& stop) {
    pollfd either[] = {{signals_, POLLIN, 0}, {end_, POLLIN, 0}};
    for (;;) {
      if (::poll(either, 2, -1) < 0) continue;
      if (either[1].revents != 0) return;
      signalfd_siginfo signal{};
      if (::read(signals_, &signal, sizeof signal) != sizeof signal) continue;
      received_.store(static_cast<int>(signal.ssi_signo));
      stop(received_.load());
      return;
    }
  }

  int signals_ = -1;
  int end_ = -1;
  std::atomic<int> received_{0};
  std::thread thread_;
};

/// For the processes that a program starts: Ctrl-C reaches them, too, and their parent ends them.
inline void leave_stopping_to_the_parent() {
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
}

}  // namespace examples
