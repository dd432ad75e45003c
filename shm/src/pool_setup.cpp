// Creating, opening and checking a pool: the half of `pool_core` that runs once, and its routes.

#include <hawser/shm/detail/pool_core.hpp>
#include <hawser/shm/detail/read_once.hpp>
#include <hawser/shm/error.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

namespace hawser::shm::detail {
namespace {

constexpr std::uint64_t page = 4096, line = 64;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

pool_layout& layout_of(attachment& self) {
  return *std::launder(reinterpret_cast<pool_layout*>(self.body()));
}

/// Where the chunks begin, from the body's beginning: on a page of the file.
constexpr std::uint64_t data_begin(std::uint64_t references) {
  return round_up(body_offset + sizeof(pool_layout) + references * sizeof(pool_reference), page) -
         body_offset;
}

/// What a creator's options come to; its end in `bytes`.
pool_geometry plan(const pool_request& request, std::uint64_t& bytes) {
  const auto refuse = [&](const std::string& reason) {
    throw make_error(errc::bad_argument, "create payload pool", request.name, reason);
  };
  pool_geometry all;
  std::vector<pool_class> classes = request.classes;
  std::sort(classes.begin(), classes.end(),
            [](const pool_class& a, const pool_class& b) { return a.bytes < b.bytes; });
  if (classes.size() > pool_classes_max) refuse("it has more than 8 classes; use fewer");
  if (request.large > pool_large_max) refuse("its large is above 64; use fewer");
  if (request.large_kept_bytes > large_stride)
    refuse("its large_kept_bytes is above 1 TiB; use less");
  std::uint64_t chunks = 0;
  for (const pool_class& c : classes) {
    if (c.bytes == 0 || c.chunks == 0) refuse("a class has 0 bytes or 0 chunks; use at least 1");
    if (c.bytes > large_stride / 2 || c.chunks > pool_references_max ||
        c.chunks > large_stride / 2 / c.bytes)
      refuse("its classes are out of range; use fewer or smaller chunks");
    if (all.classes != 0 && all.of_class[all.classes - 1].bytes == c.bytes)
      refuse("two classes have " + std::to_string(c.bytes) + " bytes; make them one");
    all.first[all.classes] = static_cast<std::uint32_t>(chunks);
    all.of_class[all.classes++] = c;
    chunks += c.chunks;
  }
  const std::uint64_t references = chunks + request.large + request.references;
  if (chunks + request.large == 0) refuse("it has no chunks; give it a class");
  if (request.references > pool_references_max || references > pool_references_max)
    refuse("chunks and references are more than 1048576 together; use fewer");
  all.chunks = static_cast<std::uint32_t>(chunks);
  all.large = static_cast<std::uint32_t>(request.large);
  all.large_kept = static_cast<std::uint32_t>(request.large_kept_bytes / page);
  all.extras = static_cast<std::uint32_t>(request.references);
  bytes = data_begin(references);
  for (std::uint32_t c = 0; c < all.classes; ++c) {
    pool_class& a_class = all.of_class[c];
    a_class.stride = round_up(a_class.bytes, line);
    a_class.data = bytes;
    bytes += a_class.stride * a_class.chunks;
  }
  bytes = round_up(body_offset + bytes, page) - body_offset;
  if (bytes > large_stride / 2) refuse("it is larger than 512 GiB; use fewer or smaller chunks");
  return all;
}

attach_request segment_request(const pool_request& request) {
  attach_request segment;
  segment.name = request.name;
  segment.how = request.how;
  segment.mode = request.mode;
  segment.keep = request.keep;
  segment.type_name = "payload pool";
  std::uint64_t bytes = 0;
  pool_geometry all;
  if (request.how != opening::open_only) all = plan(request, bytes);
  segment.body_bytes = bytes;
  segment.initialise = [all](std::byte* body) {
    auto& pool = *new (body) pool_layout{};
    pool.classes = all.classes;
    pool.large = all.large;
    pool.large_kept = all.large_kept;
    pool.extras = all.extras;
    pool.of_class = all.of_class;
  };
  segment.check = [all, how = request.how, name = request.name](const std::byte* body,
                                                                std::size_t size) {
    pool_geometry its;
    if (!its.read(body, size))
      throw make_error(errc::damaged, "open payload pool", name,
                       "its sizes do not fit; remove it and start its creator again");
    if (how == opening::open_only) return;
    const auto same = [](const pool_class& a, const pool_class& b) {
      return a.bytes == b.bytes && a.chunks == b.chunks;
    };
    if (its.extras != all.extras || its.large != all.large || its.large_kept != all.large_kept ||
        its.classes != all.classes ||
        !std::equal(all.of_class.begin(), all.of_class.begin() + all.classes, its.of_class.begin(),
                    same))
      throw make_error(errc::capacity_mismatch, "open payload pool", name,
                       "its classes or references are others; use the same options, or open_only");
  };
  return segment;
}

void reclaim_pool(attachment& self, std::uint32_t dead) {
  pool_geometry all;
  if (!all.read(self.body(), self.body_bytes())) return;
  pool_layout& pool = layout_of(self);
  collect_payloads(self, all, self.was_holder(dead) ? dead : 0, looking::all_pipes);
  pool.users[id_of(dead)].store(0, std::memory_order_relaxed);
  pool.lock.release_dead(dead);
}

void wake_pool(attachment& self) {
  pool_layout& pool = layout_of(self);
  pool.lock.wake();
  if (pool.space.wake()) self.ring(pool_core::bit_space);
}

}  // namespace

const channel_kind_ops pool_ops{channel_kind::payload_pool, "payload pool", reclaim_pool,
                                wake_pool};

bool pool_geometry::read(const std::byte* body, std::size_t bytes) {
  if (bytes < sizeof(pool_layout)) return false;
  const auto& pool = *reinterpret_cast<const pool_layout*>(body);
  *this = {};
  classes = read_once(pool.classes);
  large = read_once(pool.large);
  large_kept = read_once(pool.large_kept);
  extras = read_once(pool.extras);
  for (std::uint32_t c = 0; c < pool_classes_max; ++c)
    of_class[c] = {read_once(pool.of_class[c].bytes), read_once(pool.of_class[c].stride),
                   read_once(pool.of_class[c].chunks), read_once(pool.of_class[c].data)};
  if (classes > pool_classes_max || large > pool_large_max || extras > pool_references_max)
    return false;
  std::uint64_t sum = 0;
  for (std::uint32_t c = 0; c < classes; ++c) {
    const pool_class& a_class = of_class[c];
    if (a_class.bytes == 0 || a_class.chunks == 0 || a_class.chunks > pool_references_max ||
        a_class.stride < a_class.bytes || a_class.data > bytes ||
        a_class.chunks > (bytes - a_class.data) / a_class.stride ||
        (c != 0 && a_class.bytes <= of_class[c - 1].bytes))
      return false;
    first[c] = static_cast<std::uint32_t>(sum);
    sum += a_class.chunks;
  }
  if (sum + large == 0 || sum + large + extras > pool_references_max) return false;
  chunks = static_cast<std::uint32_t>(sum);
  const std::uint64_t begin = data_begin(references());
  return begin <= bytes && std::all_of(of_class.begin(), of_class.begin() + classes,
                                       [&](const pool_class& c) { return c.data >= begin; });
}

pool_core::pool_core(const pool_request& request)
    : name_(request.name),
      read_only_(request.read_only),
      channel_(pool_ops, segment_request(request)),
      body_(&layout_of(channel_)),
      words_(channel_.body(), all_) {
  if (!all_.read(channel_.body(), channel_.body_bytes()))
    throw make_error(errc::damaged, "open payload pool", name_,
                     "its sizes changed while it was opened");
  named_.resize(all_.homes() / 64 + 1);
  data_ =
      read_only_ ? const_cast<std::byte*>(channel_.map_read_only()) : channel_.body();  // NOLINT
  // The sweep on our way in gave no pages back: it had no name yet to own a chunk by.
  if (HAWSER_MUTATE(sweep_keeps_pages, true, false))
    for (std::uint32_t chunk = all_.chunks; chunk < all_.homes(); ++chunk)
      trim_large(channel_, all_, chunk, all_.large_kept);
}

std::uint64_t pool_core::stamp() noexcept {
  return channel_.layout().header.created_ns ^ channel_.inode() << 40;
}

void pool_core::mark(std::uint32_t tag) {
  // Said before anything is held or sent; a fork says it again for itself.
  HAWSER_MUTATE(pool_holder_not_marked, channel_.mark_holder(tag), void());
  body_->users[id_of(tag)].store(open_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  marked_.store(tag, std::memory_order_release);
}

std::uint32_t pool_core::open_route(attachment& channel) {
  const std::uint32_t tag = own_tag();
  const std::uint64_t inode = channel.inode(), created = channel.layout().header.created_ns;
  body_->lock.lock(channel_, tag, {});
  const lock_holder unlock_at_end{body_->lock};
  std::uint32_t route = 0, unused = 0;
  for (std::uint32_t k = pool_routes - 1; k > 0; --k) {
    const pool_route& here = body_->routes[k];
    const std::uint64_t its = here.inode.load(std::memory_order_relaxed);
    if (its == inode && here.created_ns == created) route = k;
    if (its == 0) unused = k;
  }
  if (route == 0 && unused == 0) {
    // I5: one that nobody has open and nothing moves on.
    std::uint64_t busy = 1;
    for (const auto& user : body_->users) busy |= user.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < all_.references(); ++i) {
      const reference_word was{words_[i].word.load(std::memory_order_relaxed)};
      if (was.kind() == reference_kind::moving) busy |= std::uint64_t{1} << was.route();
    }
    for (std::uint32_t k = 1; k < pool_routes && unused == 0; ++k)
      if ((busy >> k & 1) == 0) unused = k;
    if (unused == 0)
      throw make_error(errc::no_resources, "use payload pool", name_,
                       "63 channels carry its payloads already; close some of them");
  }
  if (route == 0) {
    route = unused;
    pool_route& here = body_->routes[route];
    here.inode.store(0, std::memory_order_release);
    here.created_ns = created;
    here.kind = channel.layout().header.kind;
    here.file = {};
    const std::string file = channel.file_name();
    std::copy_n(file.data(), std::min(file.size(), here.file.size() - 1), here.file.data());
  }
  // Before the entry stands: who dies in between leaves an entry at most.
  ++opened_[route];
  const std::uint64_t open = open_.load(std::memory_order_relaxed) | std::uint64_t{1} << route;
  open_.store(open, std::memory_order_relaxed);
  body_->users[id_of(tag)].store(open, std::memory_order_relaxed);
  body_->routes[route].inode.store(inode, std::memory_order_release);  // E3
  return route;
}

void pool_core::close_route(std::uint32_t route) noexcept {
  const std::uint32_t tag = channel_.tag_if_attached();
  // A fork that never used the pool has nothing on the route.
  if (tag == 0 || tag != marked_.load(std::memory_order_relaxed)) return;
  body_->lock.lock(channel_, tag, {});
  {
    const lock_holder unlock_at_end{body_->lock};
    const bool last = --opened_[route] == 0;
    for (std::uint32_t i = 0; last && i < all_.references(); ++i) {
      auto& word = words_[i].word;
      reference_word was{word.load(std::memory_order_relaxed)};
      if (was.kind() != reference_kind::moving || was.id() != id_of(tag) || was.route() != route)
        continue;
      // What we sent lies there on its own from now on. Compare: it may be taken just now.
      const auto now =
          reference_word::make(reference_kind::moving, was.chunk(), was.generation(), 0, route);
      word.compare_exchange_strong(was.bits, now.bits, std::memory_order_acq_rel);
    }
    std::uint64_t open = open_.load(std::memory_order_relaxed);
    if (last) open &= ~(std::uint64_t{1} << route);
    open_.store(open, std::memory_order_relaxed);
    body_->users[id_of(tag)].store(open, std::memory_order_relaxed);
  }
  collect();  // if we were the channel's last, or an end of a pipe
}

}  // namespace hawser::shm::detail
