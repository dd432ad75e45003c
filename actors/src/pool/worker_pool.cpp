#include "crew.hpp"
#include "scheduler.hpp"
#include <hawser/actors/transport.hpp>
#include <hawser/actors/worker_pool.hpp>
#include <hawser/shm/error.hpp>

#include <algorithm>
#include <thread>
#include <utility>

namespace hawser::actors {
namespace {

std::size_t workers_of(const worker_pool_options& options) {
  return options.workers != 0 ? options.workers
                              : std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

std::unique_ptr<detail::crew> make_crew(detail::scheduler& of, const worker_pool_options& options,
                                        caf::actor_system* system) {
  const auto refuse = [&](const std::string& why) {
    throw make_error(errc::bad_argument, "start pool", options.name, why);
  };
  if (workers_of(options) > 200) refuse("it has more than 200 workers; use fewer");
  const detail::crew_settings settings{workers_of(options), options.memory_limit,
                                       options.cpu_limit.count(), options.initializer,
                                       options.name};
  if (!options.threads) return detail::make_process_crew(of, settings, system);
  if (options.memory_limit != 0 || options.cpu_limit.count() != 0)
    refuse("threads have no limits; use processes");
  return detail::make_thread_crew(of, settings);
}

std::shared_ptr<detail::scheduler> make_scheduler(const worker_pool_options& options) {
  return std::make_shared<detail::scheduler>(detail::scheduler::settings{
      workers_of(options), options.retries, options.tasks_of_worker_max});
}

}  // namespace

worker_pool::worker_pool(const worker_pool_options& options)
    : scheduler_(make_scheduler(options)),
      crew_(make_crew(*scheduler_, options, nullptr)),
      threads_(options.threads) {}

worker_pool::worker_pool(caf::actor_system& system, const worker_pool_options& options)
    : scheduler_(make_scheduler(options)),
      crew_(make_crew(*scheduler_, options, &system)),
      threads_(options.threads) {}

worker_pool::~worker_pool() { terminate(); }

void worker_pool::submit_job(const std::shared_ptr<detail::job>& work) {
  check(work->options);
  scheduler_->submit(work);
}

void worker_pool::check(const task_options& options) const {
  if (threads_ && options.timeout.count() > 0)
    throw make_error(errc::bad_argument, "run task", "with a timeout",
                     "the workers are threads, which cannot be killed; use processes");
}

std::function<bool(const std::shared_ptr<detail::job>&)> worker_pool::canceller() const {
  return [weak = std::weak_ptr{scheduler_}](const std::shared_ptr<detail::job>& work) {
    const auto of = weak.lock();
    return of && of->cancel(work);
  };
}

shm::payload worker_pool::loan(std::size_t bytes) {
  if (crew_->system() == nullptr)
    throw make_error(errc::not_supported, "lend to", "pool",
                     "its workers are threads; they share all memory");
  return transport(*crew_->system()).loan(bytes);
}

void worker_pool::close() { scheduler_->close(); }

void worker_pool::join() {
  if (!scheduler_->is_closed())
    throw make_error(errc::not_supported, "join", "pool", "it is not closed; close() it first");
  scheduler_->wait_idle();
  const std::scoped_lock hold{end_mutex_};
  if (std::exchange(ended_, true)) return;
  crew_->end(false);
}

void worker_pool::terminate() {
  scheduler_->abandon("the pool was terminated");
  const std::scoped_lock hold{end_mutex_};
  if (std::exchange(ended_, true)) return;
  crew_->end(true);
}

worker_pool_statistics worker_pool::statistics() const {
  const auto now = scheduler_->counts();
  return {now.done,   now.failed,  now.retried, now.lost,    now.workers_died,
          now.chunks, now.waiting, now.running, now.workers, now.idle_workers};
}

std::vector<pid_t> worker_pool::worker_pids() const { return crew_->pids(); }

}  // namespace hawser::actors
