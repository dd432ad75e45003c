#include "child_record.hpp"
#include "process_keeper.hpp"
#include "program.hpp"
#include <hawser/actors/process.hpp>

#include <caf/send.hpp>

#include <algorithm>
#include <csignal>

#include <unistd.h>

namespace hawser::actors {
namespace {

/// What a clock can be asked to wait for: the ends of the type overflow once they are added to now.
std::chrono::milliseconds bounded(std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds for_ever = std::chrono::hours{24 * 365 * 100};
  return std::clamp(timeout, std::chrono::milliseconds{0}, for_ever);
}

}  // namespace

process::process(std::shared_ptr<detail::child_record> record) noexcept
    : record_(std::move(record)) {}

process& process::operator=(process&& other) noexcept {
  if (this != &other) {
    end();
    record_ = std::move(other.record_);
  }
  return *this;
}

process::~process() { end(); }

void process::end() noexcept {
  const auto mine = std::move(record_);
  if (mine == nullptr || mine->owner != getpid() || mine->detached) return;
  // On the keeper's thread nobody would tell us that it has ended.
  if (detail::process_keeper::is_this_thread()) {
    mine->signal(SIGKILL);
    return;
  }
  if (mine->signal(SIGTERM)) {
    std::unique_lock hold{mine->mutex};
    if (!mine->changed.wait_for(hold, mine->stop_timeout, [&] { return mine->is_over(); })) {
      hold.unlock();
      mine->signal(SIGKILL);
    }
  }
  std::unique_lock hold{mine->mutex};
  mine->changed.wait(hold, [&] { return mine->is_over(); });
}

process process::start(const process_options& options, const detail::entry& entry,
                       const detail::byte_buffer& arguments) {
  detail::order content{getpid(),
                        options.detached,
                        options.name.empty() ? entry.name : options.name,
                        entry.name,
                        arguments,
                        options.await_ready,
                        options.standard_output,
                        options.standard_error};
  if (content.name.size() > 255 || content.name.find('\0') != std::string::npos)
    throw make_error(errc::bad_argument, "start process", entry.name,
                     "its name has more than 255 characters, or a zero in it");
  if (!detail::the_program().asked)
    throw make_error(errc::not_supported, "start process", content.name,
                     "this program's main() does not begin with \"if (auto status = "
                     "hawser::actors::run_as_child(argc, argv)) return *status;\"; add that line");
  return process{detail::process_keeper::instance().start(content, bounded(options.start_timeout),
                                                          bounded(options.stop_timeout),
                                                          options.give_up)};
}

const detail::child_record& process::record(const char* operation) const {
  if (record_ == nullptr)
    throw make_error(errc::not_supported, operation, "",
                     "there is no process here; it was moved away or detached");
  if (record_->owner != getpid())
    throw make_error(errc::not_supported, operation, record_->name,
                     "it is a child of another process; only that one can ask");
  return *record_;
}

const std::string& process::name() const { return record("name").name; }
pid_t process::pid() const { return record("identify").pid; }
pid_t process::parent_pid() const { return record("identify").owner; }
bool process::running() const { return !status(); }

std::optional<exit_status> process::status() const {
  const detail::child_record& child = record("ask for");
  const std::scoped_lock hold{child.mutex};
  return child.status;
}

exit_status process::join() const { return *join_until(clock::time_point::max()); }

std::optional<exit_status> process::join_for(std::chrono::nanoseconds timeout) const {
  const auto now = clock::now();
  const bool forever = timeout > clock::time_point::max() - now;
  return join_until(forever ? clock::time_point::max() : now + timeout);
}

std::optional<exit_status> process::join_until(clock::time_point deadline) const {
  const detail::child_record& child = record("join");
  std::unique_lock hold{child.mutex};
  if (detail::process_keeper::is_this_thread()) {
    if (child.status) return child.status;
    throw make_error(errc::not_supported, "join", child.name,
                     "an exit callback cannot wait for another process; use on_exit there");
  }
  const auto is_over = [&] { return child.is_over(); };
  if (deadline == clock::time_point::max()) child.changed.wait(hold, is_over);
  else child.changed.wait_until(hold, deadline, is_over);
  return child.status;
}

std::optional<process::clock::time_point> process::last_alive() const {
  const detail::child_record& child = record("ask for");
  const std::scoped_lock hold{child.mutex};
  return child.last_alive;
}

bool process::signal(int number) const { return record("signal").signal(number); }
bool process::terminate() const { return signal(SIGTERM); }
bool process::kill() const { return signal(SIGKILL); }

void process::on_exit(exit_callback callback) const {
  record("watch");
  {
    const std::scoped_lock hold{record_->mutex};
    ++record_->callbacks_pending;
    if (!record_->status) {
      record_->callbacks.push_back(std::move(callback));
      return;
    }
  }
  detail::process_keeper::instance().call_back(record_, std::move(callback));
}

void process::on_exit(const caf::actor& listener) const {
  on_exit([listener, pid = pid(), name = name()](const exit_status& status) {
    caf::anon_send(listener, process_down{pid, name, status});
  });
}

}  // namespace hawser::actors
