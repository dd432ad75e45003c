// Creating, opening and checking a pipe, taking its ends, and what a sweep does to it: the half of
// `pipe_core` that runs once.

#include <hawser/shm/detail/pipe_core.hpp>
#include <hawser/shm/error.hpp>
#include <hawser/shm/segment.hpp>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <new>
#include <optional>

#include <sys/random.h>
#include <unistd.h>

namespace hawser::shm::detail {

namespace {

/// The tag that the first participant of a segment gets: row 1, first generation. The creator is
/// that, since it holds the gate until it is attached.
constexpr std::uint32_t creators_tag = 1U << 8 | 1U;

pipe_layout& layout_of(attachment& self) {
  return *std::launder(reinterpret_cast<pipe_layout*>(self.body()));
}

std::optional<pipe_geometry> read_geometry(const std::byte* body, std::size_t bytes) {
  if (bytes < sizeof(pipe_layout)) return std::nullopt;
  return pipe_geometry::of(*reinterpret_cast<const pipe_layout*>(body), bytes);
}

}  // namespace

std::string unguessable_name() {
  std::uint64_t random[2] = {};
  while (getrandom(random, sizeof random, 0) != sizeof random) {
  }
  char text[40];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(random[0]),
                static_cast<unsigned long long>(random[1]));
  return "pipe." + std::to_string(getpid()) + "." + text;
}

void reclaim_pipe(attachment& self, std::uint32_t dead) {
  pipe_layout& p = layout_of(self);
  for (auto& end : p.ends) {
    std::uint32_t owner = dead;
    if (HAWSER_MUTATE(sweep_keeps_end, true, false))
      end.compare_exchange_strong(owner, end_gone, std::memory_order_release,  // E3
                                  std::memory_order_relaxed);
  }
}

void wake_pipe(attachment& self) {
  pipe_layout& p = layout_of(self);
  std::uint32_t bits = 0;
  for (unsigned end = 0; end < 2; ++end) {
    if (p.gate[end].data.wake()) bits |= pipe_core::data_bit(end);
    if (p.gate[end].space.wake()) bits |= pipe_core::space_bit(end);
  }
  if (bits != 0) self.ring(bits);
}

namespace {

constexpr channel_kind_ops pipe_ops{channel_kind::pipe, "pipe", reclaim_pipe, wake_pipe};

[[noreturn]] void refuse_third(const std::string& name) {
  throw make_error(errc::too_many_participants, "open pipe", name,
                   "both of its ends were taken; a pipe connects two objects, once: create "
                   "another one");
}

attach_request segment_request(const pipe_request& request, bool& created) {
  attach_request segment;
  segment.name = request.name;
  segment.how = request.how;
  segment.mode = request.mode;
  segment.type_fingerprint = request.type_fingerprint;
  segment.type_name = request.type_name;
  segment.swept = request.swept;
  const auto refuse = [name = request.name](errc code, const char* verb, const std::string& why) {
    throw make_error(code, std::string{verb} + " pipe", name, why);
  };
  std::size_t ring_bytes = pipe_ring_min;
  if (request.how != opening::open_only) {
    if (request.ring_bytes > pipe_ring_max)
      refuse(errc::bad_argument, "create", "more than 4 GiB in each direction; use fewer bytes");
    if (request.message_bytes_max == 0)
      refuse(errc::bad_argument, "create", "message_bytes_max is 0; use at least 1");
    ring_bytes = std::bit_ceil(std::max(request.ring_bytes, pipe_ring_min));
    segment.body_bytes = sizeof(pipe_layout) + 2 * ring_bytes;
  }
  // One of the two is called last, and for the segment that we are attached to.
  segment.initialise = [&created, request, ring_bytes](std::byte* body) {
    created = true;
    auto& p = *new (body) pipe_layout{};
    p.ring_bytes = ring_bytes;
    p.message_bytes_max = request.message_bytes_max;
    p.nameless = request.nameless ? 1 : 0;
    p.ends[0].store(creators_tag, std::memory_order_relaxed);  // I3
  };
  segment.check = [&created, request, ring_bytes, refuse](const std::byte* body,
                                                          std::size_t bytes) {
    created = false;
    const auto its = read_geometry(body, bytes);
    if (!its)
      refuse(errc::damaged, "open", "its sizes do not fit; remove it and start its creator again");
    if (reinterpret_cast<const pipe_layout*>(body)->ends[1].load(std::memory_order_relaxed) !=
        end_free)
      refuse_third(request.name);
    if (request.how == opening::open_only) return;
    const auto differs = [&](const char* what, std::size_t has, std::size_t asked) {
      if (has != asked)
        refuse(errc::capacity_mismatch, "open",
               std::string{"its "} + what + " is " + std::to_string(has) + ", not " +
                   std::to_string(asked) + "; use the same options, or open_only");
    };
    differs("ring", its->ring_bytes, ring_bytes);
    differs("message_bytes_max", its->message_bytes_max, request.message_bytes_max);
  };
  return segment;
}

std::size_t checked_ring_bytes(attachment& channel, const std::string& name) {
  const auto its = read_geometry(channel.body(), channel.body_bytes());
  if (!its)
    throw make_error(errc::damaged, "open pipe", name, "its sizes changed while it was opened");
  return its->ring_bytes;
}

}  // namespace

pipe_core::pipe_core(const pipe_request& request)
    : name_(request.name),
      channel_(pipe_ops, segment_request(request, created_)),
      body_(&layout_of(channel_)),
      ring_bytes_(checked_ring_bytes(channel_, name_)),
      part_bytes_(detail::part_bytes(ring_bytes_)),
      message_bytes_max_(body_->message_bytes_max),
      me_(created_ ? 0 : 1),
      other_(1 - me_),
      in_(&body_->gate[me_]),
      out_(&body_->gate[other_]),
      sender_(body_->to[other_], ring(other_), ring_bytes_, name_),
      receiver_(body_->to[me_], ring(me_), ring_bytes_, name_) {
  take_an_end();
}

std::byte* pipe_core::ring(unsigned end) const noexcept {
  return reinterpret_cast<std::byte*>(body_) + sizeof(pipe_layout) + end * ring_bytes_;
}

void pipe_core::take_an_end() {
  const std::uint32_t mine = channel_.tag_if_attached();
  if (!created_) {
    std::uint32_t free = end_free;
    if (!body_->ends[1].compare_exchange_strong(free, mine, std::memory_order_acq_rel))
      refuse_third(name_);
  }
  // Who waits for its peer was woken by our attaching, and has looked too early.
  HAWSER_MUTATE(taking_an_end_wakes_nobody, wake_pipe(channel_), void());
  if (!created_) remove_name();
}

void pipe_core::remove_name() noexcept {
  if (body_->nameless == 0) return;
  try {
    remove(name_);  // both ends do so, and nobody else knows the name
  } catch (...) {
    // Then the last one that leaves removes it.
  }
}

}  // namespace hawser::shm::detail
