/// A queue whose messages carry payloads of a pool: their owner changes, their bytes stay in place.
///
/// ```cpp
/// shm::payload_queue<frame_info> images{pool, open_or_create, "images", {.capacity = 64}};
/// while (auto image = images.lease()) {          // ends when closed and drained
///   show(image.meta(), image.bytes());           // read where the producer wrote it
///   image.ack();                                 // the memory is free; else somebody else reads it
/// }
/// ```
#pragma once

#include <hawser/shm/detail/payload_link.hpp>
#include <hawser/shm/payload_pool.hpp>
#include <hawser/shm/queue.hpp>
#include <hawser/shm/received_payload.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hawser::shm {

template <payload_meta Meta>
class payload_queue;

/// A message with a payload taken from a queue and not yet acknowledged, or the reason why there is
/// none. It ends like `lease`; by `ack()` its payload is released, too.
///
/// Threads    One at a time; it may move to another thread.
/// Crash      The holder's death gives the message, payload untouched, to the next consumer.
///            Killed inside `ack`: acknowledged and released, or given to the next consumer.
template <payload_meta Meta>
class [[nodiscard]] payload_lease {
 public:
  payload_lease(payload_lease&& other) noexcept
      : link_(std::move(other.link_)), taken_(other.taken_), status_(other.status_) {
    other.status_ = take_status::empty;
  }
  payload_lease& operator=(payload_lease&& other) noexcept {
    std::swap(link_, other.link_);
    std::swap(taken_, other.taken_);
    std::swap(status_, other.status_);
    return *this;
  }
  ~payload_lease() { nack(); }

  /// Whether there is a message.
  explicit operator bool() const noexcept { return link_ != nullptr; }
  /// `ok`, or why there is none: `empty`, `closed`, `timed_out`.
  take_status status() const noexcept { return status_; }

  /// What was sent along, in the queue's memory.
  const Meta& meta() const noexcept requires(!std::is_empty_v<Meta>) {
    return *reinterpret_cast<const Meta*>(link_->meta_of(taken_));
  }
  /// The payload, where its sender wrote it. Valid until the lease ends.
  std::span<const std::byte> bytes() const noexcept {
    return {taken_.payload.data, taken_.payload.bytes};
  }
  /// The lease itself, so that `lease->ack()` reads like a handle's.
  payload_lease* operator->() noexcept { return this; }

  /// The message is done: it is gone for good and its payload released.
  /// Blocks     Never.
  void ack() noexcept {
    if (link_ != nullptr) std::exchange(link_, nullptr)->ack(taken_);
  }
  /// The message goes to the next consumer, before newer ones, or to the dead letters.
  void nack() noexcept {
    if (link_ != nullptr) std::exchange(link_, nullptr)->nack(taken_);
  }

  /// Deliveries of this message so far, this one included.
  std::uint32_t attempts() const noexcept { return taken_.slot.was.attempts(); }
  /// Where the message stands in the order of pushes.
  std::uint64_t position() const noexcept { return taken_.slot.was.position(); }

 private:
  friend class payload_queue<Meta>;
  explicit payload_lease(take_status status) noexcept : status_(status) {}

  std::shared_ptr<detail::payload_link> link_;
  detail::taken_payload taken_{};
  take_status status_ = take_status::empty;
};

/// A queue of payloads of one pool, with a trivially copyable `Meta` beside each. Many producers,
/// many consumers; leases, dead letters (`name.dead`), closing and counters as in `queue`.
///
/// Every process opens the same pool; another one of the same name is refused (`type_mismatch`).
///
/// Blocks     As `queue`.
/// Threads    As `queue`. After fork, the child takes places of its own at its first use.
/// Crash      A payload is in the queue if its message is. Whoever is killed anywhere leaves it with
///            its sender (whose death releases it), in the queue, or with its receiver (likewise).
///            Removing the queue's name (`shm::remove`) while payloads lie in it drops them: they
///            are free at the next death or when the pool runs short, their messages are `stale`.
template <payload_meta Meta = no_meta>
class payload_queue {
 public:
  using lease_type = payload_lease<Meta>;

  /// Creates the queue. A stale one of the same name is replaced.
  /// Errors     As for `queue`, of the queue or the pool; `no_resources`: 63 channels carry the
  ///            pool's payloads already.
  payload_queue(const payload_pool& pool, create_only_t, std::string_view name,
                queue_options options = {})
      : link_(make(pool, detail::opening::create_only, name, options)) {}
  /// Opens it if somebody is attached (or it is kept), else creates it.
  payload_queue(const payload_pool& pool, open_or_create_t, std::string_view name,
                queue_options options = {})
      : link_(make(pool, detail::opening::open_or_create, name, options)) {}
  /// Opens an existing queue; `name.dead` opens the dead letters of `name`.
  payload_queue(const payload_pool& pool, open_only_t, std::string_view name)
      : link_(make(pool, detail::opening::open_only, name, {})) {}

  /// Sends `data`; waits while the queue is full.
  ///
  /// Returns    `ok`: it is empty now; `closed`: it is the caller's still.
  /// Errors     `bad_argument`: it is empty, or of another pool.
  /// Blocks     Until there is space, or the queue is closed.
  /// Crash      The message is there with the payload, or neither: then the payload is free.
  push_status push(const Meta& meta, payload&& data) { return send(meta, data, true, {}); }
  push_status push(payload&& data) requires std::is_empty_v<Meta> {
    return send({}, data, true, {});
  }
  /// The same, without waiting for space: `ok`, `full` or `closed`.
  [[nodiscard]] push_status try_push(const Meta& meta, payload&& data) {
    return send(meta, data, false, {});
  }
  [[nodiscard]] push_status try_push(payload&& data) requires std::is_empty_v<Meta> {
    return send({}, data, false, {});
  }
  /// The same, waiting for `duration` at most: `ok`, `closed` or `timed_out`.
  template <class Rep, class Period>
  [[nodiscard]] push_status push_for(const Meta& meta, payload&& data,
                                     std::chrono::duration<Rep, Period> duration) {
    return send(meta, data, true, detail::deadline_after(duration));
  }
  template <class Rep, class Period>
  [[nodiscard]] push_status push_for(
      payload&& data, std::chrono::duration<Rep, Period> duration) requires std::is_empty_v<Meta> {
    return send({}, data, true, detail::deadline_after(duration));
  }

  /// Takes the next message until it is acknowledged; waits for one.
  ///
  /// Returns    A lease; an empty one (`false`, status `closed`) when closed and drained.
  /// Crash      The message of a killed holder is given to the next consumer.
  lease_type lease() { return take(true, {}); }
  /// The same without waiting; status `empty` when there is none now.
  lease_type try_lease() { return take(false, {}); }
  /// The same, waiting for `duration` at most; status `timed_out`.
  template <class Rep, class Period>
  lease_type lease_for(std::chrono::duration<Rep, Period> duration) {
    return take(true, detail::deadline_after(duration));
  }

  /// Takes the next message for good: its payload is this process's, to write to (unless it is
  /// shared), send on, or release. Waits for one.
  ///
  /// Returns    Nothing when the queue is closed and drained.
  /// Crash      Killed before it returns: the message stays, or is gone and its payload free.
  std::optional<received_payload<Meta>> pop() { return receive(true, {}); }
  /// Returns    Nothing also when there is none now.
  std::optional<received_payload<Meta>> try_pop() { return receive(false, {}); }
  /// Returns    Nothing also when there was none in time.
  template <class Rep, class Period>
  std::optional<received_payload<Meta>> pop_for(std::chrono::duration<Rep, Period> duration) {
    return receive(true, detail::deadline_after(duration));
  }

  /// Ends the queue: pushes return `closed` from now on; consumers get what is left, then the end.
  void close() { link_->queue().close(); }
  [[nodiscard]] bool closed() const noexcept { return link_->queue().closed(); }
  /// Closed, and every message acknowledged, popped or a dead letter.
  [[nodiscard]] bool drained() const noexcept { return link_->queue().drained(); }

  /// Messages that wait to be taken; leased ones do not count. A snapshot.
  [[nodiscard]] std::size_t size() const noexcept { return link_->queue().size(); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::size_t capacity() const noexcept { return link_->queue().slots(); }
  [[nodiscard]] const std::string& name() const noexcept { return link_->queue().name(); }
  [[nodiscard]] queue_counters counters() const noexcept {
    const auto all = link_->queue().counters();
    return {all.pushed, all.delivered, all.acked, all.redelivered, all.reclaimed, all.waits};
  }

  /// As `queue::async_wait`.
  [[nodiscard]] async_wait_handle async_wait(ready what, std::function<void()> callback) {
    return async_wait_handle{link_->queue().async_wait(what, std::move(callback))};
  }

 private:
  static std::shared_ptr<detail::payload_link> make(const payload_pool& pool, detail::opening how,
                                                    std::string_view name,
                                                    const queue_options& options) {
    detail::queue_request request;
    request.name = name;
    request.how = how;
    request.capacity = options.capacity;
    request.attempts_max = options.attempts_max;
    request.mode = options.mode;
    request.keep = options.keep;
    return std::make_shared<detail::payload_link>(pool.core_, request,
                                                  detail::meta_layout_of<Meta>());
  }

  push_status send(const Meta& meta, payload& data, bool waits, const detail::deadline& until) {
    detail::check_pool(data.core_.get(), *link_->pool(), "push to payload queue", name());
    const push_status status = link_->push(data.held_, &meta, waits, until);
    if (status == push_status::ok) data.forget();
    return status;
  }
  lease_type take(bool waits, const detail::deadline& until) {
    lease_type lease{take_status::empty};
    lease.status_ = link_->lease(lease.taken_, waits, until);
    if (lease.status_ == take_status::ok) lease.link_ = link_;
    return lease;
  }
  std::optional<received_payload<Meta>> receive(bool waits, const detail::deadline& until) {
    received_payload<Meta> received;
    detail::held_payload held;
    if (link_->pop(held, &received.meta, waits, until) != take_status::ok) return std::nullopt;
    received.data = payload{link_->pool(), held};
    return received;
  }

  std::shared_ptr<detail::payload_link> link_;
};

}  // namespace hawser::shm
