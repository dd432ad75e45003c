// A process as a child of a supervisor.
#include "oom_kills.hpp"
#include "output_reader.hpp"
#include <hawser/actors/detail/child_run.hpp>
#include <hawser/shm/error.hpp>

#include <array>
#include <csignal>
#include <cstring>
#include <fstream>
#include <utility>

namespace hawser::actors::detail {
namespace {

// The state is what follows the name, which may hold anything, in its last parenthesis.
bool is_stopped(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= text.size()) return false;
  const char state = text[name_end + 2];
  return state == 'T' || state == 't';
}

class process_run final : public child_run {
 public:
  process_run(std::string name, const process_child_options& options, process_factory spawn)
      : name_(std::move(name)), options_(options), spawn_(std::move(spawn)) {}

  ~process_run() override {
    if (output_) output_reader::instance().finish(output_);
    // Killed, but held by the kernel: nobody waits for it.
    if (process_ && process_.running()) process_.detach();
  }

  void start(const std::stop_token& give_up, std::function<void()> ended) override {
    process_options how{};
    how.name = name_;
    how.start_timeout = options_.start_timeout;
    how.give_up = give_up;
    how.await_ready = options_.await_ready;
    std::array<descriptor, 2> theirs;
    if (options_.keep_lines > 0) {
      output_ =
          output_reader::instance().open(name_, options_.keep_lines, options_.pass_on, theirs);
      how.standard_output = theirs[0].get();
      how.standard_error = theirs[1].get();
    }
    oom_kills_before_ = oom_kills();
    process_ = spawn_(how);
    process_.on_exit([ended = std::move(ended)](const exit_status&) { ended(); });
  }

  void ask_to_end() override {
    is_asked_ = true;
    process_.terminate();
    process_.signal(SIGCONT);  // a stopped one would not see it
  }
  void kill() override {
    is_asked_ = true;
    process_.kill();
  }

  bool hangs(std::chrono::steady_clock::time_point now) override {
    const auto alive = process_.last_alive();
    if (!alive && is_stopped(process_.pid())) {
      if (!stopped_since_) stopped_since_ = now;
    } else {
      stopped_since_.reset();
    }
    const auto since = alive ? alive : stopped_since_;
    // Twice: when it was us who were stopped, what it has said meanwhile is heard first.
    overdue_ = since && now - *since >= options_.hang_timeout ? overdue_ + 1 : 0;
    return overdue_ >= 2;
  }

  child_end end() override {
    child_end end;
    if (output_)
      end.last_output = output_reader::instance().finish(std::exchange(output_, nullptr));
    if (!process_) return end;
    end.pid = process_.pid();
    end.status = process_.join();
    end.text = to_string(end.status);
    classify(end);
    return end;
  }

  pid_t pid() const override { return process_.pid(); }

 private:
  void classify(child_end& end) const {
    if (const auto escaped = end.status.exception()) {
      const bool memory =
          escaped->type == "std::bad_alloc" || escaped->type == "std::bad_array_new_length";
      end.kind = memory ? end_kind::out_of_memory : end_kind::exception;
    } else if (const auto signal = end.status.signal()) {
      end.kind = end_kind::signal;
      if (*signal != SIGKILL || is_asked_) return;
      const auto now = oom_kills();
      if (!now || !oom_kills_before_) {
        end.text += ", perhaps by the kernel as memory ran out";
      } else if (*now > *oom_kills_before_) {
        end.kind = end_kind::out_of_memory;
        end.text += ", by the kernel, it seems: memory ran out during its life";
      }
    } else if (const auto code = end.status.code()) {
      end.kind = *code == 0 ? end_kind::normal : end_kind::code;
    }
  }

  const std::string name_;
  const process_child_options options_;
  const process_factory spawn_;
  actors::process process_;
  std::shared_ptr<kept_output> output_;
  std::optional<std::uint64_t> oom_kills_before_;
  std::optional<std::chrono::steady_clock::time_point> stopped_since_;
  int overdue_ = 0;
  bool is_asked_ = false;
};

}  // namespace

child_spec process_child(std::string name, const process_child_options& options,
                         process_factory spawn) {
  child_spec spec{
      name, child_info::kind::process, options.restart, options.stop_timeout, options.hang_timeout,
      {}};
  spec.make = [name = std::move(name), options, spawn = std::move(spawn)](const tree_place&) {
    return std::make_unique<process_run>(name, options, spawn);
  };
  return spec;
}

}  // namespace hawser::actors::detail
