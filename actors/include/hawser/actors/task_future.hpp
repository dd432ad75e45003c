/// What `worker_pool::submit` returns.
#pragma once

#include <hawser/actors/detail/job.hpp>
#include <hawser/shm/error.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace hawser::actors {

class worker_pool;

namespace detail {

template <class R>
void read_result(byte_source from, kept_t<R>& into) {
  if constexpr (!std::is_void_v<R>) {
    load_value(from, into);
  }
}

template <class R, class Arguments>
class one_task;

/// A result, or why there is none.
template <class R>
class single_result : public job {
 public:
  using job::job;

  void decode(std::size_t, byte_source from) override { read_result<R>(from, value.emplace()); }
  void fail(std::size_t, std::exception_ptr why) override {
    value.reset();
    failed = std::move(why);
  }
  std::vector<std::function<void()>> take_callbacks() override {
    completed_ = true;
    return std::exchange(callbacks_, {});
  }
  void then(std::function<void()> callback) {
    {
      const std::scoped_lock hold{mutex_};
      if (!completed_) return callbacks_.push_back(std::move(callback));
    }
    callback();
  }

  std::optional<kept_t<R>> value;
  std::exception_ptr failed;

 private:
  bool completed_ = false;
  std::vector<std::function<void()>> callbacks_;
};

template <class R, class... Stored>
class one_task<R, std::tuple<Stored...>> final : public single_result<R> {
 public:
  one_task(const task_entry& entry, task_options how, std::tuple<Stored...> arguments)
      : single_result<R>(entry, 1, std::move(how)), arguments_(std::move(arguments)) {}

  void encode(std::size_t, byte_buffer& out) override {
    if (const caf::error refused = save_arguments(out, arguments_))
      throw make_error(
          errc::bad_argument, "run task", this->function.name,
          "an argument has no meaning in another process (" + to_string(refused) + ")");
  }

 private:
  const std::tuple<Stored...> arguments_;
};

}  // namespace detail

/// The result of a task that is not there yet. Copies have the same result.
///
/// Threads    Any.
/// Crash      The result of a task whose worker dies comes from another one, or is a worker_lost.
template <class R>
class task_future {
 public:
  /// Of no task.
  task_future() = default;

  bool valid() const noexcept { return work_ != nullptr; }
  bool ready() const noexcept { return work_->has_ended(); }
  /// Blocks     Until the task has ended.
  void wait() const { work_->wait(); }
  /// False: not in time.
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(std::chrono::duration<Rep, Period> time) const {
    return work_->wait_until(std::chrono::steady_clock::now() + time);
  }
  /// Errors     task_error: what the task has thrown, by type and message; worker_lost, task_timeout,
  ///            task_cancelled.
  /// Blocks     Until the task has ended.
  R get() const {
    wait();
    if (work_->failed) std::rethrow_exception(work_->failed);
    if constexpr (!std::is_void_v<R>) return *work_->value;
  }
  /// Calls `callback(future)` when the task has ended: from a thread of the pool, or now if it has.
  /// It should be short.
  template <class Callback>
  void then(Callback callback) const {
    // The task holds the callback until then.
    work_->then([weak = std::weak_ptr{work_}, callback = std::move(callback)]() mutable {
      if (auto ended = weak.lock()) callback(task_future{std::move(ended)});
    });
  }
  /// Whether it had not been given to a worker: then it is not run, and fails with task_cancelled.
  bool cancel() const { return cancel_(work_); }

 private:
  friend worker_pool;
  using result = std::shared_ptr<detail::single_result<R>>;
  explicit task_future(result of,
                       std::function<bool(const std::shared_ptr<detail::job>&)> cancel = {})
      : work_(std::move(of)), cancel_(std::move(cancel)) {}

  result work_;
  std::function<bool(const std::shared_ptr<detail::job>&)> cancel_;
};

}  // namespace hawser::actors
