#include "stage_worker.hpp"

#include "stage_loop.hpp"
#include <hawser/actors/detail/entry.hpp>
#include <hawser/actors/detail/task.hpp>
#include <hawser/shm/array.hpp>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <system_error>

#include <sys/time.h>

namespace hawser::actors::detail {
namespace {

std::atomic<bool> is_at_work{false};

// A function that calls exit(0) has not come to an end: as after any death, its message is to be worked
// on again, and there is to be another worker.
void leave_at_work() {
  if (is_at_work.load()) std::_Exit(EXIT_FAILURE);
}

/// A time limit for what is done while it lives: then this process is killed by SIGALRM.
class time_limit {
 public:
  explicit time_limit(std::int64_t ms) : is_set_(ms != 0) {
    if (is_set_ && set(ms) != 0)
      throw std::system_error(errno, std::generic_category(), "set a time limit");
  }
  time_limit(const time_limit&) = delete;
  ~time_limit() {
    if (is_set_) set(0);
  }

 private:
  static int set(std::int64_t ms) {
    const itimerval once{{}, {ms / 1000, ms % 1000 * 1000}};
    return setitimer(ITIMER_REAL, &once, nullptr);
  }
  const bool is_set_;
};

const bool registered = register_function("hawser::stage_worker", &stage_worker);

}  // namespace

std::string queue_name(const std::string& pipeline, std::size_t stage) {
  return pipeline + "." + std::to_string(stage);
}
std::string slots_name(const std::string& pipeline) { return pipeline + ".workers"; }

int stage_worker(stage_worker_start with) {
  // Ctrl-C reaches all of a terminal's processes, and it is the pipeline's process that decides.
  std::signal(SIGINT, SIG_IGN);
  std::atexit(leave_at_work);
  std::at_quick_exit(leave_at_work);
  const task_entry& task = find_task(with.task);
  message_queue given{open_only, queue_name(with.pipeline, with.stage)};
  message_queue results{open_only, queue_name(with.pipeline, with.stages)};
  std::optional<message_queue> next;
  if (with.stage + 1 != with.stages)
    next.emplace(open_only, queue_name(with.pipeline, with.stage + 1));
  const shm::array<std::uint64_t> slots{open_only, slots_name(with.pipeline)};
  const std::atomic<bool> never{false};
  work_on_stage(
      {given, next ? *next : results, results,
       slots.span().subspan(with.slot * stage_slot::words, stage_slot::words), with.stage,
       with.retries, with.next_limit},
      [&](byte_source from, byte_buffer& result) {
        const time_limit limit{with.timeout_ms};
        is_at_work.store(true);
        struct at_end {
          ~at_end() { is_at_work.store(false); }
        } const ends;
        task.run(from, {}, result, nullptr);
      },
      never);
  return registered ? 0 : 1;
}

}  // namespace hawser::actors::detail
