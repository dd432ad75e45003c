#include "topic_case.hpp"

#include <algorithm>

namespace hawser::test::on_topic {

std::vector<topic_outcome> outcomes_of(const topic_case& c, bool released) {
  topic_outcome before;
  for (std::uint64_t id = 1; id <= c.before; ++id) before.messages.push_back(id);
  for (std::uint64_t i = 0; i < c.behind; ++i) before.messages.push_back(of_entry + i);
  if (c.corpse == leftover::committed) before.messages.push_back(of_corpse);
  const std::size_t unread = c.taken ? 0 : before.messages.size();
  if (released && c.what == operation::take_wait) before.messages.push_back(of_release);
  topic_outcome after = before;
  std::size_t room = capacity - std::min(capacity, unread);
  const auto publish = [&](std::size_t n) {
    for (std::uint64_t i = 0; i < n; ++i) after.messages.push_back(of_victim + i);
  };
  switch (c.what) {
    case operation::publish:
      // What a dead subscriber holds up goes on with the next call.
      publish(c.corpse == leftover::subscriber ? 0 : std::min<std::size_t>(1, room));
      break;
    case operation::publish_wait:
    case operation::publish_on: publish(1); break;
    case operation::publish_batch: publish(std::min<std::size_t>(3, room)); break;
    case operation::close: after.closed = true; break;
    default: break;
  }
  if (after.messages == before.messages && after.closed == before.closed) return {before};
  return {before, after};
}

std::vector<topic_case> cases_for_all_types() {
  using enum operation;
  constexpr std::size_t full = capacity;
  return {
      {.name = "publish.empty", .what = publish},
      {.name = "publish.one", .what = publish, .before = 1},
      {.name = "publish.last_slot", .what = publish, .before = full - 1},
      {.name = "publish.full", .what = publish, .before = full},
      {.name = "publish.empty+taker", .what = publish, .other = sleeping::taker},
      {.name = "publish.empty+latest", .what = publish, .other = sleeping::latest_taker},
      {.name = "publish_batch.empty", .what = publish_batch},
      {.name = "publish_batch.not_all_fit", .what = publish_batch, .before = 2},
      {.name = "publish_batch.empty+taker", .what = publish_batch, .other = sleeping::taker},
      {.name = "take.one", .what = take, .before = 1},
      {.name = "take.full+publisher",
       .what = take,
       .before = full,
       .taken = true,
       .other = sleeping::publisher},
      {.name = "take.latest", .what = take, .before = 2, .latest = true},
      {.name = "read.one", .what = read, .before = 1},
      {.name = "read.full+publisher",
       .what = read,
       .before = full,
       .taken = true,
       .other = sleeping::publisher},
  };
}

std::vector<topic_case> cases_for_fixed_messages() {
  using enum operation;
  constexpr std::size_t full = capacity;
  return {
      {.name = "publish.after_committed", .what = publish, .corpse = leftover::committed},
      {.name = "publish.after_writing", .what = publish, .corpse = leftover::writing},
      {.name = "publish.after_staged", .what = publish, .corpse = leftover::staged},
      {.name = "publish.after_lock", .what = publish, .before = 1, .corpse = leftover::lock},
      {.name = "publish.after_subscriber",
       .what = publish,
       .before = 1,
       .corpse = leftover::subscriber},
      {.name = "publish.cuts_off",
       .what = publish,
       .before = full,
       .taken = true,
       .impatient = true},
      {.name = "publish.cuts_off+taker",
       .what = publish,
       .before = full,
       .taken = true,
       .impatient = true,
       .other = sleeping::taker},
      {.name = "publish.empty+watcher", .what = publish, .other = sleeping::watcher},
      {.name = "publish_wait.full", .what = publish_wait, .before = full},
      {.name = "publish_on.after_subscriber",
       .what = publish_on,
       .before = 1,
       .corpse = leftover::subscriber},
      {.name = "publish_batch.after_committed",
       .what = publish_batch,
       .corpse = leftover::committed},
      {.name = "publish_batch.after_writing", .what = publish_batch, .corpse = leftover::writing},
      {.name = "publish_batch.after_staged", .what = publish_batch, .corpse = leftover::staged},
      {.name = "publish_batch.cuts_off",
       .what = publish_batch,
       .before = full,
       .taken = true,
       .impatient = true},
      {.name = "publish_batch.empty+latest",
       .what = publish_batch,
       .other = sleeping::latest_taker},
      {.name = "publish_batch.empty+watcher", .what = publish_batch, .other = sleeping::watcher},
      {.name = "take.empty", .what = take},
      {.name = "take.full", .what = take, .before = full},
      {.name = "take.full+watcher",
       .what = take,
       .before = full,
       .taken = true,
       .other = sleeping::space_watcher},
      {.name = "take.latest_empty", .what = take, .latest = true},
      {.name = "take.latest_overtaken", .what = take, .latest = true, .behind = 3},
      {.name = "take_wait.empty", .what = take_wait},
      {.name = "take_wait.latest_empty", .what = take_wait, .latest = true},
      {.name = "read.full", .what = read, .before = full},
      {.name = "subscribe.empty", .what = subscribe},
      {.name = "subscribe.history", .what = subscribe, .before = 3},
      {.name = "subscribe.latest", .what = subscribe, .before = 3, .latest = true},
      {.name = "subscribe.full+publisher",
       .what = subscribe,
       .before = full,
       .other = sleeping::publisher},
      {.name = "subscribe.empty+taker", .what = subscribe, .other = sleeping::taker},
      {.name = "subscribe.after_committed", .what = subscribe, .corpse = leftover::committed},
      {.name = "subscribe.after_writing", .what = subscribe, .corpse = leftover::writing},
      {.name = "subscribe.after_staged", .what = subscribe, .corpse = leftover::staged},
      {.name = "leave.one", .what = leave, .before = 1},
      {.name = "leave.full+publisher",
       .what = leave,
       .before = full,
       .taken = true,
       .other = sleeping::publisher},
      {.name = "leave.full+watcher",
       .what = leave,
       .before = full,
       .taken = true,
       .other = sleeping::space_watcher},
      {.name = "close.empty", .what = close},
      {.name = "close.two", .what = close, .before = 2},
      {.name = "close.empty+taker", .what = close, .other = sleeping::taker},
      {.name = "close.empty+watcher", .what = close, .other = sleeping::watcher},
      {.name = "close.full+publisher", .what = close, .before = full, .other = sleeping::publisher},
      {.name = "close.full+watcher",
       .what = close,
       .before = full,
       .other = sleeping::space_watcher},
      {.name = "attach.two", .what = attach, .before = 2},
      {.name = "attach.beside_corpse", .what = attach, .before = 1, .corpse = leftover::subscriber},
      {.name = "attach.empty+taker", .what = attach, .other = sleeping::taker},
      {.name = "attach.full+publisher",
       .what = attach,
       .before = full,
       .other = sleeping::publisher},
      {.name = "detach.two", .what = detach, .before = 2},
      {.name = "detach.empty+taker", .what = detach, .other = sleeping::taker},
      {.name = "sweep.subscriber", .what = sweep, .before = 1, .corpse = leftover::subscriber},
      {.name = "sweep.subscriber+publisher",
       .what = sweep,
       .before = 1,
       .corpse = leftover::subscriber,
       .other = sleeping::publisher},
      {.name = "sweep.subscriber+watcher",
       .what = sweep,
       .before = 1,
       .corpse = leftover::subscriber,
       .other = sleeping::space_watcher},
      {.name = "sweep.subscriber+taker",
       .what = sweep,
       .before = 1,
       .corpse = leftover::subscriber,
       .other = sleeping::taker},
      {.name = "sweep.lock", .what = sweep, .before = 1, .corpse = leftover::lock},
      {.name = "sweep.lock+publisher",
       .what = sweep,
       .before = 1,
       .corpse = leftover::lock,
       .other = sleeping::publisher},
      {.name = "sweep.committed", .what = sweep, .corpse = leftover::committed},
  };
}

}  // namespace hawser::test::on_topic
