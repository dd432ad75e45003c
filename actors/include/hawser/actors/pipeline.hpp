/// Stages that work side by side, each on what the one before it has made.
///
/// ```cpp
/// text load(const path& file);              HAWSER_TASK(load);
/// features extract(const text& document);   HAWSER_TASK(extract);
///
/// auto line = pipeline<path>{}
///                 .stage("load", {.workers = 2}, load)         // processes
///                 .stage("extract", {.workers = 4}, extract)
///                 .stage("score", {}, [](const features& x) { return score_of(x); })  // a thread
///                 .start();
/// for (auto& done : line.run(files)) {      // lazily: what comes out makes room for what goes in
///   if (done) sum += *done.value;
///   else std::cerr << done.words() << '\n'; // a dead letter: it was thrown, or killed its workers
/// }
/// ```
/// Or from threads of their own: `push`, `close`; `while (auto done = line.pop())`.
#pragma once

#include <hawser/actors/detail/describe_exception.hpp>
#include <hawser/actors/detail/pipeline_run.hpp>
#include <hawser/actors/detail/task.hpp>
#include <hawser/actors/pipeline_metrics.hpp>
#include <hawser/actors/pipeline_options.hpp>
#include <hawser/actors/task_error.hpp>
#include <hawser/shm/error.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace hawser::actors {

namespace detail {

template <class T>
T value_of(byte_source from) {
  T value{};
  load_value(from, value);
  return value;
}

template <class Given, class R, class Function>
stage_function stage_of(Function function) {
  return [function = std::move(function)](byte_source given, byte_buffer& result) mutable {
    if constexpr (std::is_void_v<R>) function(value_of<Given>(given));
    else save_result(result, static_cast<const R&>(R(function(value_of<Given>(given)))));
  };
}

}  // namespace detail

/// What has become of one input: a value, or a dead letter.
template <class R>
struct pipeline_outcome {
  std::uint64_t index = 0;  ///< Which of the inputs.
  std::optional<detail::kept_t<R>> value;
  /// Of a dead letter: task_error, what the stage has thrown; or worker_lost, its workers have died.
  std::exception_ptr failed;
  std::string stage;  ///< That failed.

  explicit operator bool() const noexcept { return failed == nullptr; }
  /// Errors     `failed`.
  detail::kept_t<R>& get() {
    if (failed) std::rethrow_exception(failed);
    return *value;
  }
  /// Of a dead letter: `std::runtime_error: no such file (task 7 of load)`.
  std::string words() const {
    return failed ? detail::describe_exception(failed).message : std::string{};
  }
  /// What the stage was given that failed. Nothing: it was too long to go along, or is no T.
  template <class T>
  std::optional<T> letter() const {
    if (!failed || given_ != detail::readable_name(typeid(T)) || letter_.empty()) return {};
    return detail::value_of<T>({letter_.data(), letter_.size()});
  }

 private:
  template <class In, class Out>
  friend class running_pipeline;
  detail::byte_buffer letter_;
  std::string given_;
};

/// Outcomes of `running_pipeline::run`: a range to go through once.
template <class Run, std::ranges::input_range Inputs>
class outcome_stream {
 public:
  using outcome = typename Run::outcome;
  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = outcome;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    outcome& operator*() const { return *of_->now_; }
    outcome* operator->() const { return &*of_->now_; }
    iterator& operator++() {
      of_->step();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& a, std::default_sentinel_t) { return a.has_ended(); }

   private:
    friend outcome_stream;
    explicit iterator(outcome_stream* of) : of_(of) {}
    bool has_ended() const noexcept { return of_ == nullptr || !of_->now_; }
    outcome_stream* of_ = nullptr;
  };

  /// Blocks     Until there is an outcome, as does ++ of the iterator.
  iterator begin() {
    next_ = std::ranges::begin(inputs_);
    step();
    return iterator{this};
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend Run;
  outcome_stream(Run& of, Inputs&& inputs) : of_(of), inputs_(std::forward<Inputs>(inputs)) {}

  void step() {
    do {
      push();
      now_ = Run::decoded(of_.run_->pop_or_progress());
    } while (!now_ && !of_.is_over());
  }
  void push() {
    if (closed_) return;
    for (; *next_ != std::ranges::end(inputs_); ++*next_) {
      if (waiting_.empty()) waiting_ = Run::encoded(**next_);
      if (!of_.run_->try_push(waiting_)) return;
      waiting_.clear();
    }
    closed_ = true;
    of_.close();
  }

  Run& of_;
  Inputs inputs_;  // a reference if they are somebody's
  std::optional<std::ranges::iterator_t<Inputs>> next_;
  detail::byte_buffer waiting_;
  bool closed_ = false;
  std::optional<outcome> now_;
};

/// A pipeline that runs. Movable; owned by one object.
///
/// Each input has exactly one outcome, whoever dies: messages lie in queues in shared memory, and what
/// a dead worker had in hand is worked on by another one. A function may so run more than once for an
/// input, up to its `retries` more; its results count once.
///
/// Errors     hawser::error `system`: a stage's workers die one after the other, and get nothing done
///            (its words say how); then there are no more outcomes. `not_supported`: it is closed, or
///            was terminated.
/// Threads    Any.
/// Crash      A worker is killed: see above; another one takes its place, after a moment if that was
///            not the first time. This process dies: its workers die with it.
template <class In, class Out>
class running_pipeline {
 public:
  using outcome = pipeline_outcome<Out>;
  /// Waits for nothing that is on its way.
  ~running_pipeline() = default;
  running_pipeline(running_pipeline&&) noexcept = default;
  running_pipeline& operator=(running_pipeline&&) noexcept = default;

  /// Hands in an input. Returns its number: 0 for the first, and so on.
  ///
  /// Errors     `too_large`: it is longer than the first stage's `message_bytes_max`; it does not
  ///            count. `bad_argument`: it means nothing in another process.
  /// Blocks     While the window or the first queue is full: somebody has to take outcomes.
  std::uint64_t push(const In& input) {
    auto message = encoded(input);
    return *run_->push(message, std::nullopt);
  }
  /// Nothing: not now, or not in time.
  [[nodiscard]] std::optional<std::uint64_t> try_push(const In& input) {
    auto message = encoded(input);
    return run_->try_push(message);
  }
  template <class Rep, class Period>
  [[nodiscard]] std::optional<std::uint64_t> push_for(const In& input,
                                                      std::chrono::duration<Rep, Period> duration) {
    auto message = encoded(input);
    return run_->push(message, after(duration));
  }
  /// There are no more inputs. What is on its way comes out; then the workers end.
  void close() { run_->close(); }

  /// Takes the next outcome. Nothing: it is closed, and all have been taken.
  /// Blocks     Until there is one.
  std::optional<outcome> pop() { return decoded(run_->pop(std::nullopt)); }
  /// Nothing also if there is none now, or in time; see is_over.
  std::optional<outcome> try_pop() { return decoded(run_->pop(after(std::chrono::seconds{0}))); }
  template <class Rep, class Period>
  std::optional<outcome> pop_for(std::chrono::duration<Rep, Period> duration) {
    return decoded(run_->pop(after(duration)));
  }
  /// Closed, and all outcomes have been taken.
  [[nodiscard]] bool is_over() const { return run_->is_over(); }

  /// Pushes the inputs as there is room, closes, and gives the outcomes: a range to go through once.
  /// Of `inputs` no more are read than have room.
  template <std::ranges::input_range Inputs>
  outcome_stream<running_pipeline, Inputs> run(Inputs&& inputs) {
    return {*this, std::forward<Inputs>(inputs)};
  }

  /// Ends it now, whatever is on its way. Threads first finish what they are at.
  void terminate() { run_->terminate(); }

  /// What has gone on since the start; or since these were last asked for.
  pipeline_metrics metrics() const { return run_->metrics(); }
  pipeline_metrics recent_metrics() { return run_->recent_metrics(); }
  /// Of the workers of a stage that are processes and run now; of all stages.
  std::vector<pid_t> worker_pids(const std::string& stage = {}) const {
    return run_->worker_pids(stage);
  }

 private:
  template <class, class>
  friend class pipeline;
  template <class Run, std::ranges::input_range Inputs>
  friend class outcome_stream;

  explicit running_pipeline(detail::pipeline_plan plan)
      : run_(std::make_unique<detail::pipeline_run>(std::move(plan))) {}

  template <class Rep, class Period>
  static detail::pipeline_deadline after(std::chrono::duration<Rep, Period> duration) {
    return std::chrono::steady_clock::now() +
           std::chrono::duration_cast<std::chrono::steady_clock::duration>(duration);
  }
  static detail::byte_buffer encoded(const In& input) {
    detail::byte_buffer message;
    detail::pipeline_run::begin(message);
    detail::save_or(message, input, [](const std::string& why) {
      throw make_error(errc::bad_argument, "push into pipeline", detail::readable_name(typeid(In)),
                       "it has no meaning in another process (" + why + ")");
    });
    return message;
  }
  static std::optional<outcome> decoded(std::optional<detail::raw_outcome> raw) {
    if (!raw) return std::nullopt;
    outcome one;
    one.index = raw->index;
    one.failed = std::move(raw->failed);
    if (one.failed) {
      one.stage = std::move(raw->stage);
      one.given_ = std::move(raw->given);
      one.letter_ = std::move(raw->value);
    } else if constexpr (std::is_void_v<Out>) {
      one.value.emplace();
    } else {
      one.value = detail::value_of<Out>({raw->value.data(), raw->value.size()});
    }
    return one;
  }

  std::unique_ptr<detail::pipeline_run> run_;
};

/// What a pipeline is made of. A value: it may be started as often as one likes.
///
/// Errors     hawser::error `bad_argument`: a stage has no name, or another one's; an option cannot be.
///            `not_found`: a stage's function is no HAWSER_TASK.
/// Threads    One at a time.
template <class In, class Out = In>
class pipeline {
 public:
  explicit pipeline(const pipeline_options& options = {}) requires std::same_as<In, Out>
      : plan_{options, {}} {
    static_assert(detail::process_argument<In>,
                  "the inputs cannot be handed to another process; give their type an inspect() "
                  "function");
  }

  /// One more stage: a task, run by processes. It takes what the stage before returns.
  template <class R, class Param>
  pipeline<In, std::decay_t<R>> stage(std::string name, const stage_options& options,
                                      R (*function)(Param)) const {
    using given = detail::stored_t<Param>;
    static_assert(std::same_as<given, Out>, "the stage before returns another type");
    return with<std::decay_t<R>>(
        std::move(name), options,
        options.threads ? std::string{} : detail::find_task(detail::key_of(function).function).name,
        detail::stage_of<given, std::decay_t<R>>(function));
  }
  /// The same of any other function, run by threads of this process, all of them at a time.
  template <class Function>
  requires std::invocable<Function&, Out>
  auto stage(std::string name, const stage_options& options, Function function) const {
    using result = std::decay_t<std::invoke_result_t<Function&, Out>>;
    return with<result>(std::move(name), options, {},
                        detail::stage_of<Out, result>(std::move(function)));
  }

  /// Starts the workers, and returns when all have been.
  ///
  /// Errors     As of process::spawn, and of queues.
  [[nodiscard]] running_pipeline<In, Out> start() const { return running_pipeline<In, Out>{plan_}; }

 private:
  template <class, class>
  friend class pipeline;
  pipeline(detail::pipeline_plan plan, int) : plan_(std::move(plan)) {}

  template <class R>
  pipeline<In, R> with(std::string name, const stage_options& options, std::string task,
                       detail::stage_function run) const {
    static_assert(!std::is_void_v<Out>, "the stage before returns nothing");
    static_assert(std::is_void_v<R> || detail::process_argument<R>,
                  "what this stage returns cannot be handed to another process; give its type an "
                  "inspect() function");
    detail::pipeline_plan plan = plan_;
    plan.stages.push_back({std::move(name), options, detail::readable_name(typeid(Out)),
                           std::move(task), std::move(run)});
    return {std::move(plan), 0};
  }

  detail::pipeline_plan plan_;
};

}  // namespace hawser::actors
