/// The queue's hot paths. Every step, its crash states and its edges (E1..E6) are explained in
/// queue_layout.hpp.
#pragma once

#include <hawser/shm/detail/queue_core.hpp>

namespace hawser::shm::detail {

template <class Write>
push_result queue_core::try_push(std::size_t n, const deadline& until, Write&& write) {
  const std::uint32_t tag = channel_.tag();
  queue_layout& q = *body_;
  if (!q.producers.lock(channel_, tag, until)) return {0, push_status::timed_out};
  if (q.closed.load(std::memory_order_relaxed) != 0) {  // set under this lock
    q.producers.unlock();
    return {0, push_status::closed};
  }
  const std::uint64_t tail = q.tail.load(std::memory_order_relaxed);  // ours by the lock
  std::uint64_t at = tail, end = tail;
  std::size_t count = 0;
  bool skipped = false;
  for (std::size_t looked = 0; count < n && looked < slots_; ++looked, ++at) {
    std::byte* const here = slot(index_of(at));
    auto& state = state_of(here);
    prefetch(space_ahead_, at,
             [](std::uint64_t, slot_state there) { return there.kind() == slot_kind::free; });
    const slot_state was{state.load(std::memory_order_acquire)};  // E3
    const slot_kind kind = was.kind();
    if (HAWSER_MUTATE(tail_not_repaired, was.is_at(at) && kind != slot_kind::staged, false)) {
      if (!skipped) end = at + 1;  // committed by a producer that died before it moved tail
      continue;
    }
    if (kind == slot_kind::full || (kind == slot_kind::staged && was.is_before(tail))) break;
    if (HAWSER_MUTATE(leased_slot_overwritten, kind != slot_kind::free && kind != slot_kind::staged,
                      false)) {
      skipped = true;  // a lease from an earlier lap is in the way
      continue;
    }
    HAWSER_MUTATE(push_commits_before_bytes, void(),
                  state.store(slot_state::make(slot_kind::full, at).bits));
    HAWSER_MUTATE(batch_commits_before_bytes, void(), q.tail.store(at + 1));
    write(count, here + payload_offset_);
    // A single message that directly follows tail commits itself; others wait for tail.
    const bool alone = n == 1 && !skipped;
    state.store(slot_state::make(alone ? slot_kind::full : slot_kind::staged, at).bits,
                HAWSER_MUTATE(push_not_released, std::memory_order_release,
                              std::memory_order_relaxed));  // E1
    ++count;
    end = at + 1;
  }
  // I6: before tail says so. If we die in between, consumers look at tail until they are past it.
  if (HAWSER_MUTATE(skip_not_told, skipped && count != 0, false))
    q.skipped_until.store(end, std::memory_order_release);
  if (end != tail) q.tail.store(end, std::memory_order_release);  // E2
  if (count != 0)
    q.pushed.store(q.pushed.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  q.producers.unlock();
  if (count == 0) {
    channel_.look_for_dead();
    return {0, push_status::full};
  }
  notify_items();
  return {count, push_status::ok};
}

template <bool Pop, class Visit>
[[gnu::always_inline]] inline void queue_core::give(std::size_t index, slot_state was,
                                                    std::uint32_t tag, Visit& visit) {
  std::byte* const here = slot(index);
  auto& state = state_of(here);
  const std::uint32_t attempts = std::min(was.attempts() + 1, slot_state::attempts_limit);
  const bool dead = was.kind() == slot_kind::dead;
  const auto now = slot_state::make(dead ? slot_kind::dead_leased : slot_kind::leased,
                                    was.position(), attempts, id_of(tag));
  if constexpr (Pop) {
    visit(taken_slot{&state, here + payload_offset_, now, tag});
    // E3 release: the copy is complete before a producer writes over it. Commits.
    state.store(slot_state::make(slot_kind::free, was.position()).bits, std::memory_order_release);
  } else {
    state.store(now.bits, std::memory_order_relaxed);  // commits; publishes no bytes
    const taken_slot lease{&state, here + payload_offset_, now, tag, &held_[index]};
    count_lease(lease, 1);
    visit(lease);
  }
}

template <bool Pop, class Visit>
take_result queue_core::try_take(std::size_t n, const deadline& until, Visit&& visit) {
  const std::uint32_t tag = channel_.tag();
  queue_layout& q = *body_;
  n = std::min(n, slots_);     // also of a memory that keeps bringing forth messages
  const bool over = closed();  // before we look: nothing is pushed after it (E5)
  // Looking costs as much as it saves unless there was nothing the last time either.
  if (starving_.load(std::memory_order_relaxed) && !over && !may_have_items()) {
    channel_.look_for_dead();
    return {0, take_status::empty};
  }
  std::size_t count = 0;
  if (!q.consumers.lock(channel_, tag, until)) return {0, take_status::timed_out};
  {
    if constexpr (!Pop)
      if (HAWSER_MUTATE(holder_not_marked, holder_ != tag, false)) [[unlikely]]
        channel_.mark_holder(holder_ = tag);
    const lock_holder unlock_at_end{q.consumers};
    auto& done = dead_view_ ? q.dead_done : q.returned_done;
    if (q.returned_seq.load(std::memory_order_acquire) != done.load(std::memory_order_relaxed))
        [[unlikely]]
      count = take_set_aside<Pop>(n, tag, visit);
    const std::uint64_t head = q.head.load(std::memory_order_relaxed);  // ours by the lock
    std::uint64_t at = head;
    while (count < n && !dead_view_) {
      const std::size_t index = index_of(at);
      std::byte* const here = slot(index);
      prefetch(items_ahead_, at,
               [](std::uint64_t position, slot_state there) { return there.is_at(position); });
      const slot_state was{state_of(here).load(std::memory_order_acquire)};  // E1
      if (!was.is_at(at)) {
        if (was.is_before(at) && at >= q.skipped_until.load(std::memory_order_acquire))
          break;  // I6
        if (!before_tail(at)) break;
        // Skipped, unless it was filled between the two loads.
        if (!slot_state{state_of(here).load(std::memory_order_acquire)}.is_at(at)) ++at;
        continue;
      }
      if (HAWSER_MUTATE(staged_junk_delivered, was.kind() == slot_kind::staged && !before_tail(at),
                        false))
        break;
      if (was.kind() == slot_kind::full || was.kind() == slot_kind::staged) {
        HAWSER_MUTATE(head_moves_before_lease, void(), q.head.store(at + 1));
        give<Pop>(index, was, tag, visit);
        ++count;
      } else if (HAWSER_MUTATE(head_not_repaired, false, true)) {
        break;
      }
      // Any other kind was taken by a consumer that died before it moved head.
      ++at;
    }
    if (at != head) q.head.store(at, std::memory_order_release);
    if (count != 0) {
      q.delivered.store(q.delivered.load(std::memory_order_relaxed) + count,
                        std::memory_order_relaxed);
      if constexpr (Pop)
        q.popped.store(q.popped.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    }
  }
  if (starving_.load(std::memory_order_relaxed) != (count == 0)) [[unlikely]]
    starving_.store(count == 0, std::memory_order_relaxed);
  if (count != 0) {
    if constexpr (Pop) {
      notify_space();
      if (over) after_close(dead_view_);
    }
    return {count, take_status::ok};
  }
  channel_.look_for_dead();
  if (over && drained()) return {0, take_status::closed};
  return {0, take_status::empty};
}

template <bool Pop, class Visit>
std::size_t queue_core::take_set_aside(std::size_t n, std::uint32_t tag, Visit& visit) {
  const std::uint32_t seq = body_->returned_seq.load(std::memory_order_acquire);
  std::unique_ptr<came_back> found{came_back_.exchange(nullptr, std::memory_order_acquire)};
  if (!found) found = std::make_unique<came_back>();
  if (found->searcher != tag || found->seq != seq) find_set_aside(*found, seq, tag);
  const slot_kind wanted = dead_view_ ? slot_kind::dead : slot_kind::returned;
  std::size_t count = 0;
  while (count < n && !found->slots.empty()) {
    const auto next = found->slots.back();
    std::byte* const here = slot(next.index);
    const slot_state was{state_of(here).load(std::memory_order_acquire)};  // E4
    found->slots.pop_back();
    if (was.kind() != wanted || was.position() != next.position) continue;  // taken by others
    give<Pop>(next.index, was, tag, visit);
    ++count;
  }
  if (found->slots.empty()) {
    // Nothing is set aside that was announced up to seq. Whatever came since moves seq again.
    (dead_view_ ? body_->dead_done : body_->returned_done).store(seq, std::memory_order_relaxed);
  }
  delete came_back_.exchange(found.release(), std::memory_order_acq_rel);
  if (count != 0 && !dead_view_)
    body_->redelivered.store(body_->redelivered.load(std::memory_order_relaxed) + count,
                             std::memory_order_relaxed);
  return count;
}

inline void queue_core::ack(const taken_slot& lease) noexcept {
  const ending under_way{this};
  count_lease(lease, ~0U);  // first: behind the store the slot may be somebody else's
  if (lease.tag != channel_.tag_if_attached()) return;  // inherited: the lease is the parent's
  // E3 release: the reader is done before a producer writes over it. Commits.
  lease.state->store(
      slot_state::make(slot_kind::free, lease.was.position()).bits,
      HAWSER_MUTATE(ack_not_released, std::memory_order_release, std::memory_order_relaxed));
  notify_space();
  if (HAWSER_MUTATE(last_ack_wakes_nobody, closed(), false)) [[unlikely]]
    after_close(lease.was.kind() == slot_kind::dead_leased);
}

inline bool queue_core::may_have_items() const noexcept {
  const queue_layout& q = *body_;
  // In this order: what lies before head had been taken when head was read, and had not come
  // back when returned_seq was; what lies behind it had not been pushed when the slot was read.
  const std::uint64_t head = q.head.load(std::memory_order_acquire);
  const auto& done = dead_view_ ? q.dead_done : q.returned_done;
  if (q.returned_seq.load(std::memory_order_acquire) != done.load(std::memory_order_relaxed) ||
      q.closed.load(std::memory_order_relaxed) != 0)
    return true;
  if (dead_view_) return false;
  const slot_state next{state_of(slot(index_of(head))).load(std::memory_order_acquire)};
  if (next.is_before(head)) return head < q.skipped_until.load(std::memory_order_acquire);  // I6
  return !next.is_at(head) || next.kind() != slot_kind::staged ||
         head < q.tail.load(std::memory_order_acquire);
}

template <class Write>
push_result queue_core::push(std::size_t n, const deadline& until, Write&& write) {
  const push_result result = try_push(n, until, write);
  if (result.status != push_status::full) [[likely]]
    return result;
  return push_slowly(n, until, write);
}

template <class Write>
[[gnu::noinline]] push_result queue_core::push_slowly(std::size_t n, const deadline& until,
                                                      Write& write) {
  for (;;) {
    if (spin_space_.until([this] { return may_have_space(); })) {
      let_space_gather();
      const push_result result = try_push(n, until, write);
      if (result.status != push_status::full) return result;
    }
    const std::uint32_t key = body_->space.announce();  // E6
    const push_result result = try_push(n, until, write);
    if (result.status != push_status::full) return spin_space_.ended_too_early(), result;
    if (!sleep(body_->space, key, until)) return {0, push_status::timed_out};
  }
}

template <bool Pop, class Visit>
take_result queue_core::take(std::size_t n, const deadline& until, Visit&& visit) {
  const take_result result = try_take<Pop>(n, until, visit);
  if (result.status != take_status::empty) [[likely]]
    return result;
  return take_slowly<Pop>(n, until, visit);
}

template <bool Pop, class Visit>
[[gnu::noinline]] take_result queue_core::take_slowly(std::size_t n, const deadline& until,
                                                      Visit& visit) {
  event_count& event = dead_view_ ? body_->dead_items : body_->items;
  for (;;) {
    if (spin_items_.until([this] { return may_have_items(); })) {
      const take_result result = try_take<Pop>(n, until, visit);
      if (result.status != take_status::empty) return result;
    }
    const std::uint32_t key = event.announce();  // E6
    const take_result result = try_take<Pop>(n, until, visit);
    if (result.status != take_status::empty) return spin_items_.ended_too_early(), result;
    if (!sleep(event, key, until)) return {0, take_status::timed_out};
  }
}

}  // namespace hawser::shm::detail
