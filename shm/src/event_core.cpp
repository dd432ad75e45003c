#include <hawser/shm/detail/event_core.hpp>
#include <hawser/shm/error.hpp>

#include <new>

namespace hawser::shm::detail {
namespace {

event_layout& layout_of(attachment& self) {
  return *std::launder(reinterpret_cast<event_layout*>(self.body()));
}

}  // namespace

void wake_event(attachment& self) {
  if (layout_of(self).changed.wake()) self.ring(event_core::bit_changed);
}

namespace {

constexpr channel_kind_ops event_ops{channel_kind::event, "event",
                                     [](attachment&, std::uint32_t) {},  // nothing is held: I3
                                     wake_event};

attach_request segment_request(const event_request& request) {
  attach_request segment;
  segment.name = request.name;
  segment.how = request.how;
  segment.mode = request.mode;
  segment.keep = request.keep;
  segment.body_bytes = sizeof(event_layout);
  segment.initialise = [set = request.set](std::byte* body) {
    auto& e = *new (body) event_layout{};
    e.state.store(set ? event_set_bit : 0, std::memory_order_relaxed);
  };
  segment.check = [name = request.name](const std::byte*, std::size_t bytes) {
    if (bytes != sizeof(event_layout))
      throw make_error(errc::damaged, "open event", name,
                       "its size does not fit; remove it and start its creator again");
  };
  return segment;
}

}  // namespace

event_core::event_core(const event_request& request)
    : channel_(event_ops, segment_request(request)),
      body_(&layout_of(channel_)),
      seen_sets_(sets()) {}

bool event_core::set() {
  channel_.tag();  // a forked child takes its place: who dies before it wakes others is swept
  const auto after = [](std::uint64_t state) {
    return HAWSER_MUTATE(event_counts_every_set, event_state_after_set(state),
                         (state + event_one_set) | event_set_bit);
  };
  std::uint64_t was = body_->state.load(std::memory_order_relaxed);  // the exchange looks again
  while (!HAWSER_MUTATE(event_set_only_looks, false, event_is_set(was)) &&
         !body_->state.compare_exchange_weak(  // I4, E1. Commits.
             was, after(was),
             HAWSER_MUTATE(event_set_not_released, std::memory_order_acq_rel,
                           std::memory_order_acquire),
             std::memory_order_relaxed)) {
  }
  // Also if it was set: whoever set it may be stopped right before it would wake anybody (I3).
  if (HAWSER_MUTATE(event_set_wakes_nobody, body_->changed.wanted(), false)) [[unlikely]]
    wake();  // E2
  return !event_is_set(was);
}

bool event_core::clear() {
  channel_.tag();  // a forked child takes its place: or it would clear what has been removed
  const std::uint64_t was = body_->state.fetch_and(  // I4, E1. Commits.
      HAWSER_MUTATE(event_clear_forgets, ~event_set_bit, std::uint64_t{0}),
      HAWSER_MUTATE(event_clear_not_released,
                    HAWSER_MUTATE(event_clear_not_acquired, std::memory_order_acq_rel,
                                  std::memory_order_release),
                    std::memory_order_acquire));
  return event_is_set(note(was));
}

bool event_core::wait(const deadline& until) {
  channel_.tag();  // a forked child takes its place: its sleep is to be a participant's
  const std::uint64_t began = state();
  const auto over = [this, sets = event_sets(began)] { return is_over(sets); };
  const auto woken = [this] { return note(state()), true; };
  if (event_is_set(began) || spin_.until(over)) return woken();
  for (;;) {
    const std::uint32_t key = body_->changed.announce();  // E2
    if (over()) return spin_.ended_too_early(), woken();
    body_->waits.fetch_add(1, std::memory_order_relaxed);
    if (!channel_.sleep(body_->changed.word, key, until)) return over() && woken();
  }
}

std::uint64_t event_core::async_wait(std::function<void()> callback) {
  return add_async_wait({&channel_, bit_changed,
                         [this] { body_->changed.announce(event_count::armed); },
                         [this, began = sets()] { return is_over(began); }, std::move(callback)});
}

std::uint64_t event_core::async_wait(ready what, std::function<void()> callback) {
  const bool reads = what == ready::readable;
  return add_async_wait(
      {&channel_, bit_changed, [this] { body_->changed.announce(event_count::armed); },
       [this, reads] { return !reads || is_over(seen_sets_.load(std::memory_order_relaxed)); },
       std::move(callback)});
}

}  // namespace hawser::shm::detail
