#include "queue_case.hpp"

#include <algorithm>

namespace hawser::test {
namespace {

/// What is there when the victim begins.
queue_outcome beginning(const queue_case& c, bool released) {
  queue_outcome start;
  for (std::uint64_t id = 1; id <= c.before; ++id) start.messages.push_back(id);
  if (c.corpse == leftover::pushed) start.messages.push_back(of_corpse);
  if (c.corpse == leftover::popped) start.messages.erase(start.messages.begin());
  if (released && c.what == operation::push_wait) start.messages.erase(start.messages.begin());
  if (released && (c.what == operation::pop_wait || c.what == operation::lease_wait))
    start.messages.push_back(of_release);
  start.closed = c.closed;
  return start;
}

}  // namespace

std::vector<queue_outcome> outcomes_of(const queue_case& c, bool released) {
  const queue_outcome before = beginning(c, released);
  queue_outcome after = before;
  const std::size_t occupied = before.messages.size() + (c.way == obstacle::lease ? 1 : 0);
  const std::size_t room = case_capacity - std::min(case_capacity, occupied);
  const auto push = [&](std::size_t n) {
    for (std::uint64_t i = 0; i < n; ++i) after.messages.push_back(of_victim + i);
  };
  switch (c.what) {
    case operation::push:
    case operation::push_wait: push(std::min<std::size_t>(1, room)); break;
    case operation::push_batch: push(std::min<std::size_t>(3, room)); break;
    case operation::pop:
    case operation::pop_wait:
    case operation::ack:
      // A message that the corpse holds is passed by until it is swept.
      if (after.messages.size() > (c.corpse == leftover::leased ? 1 : 0))
        after.messages.erase(after.messages.begin() + (c.corpse == leftover::leased ? 1 : 0));
      break;
    case operation::close: after.closed = true; break;
    case operation::nack:
    case operation::sweep:
      if (c.attempts_max == 0) break;
      // Its last attempt ends here, by the victim's hand or by the victim's death.
      after.letters.push_back(after.messages.front());
      after.messages.erase(after.messages.begin());
      return {after};
    case operation::lease:
    case operation::lease_wait:
    case operation::lease_batch:
    case operation::attach:
    case operation::detach: break;  // what it took comes back with its death
  }
  if (after.messages == before.messages && after.closed == before.closed) return {before};
  return {before, after};
}

std::string words_of(const queue_case& c, int outcome, int count) {
  const auto either = [&](const char* before, const char* after, const char* only) {
    return count == 1 ? only : outcome == 0 ? before : after;
  };
  const char* const back = c.attempts_max == 0 ? "given to the next" : "a dead letter";
  switch (c.what) {
    case operation::push:
    case operation::push_wait: return either("not there", "there, whole", "refused: full");
    case operation::push_batch: return either("none of it", "all of it", "refused: full");
    case operation::pop:
    case operation::pop_wait:
      return either("still there", "gone with its taker", "nothing to take");
    case operation::lease:
    case operation::lease_wait:
    case operation::lease_batch: return back;
    case operation::ack: return either("delivered once more", "acknowledged", "");
    case operation::nack: return back;
    case operation::close: return either("open", "closed", "");
    case operation::sweep: return back;
    case operation::attach:
    case operation::detach: break;
  }
  return "as it was";
}

std::vector<queue_case> cases_for_all_types() {
  using enum operation;
  constexpr std::size_t full = case_capacity;
  return {
      {.name = "push.empty", .what = push},
      {.name = "push.one", .what = push, .before = 1},
      {.name = "push.last_slot", .what = push, .before = full - 1},
      {.name = "push.full", .what = push, .before = full},
      {.name = "push.skips_lease", .what = push, .way = obstacle::lease},
      {.name = "push.empty+popper", .what = push, .other = sleeping::popper},
      {.name = "push.empty+leaser", .what = push, .other = sleeping::leaser},
      {.name = "push.skips_lease+popper",
       .what = push,
       .way = obstacle::lease,
       .other = sleeping::popper},
      {.name = "push_batch.empty", .what = push_batch},
      {.name = "push_batch.not_all_fit", .what = push_batch, .before = 2},
      {.name = "push_batch.skips_lease", .what = push_batch, .way = obstacle::lease},
      {.name = "push_batch.empty+popper", .what = push_batch, .other = sleeping::popper},
      {.name = "pop.one", .what = pop, .before = 1},
      {.name = "pop.full", .what = pop, .before = full},
      {.name = "pop.after_skipped", .what = pop, .before = 2, .way = obstacle::lease},
      {.name = "pop.returned", .what = pop, .before = 2, .way = obstacle::returned},
      {.name = "pop.full+pusher", .what = pop, .before = full, .other = sleeping::pusher},
      {.name = "lease.one", .what = lease, .before = 1},
      {.name = "lease.full+pusher", .what = lease, .before = full, .other = sleeping::pusher},
      {.name = "ack.one", .what = ack, .before = 1},
      {.name = "ack.full+pusher", .what = ack, .before = full, .other = sleeping::pusher},
      {.name = "nack.one+popper", .what = nack, .before = 1, .other = sleeping::popper},
  };
}

std::vector<queue_case> cases_for_fixed_messages() {
  using enum operation;
  constexpr std::size_t full = case_capacity;
  return {
      {.name = "push.after_pushed", .what = push, .corpse = leftover::pushed},
      {.name = "push.after_staged", .what = push, .corpse = leftover::staged},
      {.name = "push.after_both_locks", .what = push, .before = 1, .corpse = leftover::both_locks},
      {.name = "push_wait.full", .what = push_wait, .before = full},
      {.name = "push_batch.after_pushed", .what = push_batch, .corpse = leftover::pushed},
      {.name = "push_batch.after_staged", .what = push_batch, .corpse = leftover::staged},
      {.name = "pop.empty", .what = pop},
      {.name = "pop.after_pushed", .what = pop, .before = 1, .corpse = leftover::pushed},
      {.name = "pop.after_leased", .what = pop, .before = 2, .corpse = leftover::leased},
      {.name = "pop.after_popped", .what = pop, .before = 2, .corpse = leftover::popped},
      {.name = "pop_wait.empty", .what = pop_wait},
      {.name = "lease.empty", .what = lease},
      {.name = "lease.full", .what = lease, .before = full},
      {.name = "lease.after_skipped", .what = lease, .before = 2, .way = obstacle::lease},
      {.name = "lease.returned", .what = lease, .before = 2, .way = obstacle::returned},
      {.name = "lease.after_leased", .what = lease, .before = 2, .corpse = leftover::leased},
      {.name = "lease.after_popped", .what = lease, .before = 2, .corpse = leftover::popped},
      {.name = "lease_wait.empty", .what = lease_wait},
      {.name = "lease_batch.full", .what = lease_batch, .before = full},
      {.name = "lease_batch.full+pusher",
       .what = lease_batch,
       .before = full,
       .other = sleeping::pusher},
      {.name = "ack.full", .what = ack, .before = full},
      {.name = "ack.one+popper", .what = ack, .before = 1, .other = sleeping::popper},
      {.name = "ack.last_of_closed+popper",
       .what = ack,
       .before = 1,
       .other = sleeping::popper,
       .closed = true},
      {.name = "nack.one", .what = nack, .before = 1},
      {.name = "nack.full+pusher", .what = nack, .before = full, .other = sleeping::pusher},
      {.name = "nack.last_of_closed+popper",
       .what = nack,
       .before = 1,
       .other = sleeping::popper,
       .closed = true},
      {.name = "nack.last_attempt", .what = nack, .before = 2, .attempts_max = 1},
      {.name = "nack.last_attempt+undertaker",
       .what = nack,
       .before = 2,
       .other = sleeping::undertaker,
       .attempts_max = 1},
      {.name = "close.empty", .what = close},
      {.name = "close.two", .what = close, .before = 2},
      {.name = "close.empty+popper", .what = close, .other = sleeping::popper},
      {.name = "close.full+pusher", .what = close, .before = full, .other = sleeping::pusher},
      {.name = "attach.two", .what = attach, .before = 2},
      {.name = "attach.beside_corpse", .what = attach, .before = 2, .corpse = leftover::lease},
      {.name = "attach.empty+popper", .what = attach, .other = sleeping::popper},
      {.name = "attach.full+pusher", .what = attach, .before = full, .other = sleeping::pusher},
      {.name = "push.empty+watcher", .what = push, .other = sleeping::watcher},
      {.name = "push_batch.empty+watcher", .what = push_batch, .other = sleeping::watcher},
      {.name = "nack.one+watcher", .what = nack, .before = 1, .other = sleeping::watcher},
      {.name = "ack.full+watcher", .what = ack, .before = full, .other = sleeping::space_watcher},
      {.name = "pop.full+watcher", .what = pop, .before = full, .other = sleeping::space_watcher},
      {.name = "close.empty+watcher", .what = close, .other = sleeping::watcher},
      {.name = "close.full+watcher",
       .what = close,
       .before = full,
       .other = sleeping::space_watcher},
      {.name = "ack.last_of_closed+watcher",
       .what = ack,
       .before = 1,
       .other = sleeping::watcher,
       .closed = true},
      {.name = "attach.empty+watcher", .what = attach, .other = sleeping::watcher},
      {.name = "sweep.lease+watcher",
       .what = sweep,
       .before = 1,
       .corpse = leftover::lease,
       .other = sleeping::watcher},
      {.name = "detach.two", .what = detach, .before = 2},
      {.name = "detach.empty+popper", .what = detach, .other = sleeping::popper},
      {.name = "sweep.lease", .what = sweep, .before = 2, .corpse = leftover::lease},
      {.name = "sweep.both_locks", .what = sweep, .before = 1, .corpse = leftover::both_locks},
      {.name = "sweep.lease+popper",
       .what = sweep,
       .before = 1,
       .corpse = leftover::lease,
       .other = sleeping::popper},
      {.name = "sweep.both_locks+popper",
       .what = sweep,
       .before = 1,
       .corpse = leftover::both_locks,
       .other = sleeping::popper},
      {.name = "sweep.both_locks+pusher",
       .what = sweep,
       .corpse = leftover::both_locks,
       .other = sleeping::pusher},
      {.name = "sweep.last_attempt",
       .what = sweep,
       .before = 1,
       .corpse = leftover::lease,
       .attempts_max = 1},
      {.name = "sweep.last_attempt+undertaker",
       .what = sweep,
       .before = 1,
       .corpse = leftover::lease,
       .other = sleeping::undertaker,
       .attempts_max = 1},
  };
}

}  // namespace hawser::test
