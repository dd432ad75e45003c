/// The topic's hot paths. Every step, its crash states and its edges (E1..E7) are explained in
/// topic_layout.hpp.
#pragma once

#include <hawser/shm/detail/topic_core.hpp>

namespace hawser::shm::detail {

template <class Write>
publish_result topic_core::try_publish(std::size_t n, const deadline& until, Write&& write) {
  const std::uint32_t tag = channel_.tag();
  topic_layout& t = *body_;
  if (!t.publishers.lock(channel_, tag, until)) return {0, push_status::timed_out};
  if (t.closed.load(std::memory_order_relaxed) != 0) {  // set under this lock
    t.publishers.unlock();
    return {0, push_status::closed};
  }
  const std::uint64_t tail = settled_tail();
  view_of_rows rows{t.gate.load(std::memory_order_relaxed), INT64_MAX};  // ours by the lock
  if (rows.gate < tail + n) [[unlikely]]
    rows = look_at_rows(tail);
  const std::size_t count = rows.gate <= tail ? 0 : std::min({n, slots_, rows.gate - tail});
  // A single message commits itself; others wait for tail.
  const topic_slot_kind kind = n == 1 ? topic_slot_kind::full : topic_slot_kind::staged;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t at = tail + i;
    std::byte* const here = slot(at);
    auto& state = state_of(here);
    HAWSER_MUTATE(publish_commits_before_bytes, void(),
                  state.store(topic_slot_state::make(topic_slot_kind::full, at).bits));
    HAWSER_MUTATE(publish_batch_commits_before_bytes, void(),
                  (state.store(topic_slot_state::make(kind, at).bits), t.tail.store(at + 1)));
    // Relaxed: whoever sees one of the words behind it sees it, too (E7).
    if (HAWSER_MUTATE(writing_not_marked, true, false))
      state.store(topic_slot_state::make(topic_slot_kind::writing, at).bits,
                  std::memory_order_relaxed);
    write(i, here + payload_offset_);
    state.store(topic_slot_state::make(kind, at).bits,
                HAWSER_MUTATE(publish_not_released, std::memory_order_release,
                              std::memory_order_relaxed));  // E1
    // The line that a message soon needs is in its readers' caches: asked for now, it is here then.
    if (slots_ >= 8 * prefetch_distance) {
      const std::byte* const next = slot(at + prefetch_distance);
      prefetch_to_write(next);
      prefetch_to_write(next + prefetch_last_);
    }
  }
  if (count != 0) t.tail.store(tail + count, std::memory_order_release);  // E2
  t.publishers.unlock();
  if (count == 0) {
    channel_.look_for_dead();
    return {0, push_status::full, rows.cut_at_ns};
  }
  notify_items();
  return {count, push_status::ok};
}

template <class Write>
publish_result topic_core::publish(std::size_t n, const deadline& until, Write&& write) {
  const publish_result result = try_publish(n, until, write);
  if (result.status != push_status::full) [[likely]]
    return result;
  return publish_slowly(n, until, write);
}

template <class Write>
[[gnu::noinline]] publish_result topic_core::publish_slowly(std::size_t n, const deadline& until,
                                                            Write& write) {
  for (;;) {
    if (spin_space_.until([this] { return slowest_has_moved(1); })) {
      let_space_gather();
      const publish_result result = try_publish(n, until, write);
      if (result.status != push_status::full) return result;
    }
    const std::uint32_t key = body_->space.announce();  // E6
    const publish_result result = try_publish(n, until, write);
    if (result.status != push_status::full) return spin_space_.ended_too_early(), result;
    const deadline wake_at = earlier(until, result.cut_at_ns);
    if (!sleep(body_->space, key, wake_at) && until && clock::now() >= *until)
      return {0, push_status::timed_out};
  }
}

inline subscription_core::found subscription_core::find(const deadline* until) {
  if (channel_.tag() != tag_) [[unlikely]] {
    if (const auto status = join_again(joining::after_fork, until); status != take_status::ok)
      return {status};
  }
  if (want_.patience_ns >= 0 && row_->kind.load(std::memory_order_acquire) == row_kind::cut)
      [[unlikely]]
    return cut_off(until);
  // How far back a jump may land: less, the more of them were in vain.
  std::uint64_t back = want_.lag_max;
  for (bool over = false;;) {
    if (windowed_) {
      tail_seen_ = body_->tail.load(std::memory_order_acquire);  // E2
      if (tail_seen_ > cursor_ + back) miss_until(tail_seen_ - back);
    }
    auto& state = state_of(slot(cursor_));
    const topic_slot_state was{state.load(std::memory_order_acquire)};  // E1
    if (was.bits == topic_slot_state::make(topic_slot_kind::full, cursor_).bits ||
        (was.bits == topic_slot_state::make(topic_slot_kind::staged, cursor_).bits &&
         HAWSER_MUTATE(staged_junk_taken, before_tail(cursor_), true)))
      return {take_status::ok, reinterpret_cast<std::byte*>(&state) + payload_offset_, &state,
              was.bits};
    if (was.position() > cursor_) {  // overtaken
      if (want_.mode == row_kind::lossless) return cut_off(until);
      tail_seen_ = body_->tail.load(std::memory_order_acquire);  // E2
      if (tail_seen_ > cursor_) {
        miss_until(std::max(cursor_ + 1, tail_seen_ - std::min(tail_seen_, back)));
        back = std::max<std::uint64_t>(1, back / 2);
        continue;
      }  // else the segment is damaged
    }
    if (!over && closed()) {
      over = true;  // what was published before it is seen now: look again
      continue;
    }
    channel_.look_for_dead();
    return {over ? take_status::closed : take_status::empty};
  }
}

inline void subscription_core::advance() noexcept {
  ++cursor_;
  // E3 release: what was read is read before a publisher writes over it. Commits.
  row_->cursor.store(cursor_, HAWSER_MUTATE(take_not_released, std::memory_order_release,
                                            std::memory_order_relaxed));
  if (want_.mode == row_kind::lossless) notify_space();
}

template <class Copy>
take_status subscription_core::try_take(Copy&& copy) {
  for (;;) {
    const found next = find(nullptr);
    if (next.status != take_status::ok) return next.status;
    if (copied_whole(next, copy)) return take_status::ok;
  }
}

template <class Copy>
take_status subscription_core::take(const deadline& until, Copy&& copy) {
  for (;;) {
    const found next = wait(until);
    if (next.status != take_status::ok) return next.status;
    if (copied_whole(next, copy)) return take_status::ok;
  }
}

template <class Copy>
bool subscription_core::copied_whole(const found& next, Copy& copy) {
  copy(next.payload);
  // Relaxed: the copy's loads are acquiring ones, and come before it (E7).
  if (HAWSER_MUTATE(overtaken_copy_kept, next.state->load(std::memory_order_relaxed) != next.was,
                    false)) [[unlikely]]
    return false;
  advance();
  return true;
}

inline subscription_core::found subscription_core::wait(const deadline& until) {
  const found next = find(&until);
  if (next.status != take_status::empty) [[likely]]
    return next;
  return wait_slowly(until);
}

}  // namespace hawser::shm::detail
