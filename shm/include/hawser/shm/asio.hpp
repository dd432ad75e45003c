/// Awaiting channels in Boost.Asio: with coroutines, futures or callbacks. Opt-in: nothing else of
/// Hawser includes Boost.Asio, and no thread but Hawser's one is needed.
///
/// ```cpp
/// awaitable<void> work(shm::queue<job>& jobs) {
///   while (auto job = co_await shm::async_lease(jobs, use_awaitable)) {   // ends when closed
///     handle(*job);
///     job.ack();
///   }
/// }
/// ```
/// Every operation completes with `void(std::exception_ptr, result)`: closed, like timed out, is a
/// result, as in the blocking calls; an exception is what these would throw, or
/// `boost::asio::error::operation_aborted` if it was cancelled.
///
/// What is received is taken in the same step that completes the operation, on the handler's
/// executor: an operation that was cancelled, timed out, or lost in `a || b` has taken nothing.
/// With a queue that other threads run, use a strand, as with any object of Boost.Asio.
///
/// Cancelled by the handler's cancellation slot (Boost 1.77 or newer), by closing the channel, or
/// by the destruction of the execution context. Older Boosts have the _for functions.
///
/// Boost 1.74 has coroutines with g++; with clang only from Boost 1.77 and libc++ or newer on:
/// `#if defined(BOOST_ASIO_HAS_CO_AWAIT)`. Futures and callbacks always work.
///
/// Threads    Any. The channel must outlive its operations. A handler without an executor of its
///            own (a bare lambda, use_future) runs on Boost.Asio's system executor; give it one
///            with `bind_executor`.
/// Crash      As the channel's try_ functions. A waiting operation holds nothing.
/// After a fork operations that wait go on in the parent only.
#pragma once

#include <hawser/shm/condition.hpp>
#include <hawser/shm/detail/message_io.hpp>
#include <hawser/shm/status.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/system/system_error.hpp>
#include <boost/version.hpp>

#include <chrono>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#if BOOST_VERSION >= 107700
#include <boost/asio/associated_cancellation_slot.hpp>
#endif

namespace hawser::shm {
namespace detail {

/// An operation that may be waiting when its execution context is destroyed.
class asio_operation_base {
 public:
  virtual ~asio_operation_base() = default;
  /// Destroys the handler without calling it.
  virtual void abandon() noexcept = 0;
};

/// The operations of one execution context: those that wait when it ends are abandoned, so that
/// nothing is posted to what is no more.
class asio_operations final : public boost::asio::execution_context::service {
 public:
  using key_type = asio_operations;
  inline static boost::asio::execution_context::id id;

  explicit asio_operations(boost::asio::execution_context& context) : service(context) {}

  using list = std::list<std::weak_ptr<asio_operation_base>>;
  list::iterator add(std::weak_ptr<asio_operation_base> one) {
    const std::scoped_lock hold{mutex_};
    return all_.insert(all_.end(), std::move(one));
  }
  void remove(list::iterator one) {
    const std::scoped_lock hold{mutex_};
    if (!ended_) all_.erase(one);
  }

 private:
  void shutdown() noexcept override {
    {
      const std::scoped_lock hold{mutex_};
      ended_ = true;  // nobody changes the list any more
    }
    for (const auto& one : all_)
      if (const auto alive = one.lock()) alive->abandon();
  }

  std::mutex mutex_;
  list all_;
  bool ended_ = false;
};

/// Some executors (use_future's) have a context, but cannot be asked for it as Boost.Asio's own
/// objects do.
template <class Executor>
inline constexpr bool has_timers =
    boost::asio::can_query<const Executor&, boost::asio::execution::context_t>::value;

template <class Executor>
boost::asio::execution_context& asio_context_of(const Executor& executor) {
  if constexpr (has_timers<Executor>)
    return boost::asio::query(executor, boost::asio::execution::context);
  else return executor.context();
}

/// One operation: tries, waits until it may succeed, tries again. `Attempt` has
///   result_type
///   std::optional<result_type> operator()(bool woken)   nothing: not yet
///   result_type timed_out()
///   condition wait_for()                                what to wait for until the next attempt
template <class Attempt, class Handler>
class asio_operation final : public asio_operation_base,
                             public std::enable_shared_from_this<asio_operation<Attempt, Handler>> {
 public:
  using executor_type = boost::asio::associated_executor_t<Handler>;
  using result_type = typename Attempt::result_type;

  asio_operation(Handler handler, Attempt attempt)
      : executor_(boost::asio::get_associated_executor(handler)),
        work_(executor_),
        service_(boost::asio::use_service<asio_operations>(asio_context_of(executor_))),
        attempt_(std::move(attempt)) {
    handler_.emplace(std::move(handler));
  }

  void start(const deadline& until) {
    listed_ = service_.add(this->weak_from_this());
#if BOOST_VERSION >= 107700
    slot_ = boost::asio::get_associated_cancellation_slot(*handler_);
    if (slot_.is_connected())
      slot_.assign([weak = this->weak_from_this()](boost::asio::cancellation_type type) {
        if (const auto self = weak.lock(); self && type != boost::asio::cancellation_type::none)
          self->cancel();
      });
#endif
    if (until) {
      if constexpr (has_timers<executor_type>) timer_.emplace(executor_, *until);
      else timer_.emplace(boost::asio::system_executor{}, *until);
      timer_->async_wait([self = this->shared_from_this()](const boost::system::error_code& e) {
        if (!e) self->post(reason::timed_out);
      });
    }
    post(reason::start);  // never from inside the initiating function
  }

  ~asio_operation() override {
    if (handler_) take_handler();  // its channel has left, against the rules
  }

  void abandon() noexcept override {
    std::unique_lock hold{mutex_};
    const std::optional<Handler> ended = take_handler();
    hold.unlock();
    work_.reset();
  }

 private:
  using timer_executor =
      std::conditional_t<has_timers<executor_type>, executor_type, boost::asio::system_executor>;
  using timer =
      boost::asio::basic_waitable_timer<clock, boost::asio::wait_traits<clock>, timer_executor>;
  enum class reason { start, woken, timed_out, cancelled };

  void post(reason why) {
    boost::asio::post(executor_, [self = this->shared_from_this(), why] { self->run(why); });
  }

  void cancel() {
    const std::scoped_lock hold{mutex_};
    if (!handler_ || std::exchange(cancelled_, true)) return;
    post(reason::cancelled);
  }

  /// On the executor.
  void run(reason why) {
    std::unique_lock hold{mutex_};
    if (!handler_) return;
    std::exception_ptr failure;
    std::optional<result_type> result;
    try {
      if (cancelled_) throw boost::system::system_error{boost::asio::error::operation_aborted};
      while (!(result = attempt_(why == reason::woken))) {
        if (why == reason::timed_out) {
          result.emplace(attempt_.timed_out());
          break;
        }
        if (!condition_) condition_.emplace(attempt_.wait_for());
        if (!condition_->arm([self = this->shared_from_this()] { self->post(reason::woken); }))
          return;
        why = reason::woken;
      }
    } catch (...) {
      failure = std::current_exception();
      result.emplace(attempt_.timed_out());
    }
    std::optional<Handler> handler = take_handler();
    hold.unlock();
    // The work ends behind the handler: until then the context must not run out.
    const auto work = std::move(work_);
    std::move (*handler)(failure, std::move(*result));
  }

  /// Ends everything else: from here on nothing can complete it.
  std::optional<Handler> take_handler() noexcept {
    std::optional<Handler> taken;
    if (!handler_) return taken;
    condition_.reset();  // waits for a callback that runs; that only posts
    if (timer_) timer_->cancel();
    service_.remove(listed_);
#if BOOST_VERSION >= 107700
    if (slot_.is_connected()) slot_.clear();
#endif
    taken.emplace(std::move(*handler_));
    handler_.reset();
    return taken;
  }

  std::mutex mutex_;
  executor_type executor_;
  boost::asio::executor_work_guard<executor_type> work_;
  asio_operations& service_;
  asio_operations::list::iterator listed_;
  Attempt attempt_;
  std::optional<Handler> handler_;  // none: ended
  std::optional<condition> condition_;
  std::optional<timer> timer_;
  bool cancelled_ = false;
#if BOOST_VERSION >= 107700
  boost::asio::associated_cancellation_slot_t<Handler> slot_;
#endif
};

template <class Attempt, class Token>
auto start_asio_operation(Attempt attempt, const deadline& until, Token&& token) {
  using signature = void(std::exception_ptr, typename Attempt::result_type);
  return boost::asio::async_initiate<Token, signature>(
      [](auto&& handler, Attempt what, const deadline& end) {
        using handler_type = std::decay_t<decltype(handler)>;
        std::make_shared<asio_operation<Attempt, handler_type>>(
            std::forward<decltype(handler)>(handler), std::move(what))
            ->start(end);
      },
      token, std::move(attempt), until);
}

template <class Channel>
struct pop_attempt {
  using result_type = decltype(std::declval<Channel&>().try_pop());
  Channel* channel;

  std::optional<result_type> operator()(bool /*woken*/) {
    result_type message = channel->try_pop();
    if (!message && !channel->drained()) return std::nullopt;
    return std::optional<result_type>{std::in_place, std::move(message)};
  }
  result_type timed_out() { return result_type{}; }
  condition wait_for() { return condition{*channel, ready::readable}; }
};

template <class Channel>
struct lease_attempt {
  using result_type = typename Channel::lease_type;
  Channel* channel;

  std::optional<result_type> operator()(bool /*woken*/) {
    result_type message = channel->try_lease();
    if (!message && message.status() == take_status::empty) return std::nullopt;
    return std::optional<result_type>{std::in_place, std::move(message)};
  }
  result_type timed_out() { return result_type{take_status::timed_out}; }
  condition wait_for() { return condition{*channel, ready::readable}; }
};

template <class Channel>
struct ready_attempt {
  using result_type = bool;
  Channel* channel;
  ready what;

  /// Who was woken completes, also if others have been faster.
  std::optional<bool> operator()(bool woken) { return woken ? std::optional{true} : std::nullopt; }
  bool timed_out() { return false; }
  condition wait_for() { return condition{*channel, what}; }
};

}  // namespace detail

/// Takes the next message for good, once there is one.
///
/// Returns    `std::optional<T>`, empty when the channel is closed and drained.
/// Errors     What `try_pop` throws; `no_resources`; `operation_aborted`.
/// Blocks     Never.
template <class Channel, class Token>
requires waitable<Channel>
auto async_pop(Channel& channel, Token&& token) {
  return detail::start_asio_operation(detail::pop_attempt<Channel>{&channel}, {},
                                      std::forward<Token>(token));
}
/// Returns    Empty also when there was none in time; `channel.drained()` tells which.
template <class Channel, class Rep, class Period, class Token>
requires waitable<Channel>
auto async_pop_for(Channel& channel, std::chrono::duration<Rep, Period> duration, Token&& token) {
  return detail::start_asio_operation(detail::pop_attempt<Channel>{&channel},
                                      detail::deadline_after(duration), std::forward<Token>(token));
}

/// Takes the next message until it is acknowledged, once there is one. A result that nobody looks
/// at gives the message back.
///
/// Returns    A lease, empty with status `closed` when the channel is closed and drained.
/// Errors     As async_pop.
/// Blocks     Never.
template <class Channel, class Token>
requires waitable<Channel>
auto async_lease(Channel& channel, Token&& token) {
  return detail::start_asio_operation(detail::lease_attempt<Channel>{&channel}, {},
                                      std::forward<Token>(token));
}
/// Returns    Empty with status `timed_out` when there was none in time.
template <class Channel, class Rep, class Period, class Token>
requires waitable<Channel>
auto async_lease_for(Channel& channel, std::chrono::duration<Rep, Period> duration, Token&& token) {
  return detail::start_asio_operation(detail::lease_attempt<Channel>{&channel},
                                      detail::deadline_after(duration), std::forward<Token>(token));
}

/// Waits until any channel is ready, closed or ended; takes nothing.
///
/// Returns    True.
/// Errors     `no_resources`, `operation_aborted`.
/// Blocks     Never.
template <class Channel, class Token>
requires waitable<Channel>
auto async_ready(Channel& channel, ready what, Token&& token) {
  return detail::start_asio_operation(detail::ready_attempt<Channel>{&channel, what}, {},
                                      std::forward<Token>(token));
}
/// Returns    False when it was not ready in time.
template <class Channel, class Rep, class Period, class Token>
requires waitable<Channel>
auto async_ready_for(Channel& channel, ready what, std::chrono::duration<Rep, Period> duration,
                     Token&& token) {
  return detail::start_asio_operation(detail::ready_attempt<Channel>{&channel, what},
                                      detail::deadline_after(duration), std::forward<Token>(token));
}

}  // namespace hawser::shm
