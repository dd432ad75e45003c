#include <hawser/shm/detail/message_io.hpp>
#include <hawser/shm/detail/queue_protocol.hpp>
#include <hawser/shm/detail/read_once.hpp>
#include <hawser/shm/error.hpp>

#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <vector>

namespace hawser::shm::detail {

namespace {

constexpr std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

using geometry = queue_geometry;

/// The bytes of a slot, so that small messages lie in one cache line with their state.
geometry plan(const queue_request& request) {
  geometry g{};
  g.slots = request.capacity;
  g.payload_bytes = request.message_bytes;
  const std::size_t alignment = std::max<std::size_t>(8, request.message_alignment);
  g.payload_offset = alignment;
  const std::size_t used =
      alignment + (request.variable ? sizeof(std::uint64_t) : 0) + request.message_bytes;
  g.slot_bytes = round_up(used, alignment);
  if (g.slot_bytes <= 64) {
    std::size_t power = 16;
    while (power < g.slot_bytes) power *= 2;
    g.slot_bytes = power;
  }
  g.attempts_max = request.attempts_max;
  return g;
}

queue_layout& layout_of(attachment& self) {
  return *std::launder(reinterpret_cast<queue_layout*>(self.body()));
}

/// Reads the geometry of an existing queue, once, and makes sure that it stays inside.
bool read_geometry(const std::byte* body, std::size_t bytes, geometry& g, bool& variable) {
  if (bytes < sizeof(queue_layout)) return false;
  const auto& q = *reinterpret_cast<const queue_layout*>(body);
  g = {read_once(q.slots), read_once(q.slot_bytes), read_once(q.payload_offset),
       read_once(q.payload_bytes), read_once(q.attempts_max)};
  variable = read_once(q.variable) != 0;
  const std::size_t room = bytes - sizeof(queue_layout);
  const std::size_t prefix = variable ? sizeof(std::uint64_t) : 0;
  // Only differences of what was compared before: no sum of theirs can wrap round.
  return g.slots != 0 && g.slot_bytes >= 16 && g.slot_bytes % 8 == 0 && g.payload_offset >= 8 &&
         g.payload_offset % 8 == 0 && g.payload_offset <= g.slot_bytes &&
         prefix <= g.slot_bytes - g.payload_offset &&
         g.payload_bytes <= g.slot_bytes - g.payload_offset - prefix &&
         g.slots <= room / g.slot_bytes && g.attempts_max < slot_state::attempts_limit;
}

std::string without_suffix(const std::string& name, bool dead) {
  return dead ? name.substr(0, name.size() - dead_suffix.size()) : name;
}

bool names_dead_letters(const std::string& name) {
  return name.size() > dead_suffix.size() && name.ends_with(dead_suffix);
}

}  // namespace

void refuse_size(const queue_core& core, std::size_t bytes) {
  throw make_error(errc::too_large, "push to queue", core.name(),
                   "the message has " + std::to_string(bytes) + " bytes, the queue takes " +
                       std::to_string(core.payload_bytes()) +
                       "; create it with a larger message_bytes_max");
}

void wake_queue(attachment& self) {
  queue_layout& q = layout_of(self);
  q.producers.wake();
  q.consumers.wake();
  std::uint32_t bits = 0;
  if (q.items.wake()) bits |= queue_core::bit_items;
  if (q.space.wake()) bits |= queue_core::bit_space;
  if (q.dead_items.wake()) bits |= queue_core::bit_dead;
  if (bits != 0) self.ring(bits);
}

void reclaim_queue(attachment& self, std::uint32_t dead) {
  queue_layout& q = layout_of(self);
  geometry g;
  bool variable;
  if (!read_geometry(self.body(), self.body_bytes(), g, variable)) return;
  std::byte* const first = self.body() + sizeof(queue_layout);
  std::uint64_t count = 0;
  const std::size_t slots = self.was_holder(dead) ? g.slots : 0;
  for (std::size_t i = 0; i < slots; ++i) {
    auto& state = *reinterpret_cast<std::atomic<std::uint64_t>*>(first + i * g.slot_bytes);
    slot_state was{state.load(std::memory_order_acquire)};
    const bool letter = was.kind() == slot_kind::dead_leased;
    if ((was.kind() != slot_kind::leased && !letter) || was.id() != id_of(dead)) continue;
    if (HAWSER_MUTATE(sweep_keeps_leases, false, true)) continue;
    const bool limited = HAWSER_MUTATE(attempts_unlimited, g.attempts_max != 0, false);
    const bool buried = letter || (limited && was.attempts() >= g.attempts_max);
    const auto now = slot_state::make(buried ? slot_kind::dead : slot_kind::returned,
                                      was.position(), was.attempts());
    // Compare: an ack of a live thread of ours may be under way when it is we who leave.
    if (state.compare_exchange_strong(was.bits, now.bits, std::memory_order_acq_rel))
      ++count;  // E4
  }
  q.reclaimed.fetch_add(count, std::memory_order_relaxed);
  // I3: also for what it did not announce.
  q.returned_seq.fetch_add(HAWSER_MUTATE(sweep_not_announced, 1U, 0U), std::memory_order_release);
  if (HAWSER_MUTATE(dead_locks_stay, true, false)) {
    q.producers.release_dead(dead);
    q.consumers.release_dead(dead);
  }
}

namespace {

constexpr channel_kind_ops queue_ops{channel_kind::queue, "queue", reclaim_queue, wake_queue};

/// `agreed` becomes the geometry that this view was created with, or that it checked: read a
/// second time, it might be another.
attach_request segment_request(const queue_request& request, bool dead, geometry& agreed) {
  attach_request segment;
  segment.name = without_suffix(request.name, dead);
  segment.how = request.how;
  segment.mode = request.mode;
  segment.keep = request.keep;
  segment.type_fingerprint = request.type_fingerprint;
  segment.type_name = request.type_name;
  const auto refuse = [&](errc code, const char* verb, const std::string& reason) {
    throw make_error(code, std::string{verb} + " queue", request.name, reason);
  };
  const geometry g = plan(request);
  if (request.how != opening::open_only) {
    if (dead)
      refuse(errc::bad_name, "create",
             "names that end in \".dead\" are for dead letters; open it with open_only, or "
             "choose another name");
    if (request.capacity == 0)
      refuse(errc::bad_argument, "create", "its capacity is 0; use at least 1");
    if (request.attempts_max >= slot_state::attempts_limit)
      refuse(errc::bad_argument, "create",
             "its attempts_max is above 126; use a smaller one, or 0 for no limit");
    if (request.message_bytes > std::numeric_limits<std::uint32_t>::max() ||
        request.capacity > (std::size_t{1} << 44) / g.slot_bytes)
      refuse(errc::bad_argument, "create",
             "capacity times message size is out of range; use a smaller capacity");
    segment.body_bytes = sizeof(queue_layout) + g.slots * g.slot_bytes;
  }
  segment.initialise = [g, &agreed, variable = request.variable](std::byte* body) {
    agreed = g;
    auto& q = *new (body) queue_layout{};
    q.slots = g.slots;
    q.slot_bytes = g.slot_bytes;
    q.payload_offset = g.payload_offset;
    q.payload_bytes = g.payload_bytes;
    q.attempts_max = g.attempts_max;
    q.variable = variable ? 1 : 0;
    q.tail.store(g.slots, std::memory_order_relaxed);
    q.head.store(g.slots, std::memory_order_relaxed);
  };
  segment.check = [g, &agreed, request, refuse](const std::byte* body, std::size_t bytes) {
    geometry& its = agreed;
    bool variable;
    if (!read_geometry(body, bytes, its, variable))
      refuse(errc::damaged, "open", "its sizes do not fit; remove it and start its creator again");
    if (variable != request.variable || (!variable && (its.payload_bytes != g.payload_bytes ||
                                                       its.payload_offset != g.payload_offset)))
      refuse(errc::type_mismatch, "open", "its messages have another size or alignment");
    if (!variable && its.slot_bytes % its.payload_offset != 0)
      refuse(errc::damaged, "open",
             "its messages are not aligned; remove it and start its creator again");
    if (request.how == opening::open_only) return;
    const auto differs = [&](const char* what, std::size_t has, std::size_t asked) {
      if (has != asked)
        refuse(errc::capacity_mismatch, "open",
               std::string{"its "} + what + " is " + std::to_string(has) + ", not " +
                   std::to_string(asked) + "; use the same options, or open_only");
    };
    differs("capacity", its.slots, g.slots);
    if (variable) differs("message_bytes_max", its.payload_bytes, g.payload_bytes);
    differs("attempts_max", its.attempts_max, g.attempts_max);
  };
  return segment;
}

}  // namespace

queue_core::queue_core(const queue_request& request, queue_geometry g)
    : name_(request.name),
      dead_view_(names_dead_letters(request.name)),
      channel_(queue_ops, segment_request(request, dead_view_, g)),
      body_(&layout_of(channel_)) {
  slots_ = g.slots;
  slot_bytes_ = g.slot_bytes;
  payload_offset_ = g.payload_offset;
  payload_bytes_ = g.payload_bytes;
  attempts_max_ = g.attempts_max;
  first_ = channel_.body() + sizeof(queue_layout);
  held_ = std::make_unique<std::atomic<std::uint32_t>[]>(slots_);
  // Far enough that the other side is not touched, for most of a look's validity.
  outlook_ = slots_ < 64 ? 0 : std::min<std::uint64_t>(slots_ / 4, 256);
  look_every_ = outlook_ / 2;
  mask_ = (slots_ & (slots_ - 1)) == 0 ? slots_ - 1 : 0;
  // More than two lines of a message are fetched as they are copied.
  prefetch_last_ = std::min<std::size_t>(slot_bytes_, 128) - 1;
}

void queue_core::nack(const taken_slot& lease) noexcept {
  const ending under_way{this};
  count_lease(lease, ~0U);
  if (lease.tag != channel_.tag_if_attached()) return;
  const bool letter = lease.was.kind() == slot_kind::dead_leased;
  const bool buried = letter || (attempts_max_ != 0 && lease.was.attempts() >= attempts_max_);
  // E4. Commits.
  lease.state->store(slot_state::make(buried ? slot_kind::dead : slot_kind::returned,
                                      lease.was.position(), lease.was.attempts())
                         .bits,
                     std::memory_order_release);
  body_->returned_seq.fetch_add(HAWSER_MUTATE(nack_not_announced, 1U, 0U),
                                std::memory_order_release);  // I3
  body_->nacked.fetch_add(1, std::memory_order_relaxed);
  if (buried) {
    if (body_->dead_items.wanted()) wake(body_->dead_items, bit_dead);
    if (closed()) after_close(letter);
  } else {
    notify_items();
  }
}

void queue_core::after_close(bool freed_dead_letter) noexcept {
  // Consumers wait for the last lease to end before they report the end.
  notify_items();
  if (freed_dead_letter || body_->dead_items.wanted()) wake(body_->dead_items, bit_dead);
}

void queue_core::close() {
  const std::uint32_t tag = channel_.tag();
  if (!body_->producers.lock(channel_, tag, {})) return;
  body_->closed.store(1, std::memory_order_release);  // E5. Commits.
  body_->producers.unlock();
  HAWSER_MUTATE(close_wakes_nobody, wake_queue(channel_), void());
}

bool queue_core::drained() const noexcept {
  if (!closed()) return false;
  for (std::size_t i = 0; i < slots_; ++i) {
    const slot_state was{state_of(slot(i)).load(std::memory_order_acquire)};
    switch (was.kind()) {
      case slot_kind::free: break;
      case slot_kind::dead:
      case slot_kind::dead_leased:
        if (dead_view_) return false;
        break;
      case slot_kind::staged:
        // Junk of a producer that died inside a batch is no message.
        if (was.is_before(body_->tail.load(std::memory_order_acquire))) return false;
        break;
      default:
        if (HAWSER_MUTATE(closed_while_leased, true, was.kind() != slot_kind::leased)) return false;
    }
  }
  return true;
}

std::size_t queue_core::count_kind(slot_kind kind) const noexcept {
  std::size_t count = 0;
  for (std::size_t i = 0; i < slots_; ++i)
    count += slot_state{state_of(slot(i)).load(std::memory_order_relaxed)}.kind() == kind;
  return count;
}

std::size_t queue_core::size() const noexcept {
  if (dead_view_) return count_kind(slot_kind::dead);
  std::size_t count = 0;
  const std::uint64_t head = body_->head.load(std::memory_order_acquire);
  const std::uint64_t tail = body_->tail.load(std::memory_order_acquire);
  const bool set_aside = body_->returned_seq.load(std::memory_order_acquire) !=
                         body_->returned_done.load(std::memory_order_relaxed);
  const slot_state next{state_of(slot(index_of(head))).load(std::memory_order_relaxed)};
  if (head >= tail && !set_aside && !next.is_at(head)) return 0;
  for (std::size_t i = 0; i < slots_; ++i) {
    const slot_state was{state_of(slot(i)).load(std::memory_order_relaxed)};
    count += was.kind() == slot_kind::full || was.kind() == slot_kind::returned ||
             (was.kind() == slot_kind::staged && was.is_before(tail));
  }
  return count;
}

void queue_core::find_set_aside(came_back& found, std::uint32_t seq, std::uint32_t tag) const {
  const slot_kind wanted = dead_view_ ? slot_kind::dead : slot_kind::returned;
  found.slots.clear();
  for (std::size_t i = 0; i < slots_; ++i) {
    const slot_state was{state_of(slot(i)).load(std::memory_order_acquire)};  // E4
    if (was.kind() == wanted) found.slots.push_back({was.position(), i});
  }
  const std::uint64_t tail = body_->tail.load(std::memory_order_relaxed);
  // By age, the oldest at the back: positions are counted from tail, so a wrap does not matter.
  std::sort(found.slots.begin(), found.slots.end(), [tail](const auto& a, const auto& b) {
    return ((tail - a.position) & slot_state::position_mask) <
           ((tail - b.position) & slot_state::position_mask);
  });
  found.searcher = tag;
  found.seq = seq;
}

bool queue_core::may_have_space() const noexcept {
  const queue_layout& q = *body_;
  if (q.closed.load(std::memory_order_relaxed) != 0) return true;
  const std::uint64_t tail = q.tail.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < slots_; ++i) {  // one turn, unless leases are in the way
    const slot_state next{state_of(slot(index_of(tail + i))).load(std::memory_order_relaxed)};
    if (next.kind() == slot_kind::free || next.is_at(tail + i)) return true;
    if (next.kind() == slot_kind::full) return false;
    if (next.kind() == slot_kind::staged) return !next.is_before(tail);
  }
  return false;
}

void queue_core::let_space_gather() const noexcept {
  const std::size_t enough = std::min<std::size_t>(slots_ / 4, 64);
  if (enough < 2) return;
  const std::uint64_t last = body_->tail.load(std::memory_order_relaxed) + enough - 1;
  const std::atomic<std::uint64_t>& state = state_of(slot(index_of(last)));
  let_gather([&state] {
    return slot_state{state.load(std::memory_order_relaxed)}.kind() == slot_kind::free;
  });
}

queue_core::counts queue_core::counters() const noexcept {
  const queue_layout& q = *body_;
  counts all{};
  all.pushed = q.pushed.load(std::memory_order_relaxed);
  all.delivered = q.delivered.load(std::memory_order_relaxed);
  all.redelivered = q.redelivered.load(std::memory_order_relaxed);
  all.reclaimed = q.reclaimed.load(std::memory_order_relaxed);
  all.waits = q.waits.load(std::memory_order_relaxed);
  // An ack counts nothing: what was handed out and is neither held nor came back, is gone.
  const std::uint64_t others = q.nacked.load(std::memory_order_relaxed) + all.reclaimed +
                               count_kind(slot_kind::leased) + count_kind(slot_kind::dead_leased);
  all.acked = all.delivered > others ? all.delivered - others : 0;
  return all;
}

bool queue_core::holds_leases() const noexcept {
  for (std::size_t i = 0; i < slots_; ++i)
    if (held_[i].load(std::memory_order_acquire) != 0) return true;
  return false;
}

bool visit_messages(const std::byte* body, std::size_t bytes,
                    const std::function<void(std::uint64_t)>& visit) {
  geometry g;
  bool variable;
  if (!read_geometry(body, bytes, g, variable) || variable ||
      g.payload_bytes < sizeof(std::uint64_t))
    return false;
  const auto& q = *reinterpret_cast<const queue_layout*>(body);
  for (std::size_t i = 0; i < g.slots; ++i) {
    const std::byte* const slot = body + sizeof(queue_layout) + i * g.slot_bytes;
    const auto& state = *reinterpret_cast<const std::atomic<std::uint64_t>*>(slot);
    const auto& word =
        *reinterpret_cast<const std::atomic<std::uint64_t>*>(slot + g.payload_offset);
    constexpr int most = 1000;
    for (int looks = 1;; ++looks) {
      const slot_state was{state.load(std::memory_order_acquire)};  // E1, E4
      bool there = was.kind() != slot_kind::free;
      if (was.kind() == slot_kind::staged)
        there = was.is_before(q.tail.load(std::memory_order_acquire));  // E2
      if (HAWSER_MUTATE(leased_not_looked_at, false, was.kind() == slot_kind::leased))
        there = false;
      if (!there) break;
      // Whole, if the slot is the same message's still: its next one begins with another state.
      const std::uint64_t first = word.load(std::memory_order_acquire);
      if (state.load(std::memory_order_relaxed) == was.bits) {
        visit(first);
        break;
      }
      if (looks == most) return false;
    }
  }
  return true;
}

void leave_queue(std::unique_ptr<queue_core> core) noexcept {
  // Leaked, since queues with static storage may end after any static object of ours; emptied
  // when the program ends.
  static auto& mutex = *new std::mutex;
  static auto& waiting = *new std::vector<std::unique_ptr<queue_core>>;
  static const struct at_exit {
    ~at_exit() { waiting.clear(); }
  } last;
  const auto is_unused = [](const auto& it) {
    if (it->holds_leases()) return false;
    wait_for_endings(it.get());
    return true;
  };
  const std::scoped_lock hold{mutex};
  std::erase_if(waiting, is_unused);
  if (is_unused(core)) return;
  try {
    waiting.push_back(std::move(core));
  } catch (...) {
    core.release();  // NOLINT: no memory to remember it; the kernel ends our leases with us
  }
}

bool queue_core::sleep(event_count& event, std::uint32_t key, const deadline& until) {
  body_->waits.fetch_add(1, std::memory_order_relaxed);
  return channel_.sleep(event.word, key, until);
}

std::uint64_t queue_core::async_wait(ready what, std::function<void()> callback) {
  const bool reads = what == ready::readable;
  event_count& event = !reads ? body_->space : dead_view_ ? body_->dead_items : body_->items;
  const std::uint32_t bit = !reads ? bit_space : dead_view_ ? bit_dead : bit_items;
  return add_async_wait(
      {&channel_, bit, [&event] { event.announce(event_count::armed); },
       [this, reads] { return reads ? size() != 0 || drained() : may_have_space(); },
       std::move(callback)});
}

}  // namespace hawser::shm::detail
