#include "process_keeper.hpp"

#include "launch.hpp"
#include "pidfd.hpp"
#include "quiet_thread.hpp"
#include "start_error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <future>
#include <thread>

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

namespace hawser::actors::detail {
namespace {

thread_local bool on_keeper_thread = false;

constexpr std::uint64_t about_control = 0;

// A killed process ends at once, unless the kernel holds it: then it is buried later.
constexpr std::chrono::seconds killed_timeout{1};

// An event is about a child's end, or about something it said.
constexpr std::uint64_t about_end(std::uint64_t id) { return id << 1; }
constexpr std::uint64_t about_words(std::uint64_t id) { return id << 1 | 1; }

bool watch(int epoll, int fd, std::uint64_t about) noexcept {
  epoll_event event{EPOLLIN, {.u64 = about}};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

int milliseconds_until(std::chrono::steady_clock::time_point deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, 3'600'000));
}

}  // namespace

bool child_record::signal(int number) const {
  const std::scoped_lock hold{mutex};
  return pidfd && signal_pidfd(pidfd.get(), number);
}

process_keeper& process_keeper::instance() {
  // Never destroyed: its thread runs until the process is gone.
  static auto* const one = new process_keeper;
  return *one;
}

process_keeper::process_keeper() {
  pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                 [] { instance().child_after_fork(); });
}

void process_keeper::child_after_fork() noexcept {
  // The children are the parent's. Descriptors are closed, or they would keep a child's socket
  // open beyond its parent's death.
  running_ = false;
  jobs_.clear();
  due_.clear();
  children_.clear();
  epoll_.reset();
  control_.reset();
  on_keeper_thread = false;
  mutex_.unlock();
}

bool process_keeper::is_this_thread() noexcept { return on_keeper_thread; }

void process_keeper::start_thread() {
  epoll_ = descriptor{epoll_create1(EPOLL_CLOEXEC)};
  control_ = descriptor{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!epoll_ || !control_ || !watch(epoll_.get(), control_.get(), about_control))
    throw std::system_error{errno, std::generic_category()};
  quiet_thread("hawser-children", [this] { run(); }).detach();
  running_ = true;
}

void process_keeper::run() {
  on_keeper_thread = true;
  for (;;) {
    turn(-1);
    run_callbacks();
  }
}

void process_keeper::turn(int timeout_ms) {
  std::array<epoll_event, 64> events;
  const int count =
      epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t about = events[static_cast<std::size_t>(i)].data.u64;
    if (about == about_control) {
      eventfd_t value;
      eventfd_read(control_.get(), &value);
      continue;
    }
    const auto entry = children_.find(about >> 1);
    if (entry == children_.end()) continue;
    const std::shared_ptr<child_record> child = entry->second;
    if (about == about_words(entry->first)) hear(*child);
    else bury(entry->first, child);
  }
  std::vector<std::function<void()>> jobs;
  {
    const std::scoped_lock hold{mutex_};
    jobs.swap(jobs_);
  }
  for (const auto& job : jobs) job();
}

void process_keeper::run_callbacks() {
  while (!due_.empty()) {
    for (auto& [child, callback] : std::exchange(due_, {})) {
      try {
        callback(*child->status);  // it has ended: nobody changes the status any more
      } catch (...) {              // documented: nobody is there to catch it
      }
      callback = nullptr;  // what it refers to may go when join returns
      const std::scoped_lock hold{child->mutex};
      --child->callbacks_pending;
      child->changed.notify_all();
    }
  }
}

std::shared_ptr<child_record> process_keeper::on_thread(
    std::function<std::shared_ptr<child_record>()> job) {
  if (on_keeper_thread) return job();
  std::packaged_task<std::shared_ptr<child_record>()> task{std::move(job)};
  auto result = task.get_future();
  {
    const std::scoped_lock hold{mutex_};
    if (!running_) start_thread();
    jobs_.push_back([&task] { task(); });
    eventfd_write(control_.get(), 1);
  }
  return result.get();
}

void process_keeper::call_back(std::shared_ptr<child_record> child,
                               std::function<void(const exit_status&)> callback) {
  due_callback due{std::move(child), std::move(callback)};
  if (on_keeper_thread) {
    due_.push_back(std::move(due));
    return;
  }
  const std::scoped_lock hold{mutex_};
  jobs_.push_back([this, due = std::move(due)] { due_.push_back(due); });
  eventfd_write(control_.get(), 1);
}

std::shared_ptr<child_record> process_keeper::launch_child(const order& content,
                                                           std::chrono::milliseconds stop_timeout) {
  launched started = launch(content);
  auto child = std::make_shared<child_record>();
  child->owner = content.parent;
  child->pid = started.pid;
  child->name = content.name;
  child->detached = content.detached;
  child->stop_timeout = stop_timeout;
  child->await_ready = content.await_ready;
  child->pidfd = std::move(started.pidfd);
  child->channel = std::move(started.channel);

  const std::scoped_lock hold{mutex_};
  const std::uint64_t id = next_id_++;
  if (!watch(epoll_.get(), child->channel.get(), about_words(id)) ||
      !watch(epoll_.get(), child->pidfd.get(), about_end(id))) {
    const int reason = errno;
    child->signal(SIGKILL);
    reap(child->pidfd.get());
    throw start_error(reason, content.name, "epoll_ctl");
  }
  children_.emplace(id, child);
  return child;
}

std::shared_ptr<child_record> process_keeper::start(const order& content,
                                                    std::chrono::milliseconds timeout,
                                                    std::chrono::milliseconds stop_timeout,
                                                    const std::stop_token& give_up) try {
  const auto child = on_thread([&] { return launch_child(content, stop_timeout); });
  await_decision(*child, timeout, give_up);
  std::unique_lock hold{child->mutex};
  if (child->ready) return child;

  const auto refusal = child->refusal;
  const auto status = child->status;
  hold.unlock();
  child->signal(SIGKILL);
  await_end(*child);
  if (refusal) throw make_error(errc::bad_argument, "start process", content.name, *refusal);
  if (status)
    throw make_error(errc::system, "start process", content.name,
                     "it ended before it was ready (" + to_string(*status) +
                         (status->signal() ? "); look for who killed it"
                                           : "); make run_as_child the first line of main()"));
  if (give_up.stop_requested())
    throw make_error(errc::busy, "start process", content.name,
                     content.await_ready
                         ? "it was given up before it called this_process::ready(); start it again"
                         : "it was given up before its main() reached run_as_child; start it again");
  if (content.await_ready)
    throw make_error(errc::busy, "start process", content.name,
                     "it did not call this_process::ready() within " +
                         std::to_string(timeout.count()) + " ms; raise start_timeout");
  throw make_error(errc::busy, "start process", content.name,
                   "its main() did not reach run_as_child within " +
                       std::to_string(timeout.count()) +
                       " ms; make that its first line, or raise start_timeout");
} catch (const hawser::error&) {
  throw;
} catch (const std::system_error& failed) {
  throw start_error(failed.code().value(), content.name, "thread");
} catch (const std::bad_alloc&) {
  throw start_error(ENOMEM, content.name, "memory");
}

void process_keeper::await_decision(const child_record& child, std::chrono::milliseconds timeout,
                                    const std::stop_token& give_up) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const auto is_decided = [&] {
    const std::scoped_lock hold{child.mutex};
    return child.is_decided();
  };
  if (!on_keeper_thread) {
    const std::stop_callback wake{give_up, [&] {
                                    const std::scoped_lock hold{child.mutex};
                                    child.changed.notify_all();
                                  }};
    std::unique_lock hold{child.mutex};
    child.changed.wait_until(hold, deadline,
                             [&] { return child.is_decided() || give_up.stop_requested(); });
    return;
  }
  // Called back about one child, the user starts another: its words come through us.
  while (!is_decided() && !give_up.stop_requested() && std::chrono::steady_clock::now() < deadline)
    turn(give_up.stop_possible() ? std::min(50, milliseconds_until(deadline))
                                 : milliseconds_until(deadline));
}

void process_keeper::await_end(child_record& child) {
  const auto deadline = std::chrono::steady_clock::now() + killed_timeout;
  std::unique_lock hold{child.mutex};
  if (!on_keeper_thread) {
    child.changed.wait_until(hold, deadline, [&] { return child.status.has_value(); });
    return;
  }
  while (!child.status && std::chrono::steady_clock::now() < deadline) {
    hold.unlock();
    turn(milliseconds_until(deadline));
    hold.lock();
  }
}

void process_keeper::hear(child_record& child) {
  const std::scoped_lock hold{child.mutex};
  while (child.channel) {
    received heard = receive_packet(child.channel.get());
    if (heard.state == received::nothing_yet) break;
    if (heard.state == received::end) {
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, child.channel.get(), nullptr);
      child.channel.reset();
      break;
    }
    std::string& text = heard.content.text;
    switch (heard.content.kind) {
      case packet_kind::ready: child.ready = child.ready || !child.await_ready; break;
      case packet_kind::prepared: child.ready = true; break;
      case packet_kind::alive: child.last_alive = std::chrono::steady_clock::now(); break;
      case packet_kind::refused: child.refusal = std::move(text); break;
      case packet_kind::code:
        child.told_code = text.empty() ? 0 : static_cast<unsigned char>(text[0]);
        break;
      case packet_kind::exception: {
        const auto split = text.find('\0');
        if (split != std::string::npos)
          child.exception = escaped_exception{text.substr(0, split), text.substr(split + 1)};
        break;
      }
    }
  }
  child.changed.notify_all();
}

void process_keeper::bury(std::uint64_t id, const std::shared_ptr<child_record>& child) {
  hear(*child);
  exit_status status = reap(child->pidfd.get());
  {
    const std::scoped_lock hold{child->mutex};
    if (status.is_unknown() && child->told_code) status = exit_status::exited(*child->told_code);
    if (status.code() && child->exception)
      status = exit_status::exited(*status.code(), *child->exception);
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, child->pidfd.get(), nullptr);
    if (child->channel) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, child->channel.get(), nullptr);
    child->pidfd.reset();
    child->channel.reset();
    child->status = status;
    for (auto& callback : child->callbacks) due_.push_back({child, std::move(callback)});
    child->callbacks.clear();
    child->changed.notify_all();
  }
  const std::scoped_lock hold{mutex_};
  children_.erase(id);
}

}  // namespace hawser::actors::detail
