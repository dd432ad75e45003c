#include <hawser/actors/progress_bar.hpp>

#include <chrono>
#include <cstdio>
#include <mutex>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

namespace hawser::actors {
namespace {

using clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds between{100};

void write_all(int descriptor, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t some = write(descriptor, text.data() + done, text.size() - done);
    if (some <= 0) return;  // nobody sees it
    done += static_cast<std::size_t>(some);
  }
}

}  // namespace

struct progress_bar::state {
  std::string label;
  int descriptor;
  bool terminal;
  std::mutex mutex;
  clock::time_point shown{}, begun = clock::now();
  std::size_t tenths = 0, done_shown = 0;
  bool ended = false;
};

progress_bar::progress_bar(std::string label) : progress_bar(std::move(label), STDERR_FILENO) {}

progress_bar::progress_bar(std::string label, int descriptor) : state_(std::make_shared<state>()) {
  state_->label = label.empty() ? "" : label + " ";
  state_->descriptor = descriptor;
  state_->terminal = isatty(descriptor) == 1;
}

void progress_bar::operator()(std::size_t done, std::size_t of) const {
  state& all = *state_;
  const std::scoped_lock hold{all.mutex};
  // They may come in any order.
  if (all.ended || done < all.done_shown || of == 0) return;
  const auto now = clock::now();
  const bool last = done == of;
  const double seconds = std::chrono::duration<double>(now - all.begun).count();
  const auto percent = done * 100 / of;
  const std::string count = std::to_string(done) + "/" + std::to_string(of);
  char time[32];
  std::snprintf(time, sizeof time, "%.1f s", seconds);
  if (!all.terminal) {
    const std::size_t tenths = done * 10 / of;
    if (tenths == all.tenths || (!last && now - all.shown < between)) return;
    all.tenths = tenths;
    write_all(all.descriptor,
              all.label + count + " (" + std::to_string(percent) + " %), " + time + "\n");
  } else {
    if (!last && now - all.shown < between) return;
    constexpr std::size_t width = 30;
    const std::size_t full = width * done / of;
    write_all(all.descriptor, "\r" + all.label + "[" + std::string(full, '#') +
                                  std::string(width - full, '.') + "] " + std::to_string(percent) +
                                  " % " + count + " " + time + "\x1b[K" + (last ? "\n" : ""));
  }
  all.shown = now;
  all.done_shown = done;
  all.ended = last;
}

}  // namespace hawser::actors
