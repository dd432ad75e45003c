/// Workers, in processes of their own, that run functions of this program.
///
/// ```cpp
/// int square(int x) { return x * x; }
/// HAWSER_TASK(square);
///
/// int main(int argc, char** argv) {
///   if (auto status = hawser::actors::run_as_child(argc, argv)) return *status;
///   hawser::actors::worker_pool pool{{.workers = 4}};
///   std::vector<int> squares = pool.map(square, numbers);
///   for (auto& done : pool.imap_unordered(square, inputs)) use(done.index, done.get());
///   auto later = pool.submit(square, 12);
///   std::cout << later.get() << '\n';
/// }
/// ```
#pragma once

#include <hawser/actors/detail/job.hpp>
#include <hawser/actors/process.hpp>
#include <hawser/actors/task_error.hpp>
#include <hawser/actors/task_future.hpp>
#include <hawser/shm/payload_pool.hpp>

#include <caf/actor_system.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace hawser::actors {

struct worker_pool_options {
  std::size_t workers = 0;  ///< 0: as many as there are CPUs.
  /// Threads of this process instead. What a task does to memory it does to ours, and a task that
  /// crashes is the end of the process; neither limits nor timeouts.
  bool threads = false;
  unsigned retries = 2;  ///< Of each task whose worker dies, unless task_options say otherwise.
  std::size_t memory_limit = 0;  ///< Of each worker, bytes; a task beyond it has a std::bad_alloc.
  std::chrono::seconds cpu_limit{0};    ///< Of each worker; it is killed by SIGXCPU. 0: none.
  std::size_t tasks_of_worker_max = 0;  ///< Then another one takes its place. 0: no limit.
  std::string name = "pool";            ///< Its workers are `name-1` and so on, for ps.
  /// What each worker runs first: `[] {...}` cannot travel, a task can. See `initialize_with`.
  detail::byte_buffer initializer{};
};

/// For worker_pool_options::initializer: a task and its arguments, run by each worker before its
/// first one. If it throws, the worker is not started.
template <class R, class... Params, class... Args>
detail::byte_buffer initialize_with(R (*function)(Params...), Args&&... args);

/// How one of many tasks has ended.
template <class R>
struct task_outcome {
  std::size_t index = 0;  ///< Which of the inputs.
  std::optional<detail::kept_t<R>> value;
  std::exception_ptr failed;

  explicit operator bool() const noexcept { return failed == nullptr; }
  /// Errors     As of task_future::get.
  detail::kept_t<R>& get() {
    if (failed) std::rethrow_exception(failed);
    return *value;
  }
};

struct worker_pool_statistics {
  std::uint64_t done = 0;          ///< Tasks with a result.
  std::uint64_t failed = 0;        ///< That have thrown.
  std::uint64_t retried = 0;       ///< Times that one was to be run again, its worker having died.
  std::uint64_t lost = 0;          ///< worker_lost and task_timeout.
  std::uint64_t workers_died = 0;  ///< With tasks in hand.
  std::uint64_t chunks = 0;        ///< Times that tasks were given to a worker.
  std::size_t waiting = 0, running = 0;
  std::size_t workers = 0, idle_workers = 0;
};

namespace detail {

/// Tasks of which each input is one argument, or a tuple of all of them.
template <class Base, class Stored, bool Star, class Inputs>
class many_tasks final : public Base {
 public:
  many_tasks(const task_entry& entry, task_options how, Inputs inputs)
      : Base(entry, static_cast<std::size_t>(std::ranges::distance(inputs)), std::move(how)),
        inputs_(std::move(inputs)) {}

  void encode(std::size_t index, byte_buffer& out) override {
    auto&& input =
        *std::ranges::next(std::ranges::begin(inputs_), static_cast<std::ptrdiff_t>(index));
    const auto refuse = [this](const std::string& why) {
      throw make_error(errc::bad_argument, "run task", this->function.name,
                       "an argument has no meaning in another process (" + why + ")");
    };
    if constexpr (Star) {
      const Stored arguments(input);
      std::apply([&](const auto&... value) { (save_or(out, value, refuse), ...); }, arguments);
    } else {
      save_or(out, std::tuple_element_t<0, Stored>(input), refuse);
    }
  }

 private:
  Inputs inputs_;
};

/// Results in the order of the inputs.
template <class R>
class ordered_results : public job {
 public:
  ordered_results(const task_entry& entry, std::size_t count, task_options how)
      : job(entry, count, std::move(how)), values(count) {}

  void decode(std::size_t index, byte_source from) override {
    read_result<R>(from, values[index].value);
  }
  void fail(std::size_t index, std::exception_ptr why) override {
    const std::scoped_lock hold{this->mutex_};
    if (first_failed && index > first_index) return;
    first_failed = std::move(why);
    first_index = index;
  }

  struct slot {  // a bool of its own for each
    kept_t<R> value{};
  };
  std::vector<slot> values;
  std::exception_ptr first_failed;
  std::size_t first_index = 0;
};

/// Results as they come.
template <class R>
class stream_results : public job {
 public:
  using job::job;

  void decode(std::size_t index, byte_source from) override {
    task_outcome<R> one{index, {}, nullptr};
    read_result<R>(from, one.value.emplace());
    add(std::move(one));
  }
  void fail(std::size_t index, std::exception_ptr why) override {
    add({index, {}, std::move(why)});
  }
  /// Nothing: all have been taken.
  std::optional<task_outcome<R>> next() {
    if (taken_ == this->tasks) return std::nullopt;
    std::unique_lock hold{this->mutex_};
    this->changed_.wait(hold, [&] { return !come_.empty(); });
    ++taken_;
    auto first = std::move(come_.front());
    come_.pop_front();
    return first;
  }

 private:
  void add(task_outcome<R> one) {
    const std::scoped_lock hold{this->mutex_};
    come_.push_back(std::move(one));
    this->changed_.notify_one();
  }
  std::deque<task_outcome<R>> come_;
  std::size_t taken_ = 0;
};

class crew;
class scheduler;

}  // namespace detail

/// Results of `imap_unordered`, as they come: a range to go through once.
template <class R>
class task_stream {
 public:
  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = task_outcome<R>;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    task_outcome<R>& operator*() const { return of_->now(); }
    task_outcome<R>* operator->() const { return &of_->now(); }
    iterator& operator++() {
      of_->step();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& a, std::default_sentinel_t) { return a.ended(); }

   private:
    friend task_stream;
    explicit iterator(task_stream* of) : of_(of) {}
    bool ended() const noexcept { return of_ == nullptr || of_->at_end(); }
    task_stream* of_ = nullptr;
  };

  /// Blocks     Until there is a result, as does ++ of the iterator.
  iterator begin() {
    step();
    return iterator{this};
  }
  std::default_sentinel_t end() const noexcept { return {}; }
  /// Of all of them.
  std::size_t size() const noexcept { return work_->tasks; }

 private:
  friend class worker_pool;
  explicit task_stream(std::shared_ptr<detail::stream_results<R>> work) : work_(std::move(work)) {}

  void step() { now_ = work_->next(); }
  bool at_end() const noexcept { return !now_; }
  task_outcome<R>& now() noexcept { return *now_; }

  std::shared_ptr<detail::stream_results<R>> work_;
  std::optional<task_outcome<R>> now_;
};

/// A number of workers, kept up: one that dies is replaced.
///
/// A task whose worker dies is run again by another one, up to `retries` times, and reported as
/// worker_lost then; others that the worker had are run elsewhere and know nothing of it. So a task
/// may run more than once, unless its retries are 0. A task that throws is not tried again: its
/// exception reaches the caller, with type and message.
///
/// Arguments and results are whatever can travel (process.hpp). `shared_bytes` of `loan` and
/// `shared_array` go by reference.
///
/// Errors     hawser::error `not_found`: the function is no HAWSER_TASK. `bad_argument`: an argument
///            means nothing in another process. `not_supported`: the pool is closed.
/// Threads    Any.
/// Crash      This process dies: its workers die with it.
class worker_pool {
 public:
  /// Starts workers in the background: main() has to begin with `run_as_child`. They are talked to in
  /// a group of their own.
  /// Errors     As of `transport` and `process::spawn`.
  explicit worker_pool(const worker_pool_options& options = {});
  /// They take part in the group of `system`, which was made with a hawser::actors::config.
  explicit worker_pool(caf::actor_system& system, const worker_pool_options& options = {});
  worker_pool(const worker_pool&) = delete;
  /// As terminate().
  ~worker_pool();

  /// Runs `function` of each input, by all workers. Returns the results in the order of the inputs.
  ///
  /// Errors     The first of the inputs whose task has failed is thrown, when all have ended.
  /// Blocks     Until all tasks have ended.
  template <class R, class Param, std::ranges::forward_range Inputs>
  std::vector<std::decay_t<R>> map(R (*function)(Param), Inputs&& inputs,
                                   task_options options = {}) {
    return run_ordered<R, false, std::tuple<detail::stored_t<Param>>>(
        function, std::forward<Inputs>(inputs), std::move(options));
  }
  /// The same of functions with several arguments; each input is a tuple, or a pair, of them.
  template <class R, class... Params, std::ranges::forward_range Inputs>
  std::vector<std::decay_t<R>> starmap(R (*function)(Params...), Inputs&& inputs,
                                       task_options options = {}) {
    return run_ordered<R, true, std::tuple<detail::stored_t<Params>...>>(
        function, std::forward<Inputs>(inputs), std::move(options));
  }
  /// A loop whose passes are spread over all workers.
  template <class R, class Param, std::ranges::forward_range Inputs>
  void for_each(Inputs&& inputs, R (*function)(Param), task_options options = {}) {
    using job = detail::ordered_results<void>;
    finish<job, false, std::tuple<detail::stored_t<Param>>>(function, std::forward<Inputs>(inputs),
                                                            std::move(options));
  }
  /// The same, with the results as they come; which of the inputs, each says. One that failed is one
  /// of them. The inputs are kept until then.
  template <class R, class Param, std::ranges::forward_range Inputs>
  task_stream<R> imap_unordered(R (*function)(Param), Inputs&& inputs, task_options options = {}) {
    using job = detail::stream_results<R>;
    return task_stream<R>{start<job, false, std::tuple<detail::stored_t<Param>>>(
        function, kept(std::forward<Inputs>(inputs)), std::move(options))};
  }
  /// Runs one task; does not wait for it.
  template <class R, class... Params, class... Args>
  requires entry_arguments<std::tuple<detail::stored_t<Params>...>, Args...> task_future<R> submit(
      R (*function)(Params...), Args&&... args) {
    return submit_with(task_options{}, function, std::forward<Args>(args)...);
  }
  template <class R, class... Params, class... Args>
  requires entry_arguments<std::tuple<detail::stored_t<Params>...>, Args...> task_future<R>
  submit_with(task_options options, R (*function)(Params...), Args&&... args) {
    using arguments = std::tuple<detail::stored_t<Params>...>;
    const auto work = std::make_shared<detail::one_task<R, arguments>>(
        detail::find_task(detail::key_of(function).function), std::move(options),
        arguments(std::forward<Args>(args)...));
    submit_job(work);
    return task_future<R>{work, canceller()};
  }

  /// Memory to fill and to pass as `shared_bytes`. As transport_host::loan.
  /// Errors     `not_supported`: its workers are threads.
  shm::payload loan(std::size_t bytes);

  /// Nothing more is taken; what was, is done.
  void close();
  /// Waits until all is done, then ends the workers. close() first.
  /// Errors     hawser::error `not_supported`: it is not closed.
  void join();
  /// Ends the workers now. Tasks without a result fail with task_cancelled.
  void terminate();

  worker_pool_statistics statistics() const;
  /// Of its workers that have been started; of threads, our own.
  std::vector<pid_t> worker_pids() const;

 private:
  void submit_job(const std::shared_ptr<detail::job>& work);
  std::function<bool(const std::shared_ptr<detail::job>&)> canceller() const;
  void check(const task_options& options) const;

  /// A copy for as long as it is needed, unless it is given away or is a view.
  template <class Inputs>
  static auto kept(Inputs&& inputs) {
    if constexpr (std::ranges::view<std::decay_t<Inputs>> || !std::is_lvalue_reference_v<Inputs>)
      return std::decay_t<Inputs>(std::forward<Inputs>(inputs));
    else return std::decay_t<Inputs>(inputs);
  }
  template <class Base, bool Star, class Stored, class Function, class Inputs>
  std::shared_ptr<Base> start(Function function, Inputs inputs, task_options options) {
    static_assert(std::ranges::random_access_range<Inputs>,
                  "the inputs are to be a vector, an array, or another range with random access");
    const auto work = std::make_shared<detail::many_tasks<Base, Stored, Star, Inputs>>(
        detail::find_task(detail::key_of(function).function), std::move(options),
        std::move(inputs));
    submit_job(work);
    return work;
  }
  /// We wait: the inputs need not be copied.
  template <class Base, bool Star, class Stored, class Function, class Inputs>
  std::shared_ptr<Base> finish(Function function, Inputs&& inputs, task_options options) {
    const auto work = start<Base, Star, Stored>(
        function, std::ranges::subrange(std::ranges::begin(inputs), std::ranges::end(inputs)),
        std::move(options));
    work->wait();
    if (work->first_failed) std::rethrow_exception(work->first_failed);
    return work;
  }
  template <class R, bool Star, class Stored, class Function, class Inputs>
  std::vector<std::decay_t<R>> run_ordered(Function function, Inputs&& inputs,
                                           task_options options) {
    static_assert(!std::is_void_v<R>, "it has no results; use for_each");
    const auto work = finish<detail::ordered_results<R>, Star, Stored>(
        function, std::forward<Inputs>(inputs), std::move(options));
    std::vector<std::decay_t<R>> all;
    all.reserve(work->values.size());
    for (auto& one : work->values) all.push_back(std::move(one.value));
    return all;
  }

  std::shared_ptr<detail::scheduler> scheduler_;
  std::unique_ptr<detail::crew> crew_;
  const bool threads_;
  std::mutex end_mutex_;
  bool ended_ = false;
};

template <class R, class... Params, class... Args>
detail::byte_buffer initialize_with(R (*function)(Params...), Args&&... args) {
  const detail::task_entry& entry = detail::find_task(detail::key_of(function).function);
  detail::byte_buffer chunk, arguments;
  const std::tuple<detail::stored_t<Params>...> values(std::forward<Args>(args)...);
  if (const caf::error failed = detail::save_arguments(arguments, values))
    throw make_error(errc::bad_argument, "run task", entry.name,
                     "an argument has no meaning in another process (" + to_string(failed) + ")");
  detail::begin_chunk(chunk, entry.name, 1);
  detail::put_arguments(chunk, arguments);
  return chunk;
}

}  // namespace hawser::actors
