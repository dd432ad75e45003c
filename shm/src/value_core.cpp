#include <hawser/shm/detail/value_core.hpp>
#include <hawser/shm/error.hpp>

#include <chrono>
#include <new>

namespace hawser::shm::detail {
namespace {

value_layout& layout_of(attachment& self) {
  return *std::launder(reinterpret_cast<value_layout*>(self.body()));
}

void reclaim_value(attachment& self, std::uint32_t dead) {
  if (HAWSER_MUTATE(dead_locks_stay, true, false)) layout_of(self).writers.release_dead(dead);
}

}  // namespace

void wake_value(attachment& self) {
  value_layout& v = layout_of(self);
  v.writers.wake();
  if (v.changed.wake()) self.ring(value_core::bit_changed);
}

namespace {

constexpr channel_kind_ops value_ops{channel_kind::value, "value", reclaim_value, wake_value};

attach_request segment_request(const value_request& request) {
  attach_request segment;
  segment.name = request.name;
  segment.how = request.how;
  segment.mode = request.mode;
  segment.keep = request.keep;
  segment.type_fingerprint = request.type_fingerprint;
  segment.type_name = request.type_name;
  segment.swept = request.swept;
  segment.body_bytes = sizeof(value_layout) + 2 * value_copy_bytes(request.value_bytes);
  segment.initialise = [&request](std::byte* body) {
    auto& v = *new (body) value_layout{};
    v.value_bytes = request.value_bytes;
    v.copy_bytes = value_copy_bytes(request.value_bytes);
    write_words(reinterpret_cast<shared_word*>(body + sizeof(value_layout)), request.initial,
                request.value_bytes);
  };
  segment.check = [&request](const std::byte* body, std::size_t bytes) {
    const auto& v = *reinterpret_cast<const value_layout*>(body);
    const std::size_t copy_bytes = value_copy_bytes(request.value_bytes);
    if (bytes != sizeof(value_layout) + 2 * copy_bytes || v.value_bytes != request.value_bytes ||
        v.copy_bytes != copy_bytes)
      throw make_error(errc::damaged, "open value", request.name,
                       "its sizes do not fit; remove it and start its creator again");
  };
  return segment;
}

}  // namespace

value_core::value_core(const value_request& request)
    : channel_(value_ops, segment_request(request)),
      body_(&layout_of(channel_)),
      first_(channel_.body() + sizeof(value_layout)),
      copy_bytes_(value_copy_bytes(request.value_bytes)),
      seen_(version()) {}

void value_core::refuse_in_fork() const {
  throw make_error(errc::not_supported, "update value", name(),
                   "the function that was to change it has forked, and this is the child; end it "
                   "inside the function");
}

std::uint64_t value_core::load_among_writers(std::byte* to, std::size_t bytes) {
  // Not for ever: if the lock's holder is stopped, nobody writes, and the way without it is free.
  constexpr std::chrono::milliseconds patience{1};
  for (;;) {
    const std::uint32_t tag = channel_.tag();
    if (body_->writers.lock(channel_, tag, clock::now() + patience)) {
      const lock_holder unlock_at_end{*this, tag};
      const std::uint64_t now = version();
      read_words(copy(now), to, bytes);
      return now;
    }
    const std::uint64_t now = version();
    read_words(copy(now), to, bytes);
    words_acquire_fence();  // E2
    if (body_->version.load(std::memory_order_relaxed) == now) return now;
  }
}

bool value_core::wait_change(std::uint64_t seen, const deadline& until) {
  channel_.tag();  // a forked child takes its place: its sleep is to be a participant's
  if (version() != seen || spin_.until([&] { return version() != seen; })) return true;
  for (;;) {
    const std::uint32_t key = body_->changed.announce();  // E3
    if (version() != seen) return spin_.ended_too_early(), true;
    body_->waits.fetch_add(1, std::memory_order_relaxed);
    if (!channel_.sleep(body_->changed.word, key, until)) return version() != seen;
  }
}

std::uint64_t value_core::async_wait(std::uint64_t seen, std::function<void()> callback) {
  return add_async_wait({&channel_, bit_changed,
                         [this] { body_->changed.announce(event_count::armed); },
                         [this, seen] { return version() != seen; }, std::move(callback)});
}

std::uint64_t value_core::async_wait(ready what, std::function<void()> callback) {
  const bool reads = what == ready::readable;
  return add_async_wait(
      {&channel_, bit_changed, [this] { body_->changed.announce(event_count::armed); },
       [this, reads] { return !reads || version() != seen_.load(std::memory_order_relaxed); },
       std::move(callback)});
}

}  // namespace hawser::shm::detail
