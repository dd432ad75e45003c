/// An actor that hands the messages of a queue to another actor, as ordinary CAF messages.
///
/// ```cpp
/// caf::behavior resizer(caf::event_based_actor* self) {
///   return {[=](const job& j) { ... }};              // returns: acknowledged
/// }
/// auto handler = system.spawn(resizer);
/// spawn_consumer(system, shm::queue<job>{open_only, "jobs"}, handler, {.credit = 8});
/// ```
/// Each message is leased from the queue and sent as a request. The answer, whatever it is and
/// whoever gives it (a response promise, a delegate), acknowledges it. An error as answer gives
/// it back to the queue, and so does the end of the handler. If this process dies, the queue
/// gives the messages to others. So a message is handled at least once; `attempts_max` of the
/// queue bounds how often.
///
/// At most `credit` messages are on their way at a time: that bounds the handler's mailbox, and
/// what is redelivered after a crash. No thread waits.
#pragma once

#include <hawser/actors/channel_error.hpp>
#include <hawser/actors/detail/channel_wait.hpp>
#include <hawser/actors/inspect_codec.hpp>
#include <hawser/shm/error.hpp>
#include <hawser/shm/queue.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/result.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>

namespace hawser::actors {

struct consumer_options {
  std::size_t credit = 16;  ///< Messages leased and not yet answered, at most; at least 1.
  /// A message that is not answered in this time is given back; 0: no limit. For handlers that
  /// may drop a response promise, which CAF does not report.
  std::chrono::milliseconds answer_timeout{0};
  bool announce_end = false;  ///< Sends `channel_end` to the handler, too.
};

/// What a consumer answers to `counters_atom`.
struct consumer_counters {
  std::uint64_t delivered = 0;  ///< Messages sent to the handler.
  std::uint64_t acked = 0;      ///< Answered, and gone for good.
  std::uint64_t returned = 0;   ///< Given back to the queue: an error, or no answer in time.

  template <class Inspector>
  friend auto inspect(Inspector& f, consumer_counters& x) {
    HAWSER_INSPECT(f, "hawser::actors::consumer_counters", x.delivered, x.acked, x.returned);
  }
};

}  // namespace hawser::actors

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_consumer, 2014)
  CAF_ADD_TYPE_ID(hawser_consumer, (hawser::actors::consumer_counters))
CAF_END_TYPE_ID_BLOCK(hawser_consumer)
// clang-format on
HAWSER_REGISTER(hawser_consumer);

namespace hawser::actors {

/// The consumer actor. It ends
///   - normally, when the queue is closed and drained: monitor it to get to know;
///   - with the handler, and with its reason, giving back what was not answered;
///   - on an exit message, once what is on its way is answered (at once for `kill`);
///   - with `channel_error::bad_message` or `system` when the queue cannot be read.
/// Until then it lives, also without anybody referring to it.
template <shm::message T>
class consumer : public caf::event_based_actor {
 public:
  consumer(caf::actor_config& config, shm::queue<T> queue, caf::actor handler,
           consumer_options options = {})
      : caf::event_based_actor(config),
        queue_(std::move(queue)),
        handler_(std::move(handler)),
        options_(options) {
    options_.credit = std::max<std::size_t>(options_.credit, 1);
  }

  const char* name() const override { return "hawser.consumer"; }

  void on_exit() override {
    wait_.cancel();
    held_.clear();  // before the queue is left
    queue_.reset();
    handler_ = nullptr;
    alive_ = nullptr;
  }

 protected:
  caf::behavior make_behavior() override {
    alive_ = ctrl();
    monitor(handler_);
    set_down_handler([this](caf::down_msg& down) {
      held_.clear();
      quit(std::move(down.reason));
    });
    set_exit_handler([this](caf::exit_msg& message) {
      stopping_ = true;
      stop_reason_ = std::move(message.reason);
      wait_.cancel();
      go_on();
    });
    send(this, detail::wake_atom_v);
    return {
        [this](detail::wake_atom) {
          wait_.ended();
          go_on();
        },
        [this](counters_atom) { return counters_; },
    };
  }

 private:
  void go_on() try {
    if (stopping_) {
      if (held_.empty()) quit(stop_reason_);
      return;
    }
    if (wait_.is_waiting()) return;  // the queue had nothing more, and will tell
    for (auto& lease : queue_->try_lease_batch(options_.credit - held_.size()))
      hand_over(std::move(lease));
    if (held_.size() == options_.credit) return;
    if (queue_->drained()) return end();
    wait_.begin(*queue_, shm::ready::readable, this);
  } catch (const hawser::error& failed) {
    const bool message = failed.code() == errc::damaged || failed.code() == errc::bad_argument;
    quit(make_error(message ? channel_error::bad_message : channel_error::system, failed.what()));
  } catch (const std::exception& failed) {
    quit(make_error(channel_error::bad_message, failed.what()));  // a codec's own exception
  }

  void hand_over(shm::lease<T> lease) {
    const auto timeout = options_.answer_timeout.count() > 0
                             ? detail::request_timeout{options_.answer_timeout}
                             : detail::request_timeout{caf::infinite};
    const std::uint64_t number = ++counters_.delivered;
    auto request = this->request(handler_, timeout, copy_of(*lease));
    held_.emplace(number, std::move(lease));
    detail::await_answer(*this, std::move(request),
                         [this, number](bool well) { answered(number, well); });
  }

  void answered(std::uint64_t number, bool well) {
    const auto entry = held_.find(number);
    if (entry == held_.end()) return;
    if (well) entry->second.ack();
    ++(well ? counters_.acked : counters_.returned);
    held_.erase(entry);  // gives it back if it is not acknowledged
    go_on();
  }

  void end() {
    if (options_.announce_end) send(handler_, channel_end{queue_->name()});
    quit();
  }

  static T copy_of(const T& message) { return message; }
  template <class View>
  requires(!std::is_convertible_v<View, const T&>) static T copy_of(const View& view) {
    return T(view.data(), view.data() + view.size());
  }

  std::optional<shm::queue<T>> queue_;
  caf::actor handler_;
  consumer_options options_;
  detail::channel_wait wait_;
  std::map<std::uint64_t, shm::lease<T>> held_;  // by request
  consumer_counters counters_;
  bool stopping_ = false;
  caf::error stop_reason_;
  caf::strong_actor_ptr alive_;  // itself: nobody else needs to hold a waiting consumer
};

/// Starts a consumer.
template <shm::message T>
caf::actor spawn_consumer(caf::actor_system& system, shm::queue<T> queue, const caf::actor& handler,
                          consumer_options options = {}) {
  return system.spawn<consumer<T>>(std::move(queue), handler, options);
}

/// Starts a consumer with a function as handler, called as an actor: one message at a time. It
/// returns nothing, or a caf::error to give the message back; so does an exception, and the
/// next message follows.
template <shm::message T, class Handler>
requires std::is_invocable_v<Handler&, const T&> caf::actor spawn_consumer(
    caf::actor_system& system, shm::queue<T> queue, Handler handler,
    consumer_options options = {}) {
  auto actor = system.spawn(
      [handler = std::move(handler)](caf::event_based_actor*) mutable -> caf::behavior {
        return {[handler = std::move(handler)](const T& message) mutable -> caf::result<void> {
          try {
            if constexpr (std::is_void_v<std::invoke_result_t<Handler&, const T&>>) {
              handler(message);
              return caf::unit;
            } else {
              if (caf::error reason = handler(message)) return reason;
              return caf::unit;
            }
          } catch (const std::exception& failed) {
            return make_error(channel_error::handler_failed, failed.what());
          } catch (...) {
            return make_error(channel_error::handler_failed);
          }
        }};
      });
  return spawn_consumer(system, std::move(queue), actor, options);
}

}  // namespace hawser::actors
