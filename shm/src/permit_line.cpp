#include "permit_line.hpp"

#include <algorithm>
#include <chrono>

namespace hawser::shm::detail {
namespace {

// As long as a sleeper takes to come, and some more: see permit_layout.hpp.
constexpr std::int64_t window_ns = 1'000'000;
std::atomic<std::int64_t> patience_ns{10'000'000};

std::uint64_t steady_ns() noexcept {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now().time_since_epoch())
          .count());
}

/// How long ago; signed, for a time that somebody wrote who is ahead of us.
std::int64_t since(std::uint64_t now, std::uint64_t then) noexcept {
  return static_cast<std::int64_t>(now - then);
}

}  // namespace

void permit_core::set_patience(std::chrono::nanoseconds patience) noexcept {
  patience_ns.store(patience.count(), std::memory_order_relaxed);
}

permit_line::permit_line(permit_layout& body) noexcept : body_(body), now_ns_(steady_ns()) {
  const std::uint32_t places =
      std::min(body.places.load(std::memory_order_relaxed), waiter_places);  // I4
  const std::int64_t patience = patience_ns.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < places; ++i) {
    waiter_place& place = body.waiters[i];
    if (place.tag.load(std::memory_order_acquire) == 0) continue;
    const std::uint64_t called = place.called_ns.load(std::memory_order_relaxed);
    waiters_[count_++] = {place.ticket.load(std::memory_order_relaxed), &place,
                          place.n.load(std::memory_order_relaxed), called != 0,
                          called != 0 && since(now_ns_, called) > patience};
  }
  std::sort(waiters_.begin(), waiters_.begin() + static_cast<std::ptrdiff_t>(count_),
            [](const waiter& a, const waiter& b) { return a.ticket < b.ticket; });
}

std::uint64_t permit_line::wanted_before(const waiter_place* place) const noexcept {
  std::uint64_t sum = 0;
  for (const waiter& w : all()) {
    if (w.place == place) break;
    if (!w.passed_over) sum += w.n;
  }
  return sum;
}

std::uint64_t permit_line::demand() const noexcept {
  std::uint64_t sum = 0;
  for (const waiter& w : all()) sum += w.n;
  return sum;
}

bool permit_line::is_head(const waiter_place& place) const noexcept {
  return count_ != 0 && waiters_[0].place == &place;
}

bool permit_line::overtake() noexcept {
  const std::uint32_t others = body_.overtakes.load(std::memory_order_relaxed);
  const std::int64_t age = since(now_ns_, body_.window_ns.load(std::memory_order_relaxed));
  if (age < 0 || age >= window_ns || others >= permit_core::overtakes_max) return false;
  body_.overtakes.store(others + 1, std::memory_order_relaxed);
  return true;
}

void permit_line::call() noexcept {
  const std::uint64_t available = body_.available.load(std::memory_order_relaxed);
  std::uint64_t before = 0;
  for (const waiter& w : all()) {
    if (w.passed_over) continue;
    before += w.n;
    if (before > available) break;
    if (w.called) continue;
    w.place->called_ns.store(now_ns_, std::memory_order_relaxed);
    w.place->word.store(1, std::memory_order_release);
    woken_[to_wake_++] = w.place;
  }
}

void permit_line::wake() noexcept {
  for (std::size_t i = 0; i < to_wake_; ++i) futex_wake_all(woken_[i]->word);
}

void permit_line::remove(waiter_place& place) noexcept {
  if (is_head(place)) {
    body_.overtakes.store(0, std::memory_order_relaxed);
    body_.window_ns.store(now_ns_, std::memory_order_relaxed);
  }
  place.tag.store(0, std::memory_order_release);
  std::size_t i = 0;
  while (i < count_ && waiters_[i].place != &place) ++i;
  if (i == count_) return;
  const std::uint64_t demand = body_.demand.load(std::memory_order_relaxed);
  body_.demand.store(demand - std::min<std::uint64_t>(demand, waiters_[i].n),
                     std::memory_order_release);
  --count_;
  for (; i < count_; ++i) waiters_[i] = waiters_[i + 1];
}

waiter_place* permit_line::join(permit_layout& body, std::uint32_t tag, std::uint32_t n) noexcept {
  const std::uint64_t demand = body.demand.load(std::memory_order_relaxed);
  if (demand == 0) {
    body.places.store(0, std::memory_order_relaxed);  // I4
    body.overtakes.store(0, std::memory_order_relaxed);
    body.window_ns.store(steady_ns(), std::memory_order_relaxed);
  }
  for (std::uint32_t i = 0; i < waiter_places; ++i) {
    waiter_place& place = body.waiters[i];
    if (place.tag.load(std::memory_order_acquire) != 0) continue;
    place.n.store(n, std::memory_order_relaxed);
    place.ticket.store(body.next_ticket.load(std::memory_order_relaxed), std::memory_order_relaxed);
    body.next_ticket.store(place.ticket.load(std::memory_order_relaxed) + 1,
                           std::memory_order_relaxed);
    place.called_ns.store(0, std::memory_order_relaxed);
    place.word.store(0, std::memory_order_relaxed);
    if (body.places.load(std::memory_order_relaxed) <= i)
      body.places.store(i + 1, std::memory_order_seq_cst);  // E2, I4
    body.demand.store(demand + n, std::memory_order_release);
    place.tag.exchange(tag, std::memory_order_seq_cst);  // E2. Commits.
    return &place;
  }
  return nullptr;
}

}  // namespace hawser::shm::detail
