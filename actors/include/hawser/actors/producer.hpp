/// An actor that pushes the messages it receives into a queue.
///
/// ```cpp
/// auto jobs = spawn_producer(system, shm::queue<job>{open_or_create, "jobs"});
/// self->send(jobs, job{1, "resize.png"});                      // pushed soon
/// self->request(jobs, 1s, job{2, "crop.png"}).then([] {...});  // answered once pushed
/// self->send(jobs, close_atom_v);                         // pushes the rest, and closes
/// ```
/// While the queue is full, messages wait here in the order they came, in a buffer that is
/// bounded for sends and for requests apart: whoever sends requests and waits for their answers
/// is slowed down to the consumers' speed. What is above the bounds is rejected: a request is
/// answered with `channel_error::full`, a send is counted, and its sender told if asked for.
/// No thread waits. If this process dies, what waits here is lost; what was answered is not.
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
#include <caf/response_promise.hpp>
#include <caf/result.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace hawser::actors {

struct producer_options {
  std::size_t sends_waiting_max = 1024;     ///< Sends kept while the queue is full.
  std::size_t requests_waiting_max = 1024;  ///< Requests kept while it is full.
  bool tell_senders = false;  ///< Sends `send_rejected` to the sender of a rejected send.
};

/// What a producer answers to `counters_atom`.
struct producer_counters {
  std::uint64_t pushed = 0;    ///< Messages in the queue.
  std::uint64_t waiting = 0;   ///< Messages in the buffer now.
  std::uint64_t rejected = 0;  ///< Sends and requests that are not, and never will be.

  template <class Inspector>
  friend auto inspect(Inspector& f, producer_counters& x) {
    HAWSER_INSPECT(f, "hawser::actors::producer_counters", x.pushed, x.waiting, x.rejected);
  }
};

}  // namespace hawser::actors

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_producer, 2015)
  CAF_ADD_TYPE_ID(hawser_producer, (hawser::actors::producer_counters))
CAF_END_TYPE_ID_BLOCK(hawser_producer)
// clang-format on
HAWSER_REGISTER(hawser_producer);

namespace hawser::actors {

/// The producer actor. `close_atom`, sent or requested, makes it push what waits, close the
/// queue, answer, and quit; an exit message does the same without closing (at once for `kill`,
/// when what waits is rejected). A queue closed by somebody else rejects everything.
template <shm::message T>
class producer : public caf::event_based_actor {
 public:
  producer(caf::actor_config& config, shm::queue<T> queue, producer_options options = {})
      : caf::event_based_actor(config), queue_(std::move(queue)), options_(options) {}

  const char* name() const override { return "hawser.producer"; }

  void on_exit() override {
    wait_.cancel();
    reject_waiting(channel_error::closed);
    queue_.reset();
    alive_ = nullptr;
  }

 protected:
  caf::behavior make_behavior() override {
    set_exit_handler([this](caf::exit_msg& message) {
      stop_reason_ = std::move(message.reason);
      stop();
    });
    return {
        [this](T& message) { return accept(message); },
        [this](close_atom) -> caf::result<void> {
          closing_ = true;
          auto promise = make_response_promise();
          closers_.push_back(promise);
          stop();
          return promise;
        },
        [this](counters_atom) {
          counters_.waiting = waiting_.size();
          return counters_;
        },
        [this](detail::wake_atom) {
          wait_.ended();
          flush();
        },
    };
  }

 private:
  struct waiting_message {
    T message;
    bool is_request;
    caf::response_promise promise;
    caf::strong_actor_ptr sender;
  };

  caf::result<void> accept(T& message) {
    const bool is_request = current_mailbox_element()->mid.is_request();
    if (stopping_) return reject(is_request, make_error(channel_error::closed));
    if (waiting_.empty()) {
      caf::error failed;
      if (try_push(message, failed)) return caf::unit;
      if (failed) return reject(is_request, std::move(failed));
    }
    std::size_t& count = is_request ? requests_waiting_ : sends_waiting_;
    if (count >= (is_request ? options_.requests_waiting_max : options_.sends_waiting_max))
      return reject(is_request, make_error(channel_error::full));
    ++count;
    alive_ = ctrl();
    auto promise = is_request ? make_response_promise() : caf::response_promise{};
    waiting_.push_back({std::move(message), is_request, promise, current_sender()});
    wait_for_space();
    if (is_request) return promise;
    return caf::unit;
  }

  /// True: it is in. False: the queue is full, unless `failed` says that it will never be.
  bool try_push(const T& message, caf::error& failed) {
    try {
      switch (queue_->try_push(message)) {
        case shm::push_status::ok: ++counters_.pushed; return true;
        case shm::push_status::closed: failed = make_error(channel_error::closed); break;
        default: break;
      }
    } catch (const hawser::error& error) {
      failed = make_error(
          error.code() == errc::too_large ? channel_error::too_large : channel_error::bad_message,
          error.what());
    } catch (const std::exception& error) {
      failed = make_error(channel_error::bad_message, error.what());
    }
    return false;
  }

  void wait_for_space() {
    try {
      wait_.begin(*queue_, shm::ready::writable, this);
    } catch (const std::exception& error) {
      quit(make_error(channel_error::system, error.what()));
    }
  }

  void flush() {
    while (!waiting_.empty()) {
      caf::error failed;
      waiting_message& next = waiting_.front();
      if (!try_push(next.message, failed) && !failed) return wait_for_space();
      settle(next, std::move(failed));
      waiting_.pop_front();
    }
    alive_ = nullptr;
    if (stopping_) finish();
  }

  /// Ends the waiting of a message: pushed, or rejected.
  void settle(waiting_message& message, caf::error failed) {
    --(message.is_request ? requests_waiting_ : sends_waiting_);
    if (failed) {
      ++counters_.rejected;
      if (message.is_request) message.promise.deliver(std::move(failed));
      else tell(message.sender, failed);
    } else if (message.is_request) {
      message.promise.deliver(caf::unit);
    }
  }

  void reject_waiting(channel_error reason) {
    for (auto& message : waiting_) settle(message, make_error(reason));
    waiting_.clear();
    for (auto& closer : std::exchange(closers_, {})) closer.deliver(make_error(reason));
  }

  caf::result<void> reject(bool is_request, caf::error reason) {
    ++counters_.rejected;
    if (is_request) return reason;
    tell(current_sender(), reason);
    return caf::unit;
  }

  void tell(const caf::strong_actor_ptr& whom, const caf::error& reason) {
    if (!options_.tell_senders || whom == nullptr) return;
    send(caf::actor_cast<caf::actor>(whom),
         send_rejected{queue_->name(), static_cast<channel_error>(reason.code())});
  }

  void stop() {
    stopping_ = true;
    if (waiting_.empty()) finish();
  }

  void finish() {
    if (closing_) queue_->close();
    for (auto& closer : std::exchange(closers_, {})) closer.deliver(caf::unit);
    quit(stop_reason_);
  }

  std::optional<shm::queue<T>> queue_;
  producer_options options_;
  detail::channel_wait wait_;
  std::deque<waiting_message> waiting_;
  std::size_t sends_waiting_ = 0;
  std::size_t requests_waiting_ = 0;
  producer_counters counters_;
  bool stopping_ = false;
  bool closing_ = false;
  std::vector<caf::response_promise> closers_;
  caf::error stop_reason_;
  caf::strong_actor_ptr alive_;  // itself, while messages wait that nobody else knows of
};

/// Starts a producer.
template <shm::message T>
caf::actor spawn_producer(caf::actor_system& system, shm::queue<T> queue,
                          producer_options options = {}) {
  return system.spawn<producer<T>>(std::move(queue), options);
}

}  // namespace hawser::actors
