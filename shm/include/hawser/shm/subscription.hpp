/// The reading side of a topic.
///
/// ```cpp
/// shm::subscription<tick> all{open_only, "ticks"};                         // every message
/// shm::subscription<tick> now{open_only, "ticks",
///                             {.mode = shm::delivery::latest, .lag_max = 1}};  // the newest one
/// ```
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/topic_io.hpp>
#include <hawser/shm/detail/topic_protocol.hpp>
#include <hawser/shm/segment.hpp>
#include <hawser/shm/status.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hawser::shm {

/// What happens when a subscriber does not keep up.
enum class delivery {
  lossless,  ///< Publishers wait for it.
  latest,    ///< It misses what is too old, and counts that.
};

struct subscription_options {
  delivery mode = delivery::lossless;
  /// Begins with the last so many messages, as far as they are there.
  std::size_t history = 0;
  /// How far it may fall behind, in messages, before publishers wait (lossless), or before it
  /// misses the oldest ones (latest); 0: the topic's capacity, which is also the most.
  std::size_t lag_max = 0;
  /// Lossless only: it is cut off when it has held a publisher up for so long without taking a
  /// message; nothing: never. With it messages are copied, never read in place.
  std::optional<std::chrono::nanoseconds> patience = std::nullopt;
};

namespace detail {

/// Throws `too_large`.
[[noreturn]] void refuse_message(const topic_ring& topic, std::size_t bytes);
/// Throws `not_supported`.
[[noreturn]] void refuse_in_place(const topic_ring& topic);

template <message T>
topic_request topic_request_for(std::string_view name) {
  using io = message_io<T>;
  topic_request request;
  request.name = name;
  request.message_bytes = io::bytes;
  request.message_alignment = io::alignment;
  request.variable = !io::fixed;
  request.type_fingerprint = type_fingerprint<T>();
  request.type_name = typeid(T).name();
  return request;
}

}  // namespace detail

template <message T>
class subscription;

/// A message that is read where it lies, or the reason why there is none. Its slot stays as it is
/// until this ends, by `done()` or the destructor: then the message is taken.
///
/// Threads    One at a time, the subscription's.
template <message T>
class [[nodiscard]] reading {
 public:
  reading(reading&& other) noexcept
      : core_(std::exchange(other.core_, nullptr)),
        message_(std::move(other.message_)),
        position_(other.position_),
        tag_(other.tag_),
        status_(std::exchange(other.status_, take_status::empty)) {}
  reading& operator=(reading&&) = delete;
  ~reading() { done(); }

  /// Whether there is a message.
  explicit operator bool() const noexcept { return core_ != nullptr; }
  /// `ok`, or why there is none: `empty`, `closed`, `timed_out`.
  take_status status() const noexcept { return status_; }
  /// The message: a const T&, or for a range a view of its elements, in the topic's memory.
  message_view<T> operator*() const noexcept { return message_->view(); }
  message_view<T> message() const noexcept { return message_->view(); }

  /// The message is taken: the subscription goes on behind it. Does nothing on an ended reading,
  /// and in a fork of the process that read it.
  /// Blocks     Never.
  void done() noexcept {
    if (core_ == nullptr) return;
    detail::subscription_core& core = *std::exchange(core_, nullptr);
    if (core.position() == position_ && core.channel().tag_if_attached() == tag_) core.advance();
  }

 private:
  friend class subscription<T>;
  reading(detail::subscription_core& core, const detail::subscription_core::found& next)
      : position_(core.position()), tag_(core.tag()), status_(next.status) {
    if (next.status != take_status::ok) return;
    core_ = &core;
    try {
      message_.emplace(next.payload, core.payload_bytes());
    } catch (...) {
      done();  // it could not be decoded: the next one is not to wait for it
      throw;
    }
  }

  detail::subscription_core* core_ = nullptr;
  std::optional<detail::message_in_place<T>> message_;
  std::uint64_t position_;
  std::uint32_t tag_;
  take_status status_;
};

/// One subscriber of a topic: gets every message from when it began, in order, each once; or,
/// with `delivery::latest`, those that it is in time for. At any moment, what it took, what it
/// missed and what it lags behind add up to what was published since it began.
///
/// Blocks     Functions named try_ wait for nobody.
/// Threads    One at a time; it may move to another thread. After fork the child becomes a
///            subscriber of its own at its first use, from where the parent was, and counts what
///            is gone by then as missed.
/// Crash      Publishers that wait for a killed subscriber go on within milliseconds.
template <message T>
class subscription {
 public:
  using value_type = T;
  using reading_type = reading<T>;

  /// Subscribes to the topic of this name.
  /// Errors     `not_found`, `stale`, `damaged`, `version_mismatch`, `kind_mismatch`,
  ///            `type_mismatch`, `permission_denied`, `foreign_owner`, `too_many_participants`,
  ///            `busy`, `no_resources`; `bad_argument` for options that do not fit.
  /// Blocks     While a publisher is inside `publish`.
  subscription(open_only_t, std::string_view name, const subscription_options& options = {})
      : core_(make(name, options)), copy_(core_->payload_bytes()) {}

  /// Takes the next message; waits for one.
  ///
  /// Returns    Nothing at the end: `status()` is `closed`, or `cut_off` once when publishers have
  ///            gone on without it. Then it goes on with the newest `history` messages and those
  ///            to come, and `missed()` has those in between.
  /// Errors     What `codec<T>::decode` throws; the message is gone then.
  std::optional<T> take() { return take_before({}); }
  /// Returns    Nothing also when there is none now (`empty`).
  std::optional<T> try_take() {
    return taken(core_->try_take([this](const std::byte* payload) { copy_.copy(payload); }));
  }
  /// Returns    Nothing also when there was none in time (`timed_out`).
  template <class Rep, class Period>
  std::optional<T> take_for(std::chrono::duration<Rep, Period> duration) {
    return take_before(detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  std::optional<T> take_until(std::chrono::time_point<Clock, Duration> time) {
    return take_before(detail::deadline_at(time));
  }

  /// Reads the next message where it lies; waits for one. One reading at a time: `take` ends it.
  ///
  /// Returns    A reading, empty at the end.
  /// Errors     `not_supported` unless the subscription is lossless and has no `patience`.
  reading_type read() { return read_before({}); }
  /// The same without waiting; status `empty` when there is none now.
  reading_type try_read() {
    check_in_place();
    return noted(core_->find(nullptr));
  }
  /// The same, waiting for `duration` at most; status `timed_out`.
  template <class Rep, class Period>
  reading_type read_for(std::chrono::duration<Rep, Period> duration) {
    return read_before(detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  reading_type read_until(std::chrono::time_point<Clock, Duration> time) {
    return read_before(detail::deadline_at(time));
  }

  /// What became of the last take or read.
  take_status status() const noexcept { return status_; }

  /// Messages published since it began that it never got.
  [[nodiscard]] std::uint64_t missed() const noexcept { return core_->missed(); }
  /// Messages that wait to be taken. A snapshot.
  [[nodiscard]] std::uint64_t lag() const noexcept { return core_->lag(); }
  /// How many messages were published in the topic before the next one that it takes.
  [[nodiscard]] std::uint64_t position() const noexcept { return core_->position(); }
  /// Whether the topic is closed; there may be messages left.
  [[nodiscard]] bool closed() const noexcept { return core_->closed(); }
  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }

  /// Calls `callback` once, from Hawser's own thread, when there may be something to take, or the
  /// topic is closed; soon if it is so already. Destroying the handle cancels.
  ///
  /// Errors     `no_resources`: no thread or descriptor is left; `not_supported` for
  ///            `ready::writable`, which a topic can be.
  /// Blocks     Never; `callback` must not block either.
  [[nodiscard]] async_wait_handle async_wait(ready what, std::function<void()> callback) {
    if (what != ready::readable)
      throw make_error(errc::not_supported, "wait for", name(),
                       "a subscription is never writable; wait for the topic");
    return async_wait_handle{core_->await_readable(std::move(callback))};
  }

  /// `for (const T& message : subscription)` takes until `take` returns nothing.
  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    explicit iterator(subscription& from) : from_(&from), now_(from.take()) {}
    const T& operator*() const noexcept { return *now_; }
    iterator& operator++() {
      now_ = from_->take();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return !now_; }

   private:
    subscription* from_;
    std::optional<T> now_;
  };
  iterator begin() { return iterator{*this}; }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  static std::unique_ptr<detail::subscription_core> make(std::string_view name,
                                                         const subscription_options& options) {
    detail::subscription_request request;
    request.mode =
        options.mode == delivery::lossless ? detail::row_kind::lossless : detail::row_kind::latest;
    request.history = options.history;
    request.lag_max = options.lag_max;
    if (options.patience)
      request.patience_ns = std::max<std::int64_t>(0, options.patience->count());
    return std::make_unique<detail::subscription_core>(detail::topic_request_for<T>(name), request);
  }

  std::optional<T> take_before(const detail::deadline& until) {
    return taken(core_->take(until, [this](const std::byte* payload) { copy_.copy(payload); }));
  }
  std::optional<T> taken(take_status status) {
    status_ = status;
    if (status != take_status::ok) return std::nullopt;
    return copy_.value();
  }
  reading_type read_before(const detail::deadline& until) {
    check_in_place();
    return noted(core_->wait(until));
  }
  reading_type noted(const detail::subscription_core::found& next) {
    status_ = next.status;
    return reading_type{*core_, next};
  }
  void check_in_place() const {
    if (!core_->reads_in_place()) detail::refuse_in_place(*core_);
  }

  std::unique_ptr<detail::subscription_core> core_;
  detail::message_copy<T> copy_;
  take_status status_ = take_status::empty;
};

}  // namespace hawser::shm
