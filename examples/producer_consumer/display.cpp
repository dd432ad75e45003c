#include "display.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <unistd.h>

namespace producer_consumer {

namespace {

constexpr std::size_t bar_columns = 24;
constexpr std::chrono::milliseconds live_interval{100};
constexpr std::chrono::milliseconds plain_interval{1000};

/// The weight of the newest interval in a rate, so that the figures can be read.
constexpr double newest = 0.3;

double smoothed(double before, double now) { return before + newest * (now - before); }

bool is_writable(int fd) {
  pollfd waiting{fd, POLLOUT, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

}  // namespace

display::display(bool quiet) : quiet_(quiet) {
  if (!quiet && terminal::is_live(STDOUT_FILENO)) terminal_.emplace(STDOUT_FILENO);
}

std::chrono::milliseconds display::interval() const {
  return terminal_ ? live_interval : plain_interval;
}

void display::show(const progress& now) {
  if (quiet_) return;
  update_rates(now);
  if (!is_writable(STDOUT_FILENO)) return;
  if (terminal_) return write(STDOUT_FILENO, terminal_->draw(live_lines(now)));
  write(STDOUT_FILENO,
        fmt::format("counted {} of {} files{}, {:.1f} MB/s, queue {}\n", now.files + now.unreadable,
                    now.queued, now.walked ? "" : " found so far", rate_ / 1e6, now.queue_depth));
}

void display::update_rates(const progress& now) {
  const double seconds = now.seconds - shown_at_;
  if (seconds <= 0) return;
  const auto rate = [seconds](std::uint64_t before, std::uint64_t after) {
    return static_cast<double>(after - before) / seconds;
  };
  rate_ = shown_at_ == 0 ? rate(0, now.counted.bytes)
                         : smoothed(rate_, rate(shown_bytes_, now.counted.bytes));
  std::map<pid_t, consumer_rate> rates;
  for (const consumer_progress& one : now.consumers) {
    const auto known = rates_.find(one.pid);
    const consumer_rate before = known == rates_.end() ? consumer_rate{} : known->second;
    rates[one.pid] = {one.bytes, smoothed(before.rate, rate(before.bytes, one.bytes))};
  }
  rates_ = std::move(rates);
  shown_at_ = now.seconds;
  shown_bytes_ = now.counted.bytes;
}

std::vector<terminal::line> display::live_lines(const progress& now) {
  const std::uint64_t done = now.files + now.unreadable;
  const double part =
      now.queued == 0 ? 0 : static_cast<double>(done) / static_cast<double>(now.queued);
  const auto filled = static_cast<std::size_t>(std::min(part, 1.0) * bar_columns);
  std::vector<terminal::line> lines;
  lines.push_back({fmt::format("[{:#<{}}{:.<{}}] {:3.0f}% {} of {}{} files {:.1f} MB {:.1f} MB/s",
                               "", filled, "", bar_columns - filled, std::min(part, 1.0) * 100,
                               done, now.queued, now.walked ? "" : "+",
                               static_cast<double>(now.counted.bytes) / 1e6, rate_ / 1e6),
                   1, 1 + filled});
  for (const consumer_progress& one : now.consumers)
    lines.push_back(
        {fmt::format("  consumer {:<8} {:>9} files {:>9.1f} MB/s   queue {}/{}", one.pid, one.files,
                     rates_[one.pid].rate / 1e6, now.queue_depth, now.queue_capacity),
         0, 0});
  return lines;
}

void display::note(const std::string& text) {
  if (terminal_) write(STDOUT_FILENO, terminal_->erase());
  write(STDERR_FILENO, text + '\n');
}

void display::result(const std::string& text) { write(STDOUT_FILENO, text + '\n'); }

void display::write(int fd, const std::string& text) {
  for (std::string_view left = text; !left.empty();) {
    const ssize_t written = ::write(fd, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      if (fd == STDOUT_FILENO) broken_ = errno;
      return;
    }
    left.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace producer_consumer
