#include <hawser/shm/detail/message_io.hpp>
#include <hawser/shm/detail/read_once.hpp>
#include <hawser/shm/detail/topic_protocol.hpp>
#include <hawser/shm/error.hpp>

#include <limits>
#include <new>

namespace hawser::shm::detail {

namespace {

constexpr std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

using geometry = topic_geometry;

/// The bytes of a slot, so that small messages lie in one cache line with their state.
geometry plan(const topic_request& request) {
  const std::size_t alignment = std::max<std::size_t>(8, request.message_alignment);
  const std::size_t used =
      alignment + (request.variable ? sizeof(std::uint64_t) : 0) + request.message_bytes;
  geometry g{request.capacity, round_up(used, alignment), alignment, request.message_bytes};
  if (g.slot_bytes <= 64) {
    std::size_t power = 16;
    while (power < g.slot_bytes) power *= 2;
    g.slot_bytes = power;
  }
  return g;
}

topic_layout& layout_of(attachment& self) {
  return *std::launder(reinterpret_cast<topic_layout*>(self.body()));
}

/// Reads the geometry of an existing topic, once, and makes sure that it stays inside.
bool read_geometry(const std::byte* body, std::size_t bytes, geometry& g, bool& variable) {
  if (bytes < sizeof(topic_layout)) return false;
  const auto& t = *reinterpret_cast<const topic_layout*>(body);
  g = {read_once(t.slots), read_once(t.slot_bytes), read_once(t.payload_offset),
       read_once(t.payload_bytes)};
  variable = read_once(t.variable) != 0;
  const std::size_t room = bytes - sizeof(topic_layout);
  const std::size_t prefix = variable ? sizeof(std::uint64_t) : 0;
  return g.slots != 0 && g.slot_bytes >= 16 && g.slot_bytes % 8 == 0 && g.payload_offset >= 8 &&
         g.payload_offset % 8 == 0 && g.payload_offset <= g.slot_bytes &&
         g.payload_bytes <= g.slot_bytes - g.payload_offset &&
         prefix <= g.slot_bytes - g.payload_offset - g.payload_bytes &&
         g.slots <= room / g.slot_bytes;
}

void reclaim_topic(attachment& self, std::uint32_t dead) {
  topic_layout& t = layout_of(self);
  // E4 release: for one that leaves; a dead one's reads are over.
  if (HAWSER_MUTATE(sweep_keeps_row, true, false))
    t.rows[id_of(dead)].kind.store(row_kind::none, std::memory_order_release);
  if (HAWSER_MUTATE(dead_locks_stay, true, false)) t.publishers.release_dead(dead);
}

void wake_topic(attachment& self) {
  topic_layout& t = layout_of(self);
  t.publishers.wake();
  std::uint32_t bits = 0;
  if (t.items.wake()) bits |= topic_ring::bit_items;
  if (t.space.wake()) bits |= topic_ring::bit_space;
  if (bits != 0) self.ring(bits);
}

constexpr channel_kind_ops topic_ops{channel_kind::topic, "topic", reclaim_topic, wake_topic};

/// `agreed` becomes the geometry that this view was created with, or that it checked: read a
/// second time, it might be another.
attach_request segment_request(const topic_request& request, geometry& agreed) {
  attach_request segment;
  segment.name = request.name;
  segment.how = request.how;
  segment.mode = request.mode;
  segment.keep = request.keep;
  segment.type_fingerprint = request.type_fingerprint;
  segment.type_name = request.type_name;
  const auto refuse = [name = request.name](errc code, const char* verb,
                                            const std::string& reason) {
    throw make_error(code, std::string{verb} + " topic", name, reason);
  };
  const geometry g = plan(request);
  if (request.how != opening::open_only) {
    if (request.capacity == 0)
      refuse(errc::bad_argument, "create", "its capacity is 0; use at least 1");
    if (request.message_bytes > std::numeric_limits<std::uint32_t>::max() ||
        request.capacity > (std::size_t{1} << 44) / g.slot_bytes)
      refuse(errc::bad_argument, "create",
             "capacity times message size is out of range; use a smaller capacity");
    segment.body_bytes = sizeof(topic_layout) + g.slots * g.slot_bytes;
  }
  segment.initialise = [g, &agreed, variable = request.variable](std::byte* body) {
    agreed = g;
    auto& t = *new (body) topic_layout{};
    t.slots = g.slots;
    t.slot_bytes = g.slot_bytes;
    t.payload_offset = g.payload_offset;
    t.payload_bytes = g.payload_bytes;
    t.variable = variable ? 1 : 0;
    t.tail.store(g.slots, std::memory_order_relaxed);
    t.gate.store(UINT64_MAX, std::memory_order_relaxed);
  };
  segment.check = [g, &agreed, request, refuse](const std::byte* body, std::size_t bytes) {
    geometry& its = agreed;
    bool variable;
    if (!read_geometry(body, bytes, its, variable))
      refuse(errc::damaged, "open", "its sizes do not fit; remove it and start its creator again");
    if (variable != request.variable ||
        (!variable && (its.payload_bytes != g.payload_bytes ||
                       its.payload_offset != g.payload_offset || its.slot_bytes != g.slot_bytes)))
      refuse(errc::type_mismatch, "open", "its messages have another size or alignment");
    if (request.how == opening::open_only) return;
    const auto differs = [&](const char* what, std::size_t has, std::size_t asked) {
      if (has != asked)
        refuse(errc::capacity_mismatch, "open",
               std::string{"its "} + what + " is " + std::to_string(has) + ", not " +
                   std::to_string(asked) + "; use the same options, or open_only");
    };
    differs("capacity", its.slots, g.slots);
    if (variable) differs("message_bytes_max", its.payload_bytes, g.payload_bytes);
  };
  return segment;
}

std::int64_t now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now().time_since_epoch())
      .count();
}

}  // namespace

topic_ring::topic_ring(const topic_request& request, topic_geometry g)
    : channel_(topic_ops, segment_request(request, g)), body_(&layout_of(channel_)) {
  slots_ = g.slots;
  slot_bytes_ = g.slot_bytes;
  payload_offset_ = g.payload_offset;
  payload_bytes_ = g.payload_bytes;
  first_ = channel_.body() + sizeof(topic_layout);
  mask_ = (slots_ & (slots_ - 1)) == 0 ? slots_ - 1 : 0;
  prefetch_last_ = std::min<std::size_t>(slot_bytes_, 128) - 1;
}

bool topic_ring::sleep(event_count& event, std::uint32_t key, const deadline& until) {
  body_->waits.fetch_add(1, std::memory_order_relaxed);
  return channel_.sleep(event.word, key, until);
}

void topic_core::close() {
  const std::uint32_t tag = channel_.tag();
  if (!body_->publishers.lock(channel_, tag, {})) return;
  body_->closed.store(1, std::memory_order_release);  // E5. Commits.
  body_->publishers.unlock();
  HAWSER_MUTATE(topic_close_wakes_nobody, wake_topic(channel_), void());
}

std::uint32_t topic_core::highest_row() noexcept {
  return std::min(channel_.layout().header.highest_id.load(std::memory_order_acquire),
                  participants_max);
}

std::size_t topic_core::subscribers() noexcept {
  std::size_t count = 0;
  for (std::uint32_t id = 1; id <= highest_row(); ++id)
    count += body_->rows[id].kind.load(std::memory_order_relaxed) != row_kind::none;
  return count;
}

topic_core::view_of_rows topic_core::look_at_rows(std::uint64_t tail) {
  view_of_rows view{never, INT64_MAX};
  for (std::uint32_t id = 1, highest = highest_row(); id <= highest; ++id) {
    subscriber_row& row = body_->rows[id];
    if (row.kind.load(std::memory_order_acquire) != row_kind::lossless) continue;  // E4
    // Bounded: what stands there may be damaged. I3: no cursor is above a settled tail.
    const std::uint64_t cursor = std::min(row.cursor.load(std::memory_order_acquire), tail);  // E3
    const std::uint64_t limit =
        std::clamp<std::uint64_t>(row.limit.load(std::memory_order_relaxed), 1, slots_);
    // Before it is compared: everybody's patience runs, not only the slowest one's.
    if (cursor + limit <= tail && cuts(row, cursor, view.cut_at_ns)) continue;
    if (cursor + limit >= view.gate) continue;
    view.gate = cursor + limit;
    slowest_.store(id, std::memory_order_relaxed);
  }
  body_->gate.store(view.gate, std::memory_order_relaxed);  // I1
  return view;
}

bool topic_core::cuts(subscriber_row& row, std::uint64_t cursor, std::int64_t& cut_at_ns) {
  const std::int64_t patience_ns = row.patience_ns.load(std::memory_order_relaxed);
  if (patience_ns < 0) return false;
  const std::int64_t now = now_ns();
  std::int64_t since = row.stuck_since_ns.load(std::memory_order_relaxed);
  // A time to come is another boot's or namespace's; one before time itself is damage.
  if (row.stuck_at.load(std::memory_order_relaxed) != cursor || since > now || since < 0) {
    since = now;
    row.stuck_since_ns.store(now, std::memory_order_relaxed);
    row.stuck_at.store(cursor, std::memory_order_relaxed);
  }
  if (now - since < patience_ns) {
    const bool far = patience_ns > INT64_MAX - since;
    cut_at_ns = std::min(cut_at_ns, far ? INT64_MAX : since + patience_ns);
    return false;
  }
  // Commits. Compare: a sweep may take the row away meanwhile, without the lock.
  row_kind lossless = row_kind::lossless;
  if (HAWSER_MUTATE(nobody_is_cut_off, false, true)) return false;
  if (row.kind.compare_exchange_strong(lossless, row_kind::cut, std::memory_order_acq_rel))
    body_->cut_off.store(body_->cut_off.load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
  return true;
}

bool topic_core::may_have_space() noexcept {
  if (closed()) return true;
  const std::uint64_t tail = body_->tail.load(std::memory_order_relaxed);
  for (std::uint32_t id = 1, highest = highest_row(); id <= highest; ++id) {
    const subscriber_row& row = body_->rows[id];
    const std::uint64_t cursor = row.cursor.load(std::memory_order_relaxed);
    if (row.kind.load(std::memory_order_relaxed) != row_kind::lossless ||
        cursor + row.limit.load(std::memory_order_relaxed) > tail)
      continue;
    // In the way, unless the next try is to cut it off.
    const std::int64_t patience_ns = row.patience_ns.load(std::memory_order_relaxed);
    const std::int64_t since = row.stuck_since_ns.load(std::memory_order_relaxed);
    if (patience_ns < 0 || row.stuck_at.load(std::memory_order_relaxed) != cursor || since < 0 ||
        now_ns() - since < patience_ns)
      return false;
  }
  return true;
}

bool topic_core::slowest_has_moved(std::uint64_t by) const noexcept {
  const subscriber_row& row = body_->rows[slowest_.load(std::memory_order_relaxed)];
  return row.kind.load(std::memory_order_relaxed) != row_kind::lossless ||
         row.cursor.load(std::memory_order_relaxed) + row.limit.load(std::memory_order_relaxed) >=
             body_->tail.load(std::memory_order_relaxed) + by ||
         body_->closed.load(std::memory_order_relaxed) != 0;
}

void topic_core::let_space_gather() const noexcept {
  const subscriber_row& row = body_->rows[slowest_.load(std::memory_order_relaxed)];
  const std::uint64_t enough =
      std::min<std::uint64_t>(row.limit.load(std::memory_order_relaxed) / 4, 64);
  let_gather([this, enough] { return slowest_has_moved(enough); });
}

deadline topic_core::earlier(const deadline& until, std::int64_t cut_at_ns) {
  if (cut_at_ns == INT64_MAX) return until;
  const clock::time_point cut_at{
      std::chrono::duration_cast<clock::duration>(std::chrono::nanoseconds{cut_at_ns})};
  return until ? std::min(*until, cut_at) : cut_at;
}

std::uint64_t topic_core::await_writable(std::function<void()> callback) {
  return add_async_wait({&channel_, bit_space,
                         [this] { body_->space.announce(event_count::armed); },
                         [this] { return may_have_space(); }, std::move(callback)});
}

}  // namespace hawser::shm::detail
