#include "output_reader.hpp"

#include "../quiet_thread.hpp"
#include "../start_error.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace hawser::actors::detail {
namespace {

constexpr std::size_t read_bytes = 16 * 1024;
constexpr int reads_max = 64;  // of one child, before others have their turn

}  // namespace

output_relay& output_relay::instance() {
  static auto* const one = new output_relay;  // never destroyed: its thread may wait for a terminal
  return *one;
}

void output_relay::write(std::size_t stream, std::string_view bytes) {
  const std::scoped_lock hold{mutex_};
  if (!running_) {
    quiet_thread("hawser-relay", [this] { run(); }).detach();
    running_ = true;
  }
  // Once begun, until all that waits is written: one gap, not many.
  if (dropped_bytes_ > 0 || backlog_bytes_ + bytes.size() > backlog_bytes_max) {
    dropped_bytes_ += bytes.size();
    return;
  }
  backlog_.push_back({stream, std::string{bytes}});
  backlog_bytes_ += bytes.size();
  changed_.notify_all();
}

void output_relay::flush(std::chrono::milliseconds timeout) {
  std::unique_lock hold{mutex_};
  changed_.wait_for(hold, timeout, [&] { return backlog_bytes_ == 0; });
}

void output_relay::run() {
  std::unique_lock hold{mutex_};
  for (;;) {
    changed_.wait(hold, [&] { return !backlog_.empty() || dropped_bytes_ > 0; });
    if (backlog_.empty()) {
      backlog_.push_back({1, "\nhawser: " + std::to_string(std::exchange(dropped_bytes_, 0)) +
                                 " bytes of output of supervised processes were dropped here\n"});
      backlog_bytes_ += backlog_.back().bytes.size();
    }
    const piece now = std::move(backlog_.front());
    backlog_.pop_front();
    hold.unlock();
    const int fd = now.stream == 0 ? STDOUT_FILENO : STDERR_FILENO;
    std::string_view left = now.bytes;
    while (!left.empty()) {
      const ssize_t count = ::write(fd, left.data(), left.size());
      if (count > 0) {
        left.remove_prefix(static_cast<std::size_t>(count));
      } else if (count < 0 && errno == EAGAIN) {  // somebody has made it non-blocking
        pollfd room{fd, POLLOUT, 0};
        poll(&room, 1, -1);
      } else if (errno != EINTR) {
        break;  // nobody reads it any more
      }
    }
    hold.lock();
    backlog_bytes_ -= now.bytes.size();
    changed_.notify_all();
  }
}

output_reader& output_reader::instance() {
  static auto* const one = new output_reader;  // never destroyed: its thread is never joined
  return *one;
}

void output_reader::start_thread() {
  wake_ = descriptor{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!wake_) throw std::system_error{errno, std::generic_category()};
  quiet_thread("hawser-output", [this] { run(); }).detach();
  running_ = true;
}

std::shared_ptr<kept_output> output_reader::open(const std::string& name, std::size_t lines,
                                                 bool pass_on, std::array<descriptor, 2>& theirs) {
  auto output = std::make_shared<kept_output>(lines);
  output->pass_on = pass_on;
  for (std::size_t stream = 0; stream < 2; ++stream) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw start_error(errno, name, "pipe2");
    output->ends[stream] = descriptor{ends[0]};
    theirs[stream] = descriptor{ends[1]};
    // Ours alone does not wait: each end of a pipe has flags of its own.
    if (!output->ends[stream] || !theirs[stream] ||
        fcntl(output->ends[stream].get(), F_SETFL, O_NONBLOCK) != 0)
      throw start_error(errno, name, "fcntl");
  }
  const std::scoped_lock hold{mutex_};
  if (!running_) start_thread();
  outputs_.push_back(output);
  eventfd_write(wake_.get(), 1);
  return output;
}

std::vector<std::string> output_reader::finish(const std::shared_ptr<kept_output>& output) {
  {
    const std::scoped_lock hold{mutex_};
    std::erase(outputs_, output);
    eventfd_write(wake_.get(), 1);
  }
  const std::scoped_lock hold{output->mutex};
  read_some(*output);
  for (descriptor& end : output->ends) end.reset();
  return output->kept.lines();
}

void output_reader::read_some(kept_output& output) {
  std::array<char, read_bytes> bytes;
  for (std::size_t stream = 0; stream < 2; ++stream) {
    descriptor& end = output.ends[stream];
    for (int turn = 0; end && turn < reads_max; ++turn) {
      const ssize_t count = ::read(end.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) break;
      if (count <= 0) {
        end.reset();
        break;
      }
      const std::string_view got{bytes.data(), static_cast<std::size_t>(count)};
      output.kept.add(stream, got);
      if (output.pass_on) output_relay::instance().write(stream, got);
    }
  }
}

void output_reader::run() {
  for (;;) {
    std::vector<std::shared_ptr<kept_output>> all;
    {
      const std::scoped_lock hold{mutex_};
      all = outputs_;
    }
    std::vector<pollfd> waits{{wake_.get(), POLLIN, 0}};
    for (const auto& output : all) {
      const std::scoped_lock hold{output->mutex};
      for (const descriptor& end : output->ends) waits.push_back({end.get(), POLLIN, 0});
    }
    if (poll(waits.data(), waits.size(), -1) <= 0) continue;
    eventfd_t value;
    if (waits[0].revents != 0) eventfd_read(wake_.get(), &value);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (waits[2 * i + 1].revents == 0 && waits[2 * i + 2].revents == 0) continue;
      const std::scoped_lock hold{all[i]->mutex};
      read_some(*all[i]);
    }
  }
}

}  // namespace hawser::actors::detail
