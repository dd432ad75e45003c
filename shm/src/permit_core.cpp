#include "permit_line.hpp"
#include <hawser/shm/detail/read_once.hpp>
#include <hawser/shm/error.hpp>

#include <algorithm>
#include <cstring>
#include <new>

namespace hawser::shm::detail {
namespace {

permit_layout& layout_of(attachment& channel) noexcept {
  return *reinterpret_cast<permit_layout*>(channel.body());
}

}  // namespace

void reclaim_permits(attachment& self, std::uint32_t dead) {
  permit_layout& p = layout_of(self);
  auto& row = p.held[id_of(dead)];
  const held_row was{row.load(std::memory_order_acquire)};
  if (was.bits != 0 && HAWSER_MUTATE(permit_sweep_keeps_rows, true, false)) {
    HAWSER_MUTATE(permit_sweep_marks_last, void(), row.store(0));
    // First the mark: if we die in between, the next sweeper finds the row and sets it again.
    if (was.count() == p.total && self.layout().header.kind != channel_kind::semaphore)
      p.owner_died.store(HAWSER_MUTATE(permit_sweep_marks_nothing, 1U, 0U),
                         std::memory_order_release);
    row.store(0, std::memory_order_release);
    p.reclaimed.fetch_add(was.count(), std::memory_order_relaxed);
  }
  if (self.was_holder(dead) && HAWSER_MUTATE(permit_sweep_keeps_places, true, false)) {
    const auto places = std::min(p.places.load(std::memory_order_seq_cst), waiter_places);
    for (std::uint32_t i = 0; i < places; ++i) {
      std::uint32_t tag = dead;
      p.waiters[i].tag.compare_exchange_strong(tag, 0, std::memory_order_acq_rel);
    }
  }
  // Last: whoever sees it computes with what we have set free. E2.
  p.swept_seq.fetch_add(HAWSER_MUTATE(permit_sweep_unannounced, 1U, 0U), std::memory_order_seq_cst);
  if (HAWSER_MUTATE(dead_locks_stay, true, false)) p.inner.release_dead(dead);
}

void wake_permits(attachment& self) {
  permit_layout& p = layout_of(self);
  p.inner.wake();
  const auto places = std::min(p.places.load(std::memory_order_seq_cst), waiter_places);  // E2
  for (std::uint32_t i = 0; i < places; ++i) {
    waiter_place& place = p.waiters[i];
    if (place.tag.load(std::memory_order_seq_cst) == 0) continue;
    place.word.store(1, std::memory_order_seq_cst);
    futex_wake_all(place.word);
  }
  if (p.freed.wake()) self.ring(permit_core::bit_freed);
}

namespace {

constexpr channel_kind_ops kinds[] = {
    {channel_kind::semaphore, "semaphore", reclaim_permits, wake_permits},
    {channel_kind::lock, "lock", reclaim_permits, wake_permits},
    {channel_kind::shared_lock, "shared_lock", reclaim_permits, wake_permits},
    {channel_kind::guarded, "guarded", reclaim_permits, wake_permits},
};

const channel_kind_ops& ops_of(channel_kind kind) noexcept {
  return *std::find_if(std::begin(kinds), std::end(kinds),
                       [kind](const channel_kind_ops& ops) { return ops.kind == kind; });
}

constexpr std::size_t permits_max = std::size_t{1} << 31;

std::uint64_t words_of(std::size_t bytes) noexcept {
  return (bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
}

std::size_t bytes_of(const permit_request& request) noexcept {
  std::size_t bytes = sizeof(permit_layout);
  if (request.kind == channel_kind::guarded)
    bytes += sizeof(guarded_layout) + 2 * sizeof(std::uint64_t) * words_of(request.value_bytes);
  return bytes;
}

attach_request segment_request(const permit_request& request) {
  attach_request segment;
  segment.name = request.name;
  segment.how = request.how;
  segment.mode = request.mode;
  segment.keep = request.keep;
  segment.type_fingerprint = request.type_fingerprint;
  segment.type_name = request.type_name;
  segment.body_bytes = bytes_of(request);
  const auto refuse = [word = ops_of(request.kind).word, name = request.name](
                          errc code, const char* verb, const std::string& reason) {
    throw make_error(code, std::string{verb} + " " + word, name, reason);
  };
  if (request.how != opening::open_only && (request.permits == 0 || request.permits > permits_max))
    refuse(errc::bad_argument, "create",
           "it has " + std::to_string(request.permits) + " permits; use 1 to 2^31");
  segment.initialise = [request](std::byte* body) {
    auto& p = *new (body) permit_layout{};
    p.total = request.permits;
    p.available.store(request.permits, std::memory_order_relaxed);
    if (request.kind != channel_kind::guarded) return;
    auto& value = *new (body + sizeof(permit_layout)) guarded_layout{};
    value.value_bytes = request.value_bytes;
    value.copy_words = words_of(request.value_bytes);
    std::memcpy(body + sizeof(permit_layout) + sizeof(guarded_layout), request.initial,
                request.value_bytes);
  };
  segment.check = [request, refuse](const std::byte* body, std::size_t bytes) {
    const auto damaged = [&] {
      refuse(errc::damaged, "open", "its sizes do not fit; remove it and start its creator again");
    };
    if (bytes < bytes_of(request)) damaged();
    const std::uint64_t total = read_once(reinterpret_cast<const permit_layout*>(body)->total);
    if (total == 0 || total > permits_max) damaged();
    if (request.kind == channel_kind::guarded) {
      const auto& value = *reinterpret_cast<const guarded_layout*>(body + sizeof(permit_layout));
      if (value.value_bytes != request.value_bytes ||
          value.copy_words != words_of(request.value_bytes))
        damaged();
    }
    const bool chosen =
        request.kind == channel_kind::semaphore && request.how == opening::open_only;
    if (!chosen && total != request.permits) {
      if (request.kind != channel_kind::semaphore) damaged();
      refuse(errc::capacity_mismatch, "open",
             "it has " + std::to_string(total) + " permits, not " +
                 std::to_string(request.permits) + "; use the same number, or open_only");
    }
  };
  return segment;
}

}  // namespace

permit_core::permit_core(const permit_request& request)
    : channel_(ops_of(request.kind), segment_request(request)), body_(&layout_of(channel_)) {
  const std::uint64_t total = read_once(body_->total);
  if (total == 0 || total > permits_max)
    throw make_error(errc::damaged, "open", request.name, "its sizes changed while it was opened");
  total_ = static_cast<std::uint32_t>(total);
}

std::uint64_t permit_core::sum_held() const noexcept {
  const auto& header = const_cast<attachment&>(channel_).layout().header;  // NOLINT
  const std::uint32_t highest =
      std::min(header.highest_id.load(std::memory_order_relaxed), participants_max);
  std::uint64_t sum = 0;
  for (std::uint32_t id = 1; id <= highest; ++id)
    sum += held_row{body_->held[id].load(std::memory_order_acquire)}.count();
  return sum;
}

void permit_core::repair() noexcept {
  permit_layout& p = *body_;
  const std::uint32_t seq = p.swept_seq.load(std::memory_order_seq_cst);  // before we look
  const std::uint64_t held = sum_held();
  p.available.store(total_ - std::min<std::uint64_t>(total_, held), std::memory_order_relaxed);
  p.demand.store(permit_line{p}.demand(), std::memory_order_relaxed);
  p.swept_done.store(seq, std::memory_order_release);
}

bool permit_core::try_overtake(std::uint32_t n, std::uint32_t tag) noexcept {
  permit_layout& p = *body_;
  bool taken = false;
  if (p.demand.load(std::memory_order_relaxed) == 0) {
    leave();
  } else {
    permit_line line{p};
    const std::uint64_t available = p.available.load(std::memory_order_relaxed);
    taken = available >= n + line.wanted() || (available >= n && line.overtake());
    if (taken) take(n, tag);
    line.call();
    leave();
    line.wake();
  }
  if (!taken) channel_.look_for_dead();
  return taken;
}

void permit_core::release_to_waiters() noexcept {
  permit_line line{*body_};
  if (HAWSER_MUTATE(permit_release_calls_nobody, true, false)) line.call();
  leave();
  if (HAWSER_MUTATE(permit_release_wakes_nobody, true, false)) line.wake();
}

bool permit_core::acquire_slowly(std::uint32_t n, const deadline& until) {
  permit_layout& p = *body_;
  for (;;) {
    if (spin_.until([&] { return may_take(n); }) && try_acquire(n, until)) return true;
    const std::uint32_t tag = channel_.tag();
    if (!p.inner.lock(channel_, tag, until)) return false;
    enter(tag);
    channel_.mark_holder(tag);  // a sweep looks for our place
    waiter_place* const place = permit_line::join(p, tag, n);
    leave();
    if (place != nullptr) return wait_in_line(*place, n, tag, until);
    const std::uint32_t key = p.freed.announce();  // I5
    if (try_acquire(n, until)) return spin_.ended_too_early(), true;
    p.waits.fetch_add(1, std::memory_order_relaxed);
    if (!channel_.sleep(p.freed.word, key, until)) return false;
  }
}

bool permit_core::wait_in_line(waiter_place& place, std::uint32_t n, std::uint32_t tag,
                               const deadline& until) {
  permit_layout& p = *body_;
  for (bool in_time = true;;) {
    if (!p.inner.lock(channel_, tag, until)) {
      // Somebody is stopped inside. Our place is freed as a sweep would free it.
      place.tag.store(0, std::memory_order_release);
      p.swept_seq.fetch_add(1, std::memory_order_seq_cst);
      wake_permits(channel_);
      return false;
    }
    place.word.exchange(0, std::memory_order_seq_cst);  // E2
    place.called_ns.store(0, std::memory_order_relaxed);
    enter(tag);
    permit_line line{p};
    const bool turn = p.available.load(std::memory_order_relaxed) >= n + line.wanted_before(&place);
    if (turn) take(n, tag);
    if (turn || !in_time) line.remove(place);
    if (HAWSER_MUTATE(permit_leaver_calls_nobody, true, false)) line.call();
    leave();
    line.wake();
    if (turn || !in_time) {
      notify_freed();
      return turn;
    }
    p.waits.fetch_add(1, std::memory_order_relaxed);
    in_time = channel_.sleep(place.word, 0, until);
  }
}

std::uint32_t permit_core::held() const noexcept {
  const std::uint32_t tag = channel_.tag_if_attached();
  return held_row{body_->held[id_of(tag)].load(std::memory_order_relaxed)}.count_of(tag);
}

std::uint32_t permit_core::available() const noexcept {
  return total_ - static_cast<std::uint32_t>(std::min<std::uint64_t>(total_, sum_held()));
}

permit_core::counts permit_core::counters() const noexcept {
  return {body_->acquired.load(std::memory_order_relaxed),
          body_->waits.load(std::memory_order_relaxed),
          body_->reclaimed.load(std::memory_order_relaxed)};
}

std::uint64_t permit_core::async_wait(std::uint32_t n, std::function<void()> callback) {
  return add_async_wait(
      {&channel_, bit_freed, [this] { body_->freed.announce(event_count::armed); },
       [this, n] { return available() >= n + permit_line{*body_}.wanted(); }, std::move(callback)});
}

std::uint32_t checked_permits(const permit_core& core, std::size_t n, const char* verb) {
  if (n == 0 || n > core.permits())
    throw make_error(errc::bad_argument, verb, core.name(),
                     std::to_string(n) + " permits of " + std::to_string(core.permits()) +
                         "; ask for 1 to all of them");
  return static_cast<std::uint32_t>(n);
}

void refuse_release(const permit_core& core, const char* operation, const std::string& reason) {
  throw make_error(errc::not_held, operation, core.name(), reason);
}

}  // namespace hawser::shm::detail
