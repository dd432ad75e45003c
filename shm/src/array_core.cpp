#include <hawser/shm/detail/array_core.hpp>
#include <hawser/shm/error.hpp>

#include <limits>
#include <new>
#include <optional>

namespace hawser::shm::detail {
namespace {

array_part& part_at(std::byte* body, const array_geometry& g, std::size_t index) {
  return *reinterpret_cast<array_part*>(body + sizeof(array_layout) + index * g.part_bytes);
}

std::optional<array_geometry> read_geometry(const std::byte* body, std::size_t bytes) {
  if (bytes < sizeof(array_layout)) return std::nullopt;
  return array_geometry::of(*std::launder(reinterpret_cast<const array_layout*>(body)), bytes);
}

/// Copies a dead participant's committed journal into place. What does not fit is damage: dropped.
void redo(std::byte* body, const array_geometry& g, std::size_t index, std::uint32_t dead) {
  array_part& part = part_at(body, g, index);
  const std::uint64_t first = part.first.load(std::memory_order_relaxed);
  const std::uint64_t count = part.count.load(std::memory_order_relaxed);
  if (count == 0 || count > g.journal_elements() || first >= g.elements ||
      count > g.elements - first || g.part_of(first) != index)
    return;
  for (std::size_t also = g.part_of(first + count - 1); also > index; --also)
    if (part_at(body, g, also).lock.owner.load(std::memory_order_relaxed) != dead) return;  // I1
  std::memcpy(body + g.data_offset + first * g.element_bytes,
              reinterpret_cast<const std::byte*>(&part + 1), count * g.element_bytes);
}

void reclaim_array(attachment& self, std::uint32_t dead) {
  const auto g = read_geometry(self.body(), self.body_bytes());
  if (!g || !self.was_holder(dead)) return;  // I4
  const auto is_its = [&](array_part& part) {
    return part.lock.owner.load(std::memory_order_acquire) == dead;
  };
  // I2: every journal first, then the locks.
  if (HAWSER_MUTATE(array_locks_freed_first, false, true))
    for (std::size_t i = g->parts; i-- > 1;) part_at(self.body(), *g, i).lock.release_dead(dead);
  for (std::size_t i = 0; i < g->parts; ++i) {
    array_part& part = part_at(self.body(), *g, i);
    if (!is_its(part) || part.committed.load(std::memory_order_acquire) == 0) continue;  // E2
    HAWSER_MUTATE(array_redo_emptied_first, void(), part.committed.store(0));
    HAWSER_MUTATE(array_not_redone, redo(self.body(), *g, i, dead), void());
    part.committed.store(0, std::memory_order_release);
  }
  for (std::size_t i = 0; i < g->parts; ++i) {
    array_part& part = part_at(self.body(), *g, i);
    if (!is_its(part)) continue;
    if (part.in_hand.load(std::memory_order_relaxed) != 0) {
      // In this order: if we die in between, the next sweeper finds it in hand still.
      part.owner_died.store(HAWSER_MUTATE(array_death_not_told, 1U, 0U), std::memory_order_relaxed);
      part.in_hand.store(0, std::memory_order_relaxed);
    }
    if (HAWSER_MUTATE(dead_locks_stay, true, false)) part.lock.release_dead(dead);
  }
}

void wake_array(attachment& self) {
  const auto g = read_geometry(self.body(), self.body_bytes());
  if (!g) return;
  // Also where nobody seems to sleep: the dead one may have cleared that, and have died before it
  // woke them.
  for (std::size_t i = 0; i < g->parts; ++i) part_at(self.body(), *g, i).lock.wake();
}

constexpr channel_kind_ops array_ops{channel_kind::array, "array", reclaim_array, wake_array};

array_geometry plan(const array_request& request) {
  const auto refuse = [&](const std::string& reason) {
    throw make_error(errc::bad_argument, "create array", request.name, reason);
  };
  if (request.elements == 0) refuse("it has no elements; use at least 1");
  if (request.elements > (std::size_t{1} << 62) / request.element_bytes)
    refuse("its size is out of range; use fewer elements");
  if (request.parts == 0 || request.parts > request.elements || request.parts > array_parts_max)
    refuse("it has " + std::to_string(request.parts) +
           " ranges; use at least 1, at most as many as elements and 65536");
  constexpr std::size_t usual_bytes = 4096;
  const std::size_t wish = request.journal_elements != 0
                               ? request.journal_elements
                               : std::max<std::size_t>(1, usual_bytes / request.element_bytes);
  const std::size_t journal = std::min(wish, request.elements);
  if (journal * request.element_bytes > (std::size_t{1} << 61) / request.parts)
    refuse("update_elements_max times ranges is out of range; use smaller ones");
  return array_geometry::plan(request.elements, request.element_bytes, request.parts, journal);
}

/// `agreed` becomes the geometry that this view was created with, or that it checked: read a
/// second time, it might be another.
attach_request segment_request(const array_request& request, array_geometry& agreed) {
  attach_request segment;
  segment.name = request.name;
  segment.file = request.file;
  segment.how = request.how;
  segment.mode = request.mode;
  segment.keep = request.keep;
  segment.type_fingerprint = request.type_fingerprint;
  segment.type_name = request.type_name;
  const array_geometry wanted =
      request.how != opening::open_only ? plan(request) : array_geometry{};
  segment.body_bytes = wanted.body_bytes();
  segment.initialise = [wanted, &agreed](std::byte* body) {
    agreed = wanted;
    auto& a = *new (body) array_layout{};
    a.elements = wanted.elements;
    a.element_bytes = wanted.element_bytes;
    a.parts = wanted.parts;
    a.journal_bytes = wanted.journal_bytes;
    a.part_bytes = wanted.part_bytes;
    a.data_offset = wanted.data_offset;
  };
  segment.check = [&request, wanted, &agreed](const std::byte* body, std::size_t bytes) {
    const auto its = read_geometry(body, bytes);
    if (!its || its->element_bytes != request.element_bytes)
      throw make_error(errc::damaged, "open array", request.name,
                       "its sizes do not fit; remove it and start its creator again");
    agreed = *its;
    if (request.how == opening::open_only) return;
    const auto differs = [&](const char* what, std::size_t has, std::size_t asked) {
      if (has != asked)
        throw make_error(errc::capacity_mismatch, "open array", request.name,
                         std::string{"its "} + what + " is " + std::to_string(has) + ", not " +
                             std::to_string(asked) + "; use the same options, or open_only");
    };
    differs("size", its->elements, wanted.elements);
    differs("number of ranges", its->parts, wanted.parts);
    differs("update_elements_max", its->journal_elements(), wanted.journal_elements());
  };
  return segment;
}

}  // namespace

array_core::array_core(const array_request& request, array_geometry agreed)
    : channel_(array_ops, segment_request(request, agreed)),
      is_file_(!request.file.empty()),
      geometry_(agreed) {
  parts_ = channel_.body() + sizeof(array_layout);
  places_ = channel_.body() + geometry_.data_offset;
  data_ = request.read_only
              ? const_cast<std::byte*>(channel_.map_read_only()) + geometry_.data_offset  // NOLINT
              : places_;
}

std::uint32_t array_core::lock_range(std::size_t index, const deadline& until, bool& died) {
  if (index >= geometry_.parts)
    throw make_error(
        errc::bad_argument, "lock range of array", name(),
        "there is no range " + std::to_string(index) + " of " + std::to_string(geometry_.parts));
  const std::uint32_t tag = own_tag();
  if (!lock_part(index, tag, until)) return 0;
  array_part& mine = part(index);
  // I3: in hand before the note is taken away: if we die in between, the sweep writes it again.
  HAWSER_MUTATE(array_news_taken_first, mine.in_hand.store(1, std::memory_order_relaxed), void());
  died = mine.owner_died.load(std::memory_order_relaxed) != 0;
  if (died) mine.owner_died.store(0, std::memory_order_release);
  HAWSER_MUTATE(array_news_taken_first, void(), mine.in_hand.store(1));
  return tag;
}

void array_core::unlock_range(std::size_t index, std::uint32_t tag) noexcept {
  if (tag != channel_.tag_if_attached()) return;  // inherited: the hold is the parent's
  part(index).in_hand.store(0, std::memory_order_relaxed);
  HAWSER_MUTATE(array_unlock_wakes_nobody, part(index).lock.unlock(),  // E1. Commits.
                part(index).lock.owner.store(0));
}

void array_core::refuse_in_fork() const {
  throw make_error(errc::not_supported, "update array", name(),
                   "the function that was to change it has forked, and this is the child; end it "
                   "inside the function");
}

void array_core::check_range(std::size_t first, std::size_t count) const {
  if (first > geometry_.elements || count > geometry_.elements - first)
    throw make_error(errc::bad_argument, "update array", name(),
                     "it has " + std::to_string(geometry_.elements) + " elements, none at " +
                         std::to_string(std::max(first, geometry_.elements)));
  if (count > geometry_.journal_elements())
    throw make_error(errc::too_large, "update array", name(),
                     std::to_string(count) + " elements in one update, it takes " +
                         std::to_string(geometry_.journal_elements()) +
                         "; create it with a larger update_elements_max");
}

}  // namespace hawser::shm::detail
