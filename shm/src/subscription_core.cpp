#include <hawser/shm/error.hpp>
#include <hawser/shm/subscription.hpp>

namespace hawser::shm::detail {

void refuse_message(const topic_ring& topic, std::size_t bytes) {
  throw make_error(errc::too_large, "publish in topic", topic.name(),
                   "the message has " + std::to_string(bytes) + " bytes, the topic takes " +
                       std::to_string(topic.payload_bytes()) +
                       "; create it with a larger message_bytes_max");
}

void refuse_in_place(const topic_ring& topic) {
  throw make_error(errc::not_supported, "read in place from", topic.name(),
                   "a publisher may write over what is read unless the subscription is lossless "
                   "and has no patience; use take");
}

subscription_core::subscription_core(const topic_request& topic,
                                     const subscription_request& request)
    : topic_core(topic), want_(request) {
  const auto refuse = [&](const char* reason) {
    throw make_error(errc::bad_argument, "subscribe to", name(), reason);
  };
  if (want_.lag_max > slots_) refuse("lag_max is above the topic's capacity; use at most that");
  if (want_.lag_max != 0 && want_.history > want_.lag_max)
    refuse("history is above lag_max; it would begin behind its own limit");
  if (want_.mode != row_kind::lossless && want_.patience_ns >= 0)
    refuse("patience is for lossless subscriptions; nobody waits for a latest one");
  if (want_.lag_max == 0) want_.lag_max = slots_;
  windowed_ = want_.mode == row_kind::latest && want_.lag_max < slots_;
  join(joining::first, {});
}

std::uint64_t subscription_core::oldest_there(std::uint64_t tail) const noexcept {
  const std::uint64_t all = tail > slots_ ? tail - slots_ : 0;
  std::uint64_t at = tail - std::min<std::uint64_t>(all, slots_);
  // I4: a publisher that died may have begun to write over the first ones.
  while (at != tail && HAWSER_MUTATE(history_not_looked_at, !state_at(at).holds(at, tail), false))
    ++at;
  return at;
}

bool subscription_core::join(joining why, const deadline& until) {
  const std::uint32_t tag = channel_.tag();
  subscriber_row& row = body_->rows[id_of(tag)];
  if (!body_->publishers.lock(channel_, tag, until)) return false;
  const std::uint64_t tail = settled_tail();
  const std::uint64_t oldest = oldest_there(tail);
  std::uint64_t from =
      why == joining::after_fork ? oldest : tail - std::min(want_.history, tail - oldest);
  if (why != joining::first) from = std::max(from, cursor_);
  row.cursor.store(from, std::memory_order_relaxed);
  row.limit.store(want_.lag_max, std::memory_order_relaxed);
  row.patience_ns.store(want_.patience_ns, std::memory_order_relaxed);
  row.stuck_at.store(0, std::memory_order_relaxed);  // no position in use
  row.missed.store(0, std::memory_order_relaxed);
  // I1. If we die here it is lower than need be, and the next publisher at it looks at the rows.
  if (want_.mode == row_kind::lossless && HAWSER_MUTATE(gate_not_lowered, true, false))
    body_->gate.store(std::min(body_->gate.load(std::memory_order_relaxed), from + want_.lag_max),
                      std::memory_order_relaxed);
  row.kind.store(want_.mode, std::memory_order_release);  // commits
  body_->publishers.unlock();
  row_ = &row;
  tag_ = tag;
  if (why == joining::first) cursor_ = from;
  else miss_until(from);
  return true;
}

void subscription_core::miss_until(std::uint64_t position) noexcept {
  missed_ += position - cursor_;
  cursor_ = position;
  row_->cursor.store(cursor_, std::memory_order_release);
  row_->missed.store(missed_, std::memory_order_relaxed);
}

take_status subscription_core::join_again(joining why, const deadline* until) {
  if (join(why, until != nullptr ? *until : clock::time_point{})) return take_status::ok;
  return until != nullptr ? take_status::timed_out : take_status::empty;
}

subscription_core::found subscription_core::cut_off(const deadline* until) {
  const take_status status = join_again(joining::after_cut, until);
  return {status == take_status::ok ? take_status::cut_off : status};
}

subscription_core::found subscription_core::wait_slowly(const deadline& until) {
  for (;;) {
    if (spin_items_.until([this] { return may_have_items(); })) {
      const found next = find(&until);
      if (next.status != take_status::empty) return next;
    }
    const std::uint32_t key = body_->items.announce();  // E6
    const found next = find(&until);
    if (next.status != take_status::empty) return spin_items_.ended_too_early(), next;
    if (!sleep(body_->items, key, until)) return {take_status::timed_out};
  }
}

bool subscription_core::may_have_items() const noexcept {
  const std::uint64_t at = row_->cursor.load(std::memory_order_relaxed);
  const topic_slot_state was = state_at(at);
  return was.position() > at || was.holds(at, body_->tail.load(std::memory_order_acquire)) ||
         body_->closed.load(std::memory_order_relaxed) != 0 ||
         row_->kind.load(std::memory_order_relaxed) == row_kind::cut;
}

std::uint64_t subscription_core::lag() const noexcept {
  const std::uint64_t tail = body_->tail.load(std::memory_order_acquire);
  return tail > cursor_ ? tail - cursor_ : 0;
}

std::uint64_t subscription_core::await_readable(std::function<void()> callback) {
  if (channel_.tag() != tag_) join(joining::after_fork, {});
  return add_async_wait({&channel_, bit_items,
                         [this] { body_->items.announce(event_count::armed); },
                         [this] { return may_have_items(); }, std::move(callback)});
}

}  // namespace hawser::shm::detail
