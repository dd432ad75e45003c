#include <hawser/shm/detail/pipe_core.hpp>

#include <algorithm>

namespace hawser::shm::detail {

bool visit_pipe_messages(const std::byte* body, std::size_t bytes, unsigned end,
                         const std::function<void(std::uint64_t)>& visit) {
  if (bytes < sizeof(pipe_layout)) return false;
  const auto& p = *reinterpret_cast<const pipe_layout*>(body);
  const auto its = pipe_geometry::of(p, bytes);
  if (!its) return false;
  const auto word_at = [ring = body + sizeof(pipe_layout) + end * its->ring_bytes](auto at) {
    return reinterpret_cast<const std::atomic<std::uint64_t>*>(ring + at)->load(
        std::memory_order_acquire);  // E1
  };
  const std::uint64_t begin = p.to[end].head.load(std::memory_order_acquire);
  if (begin % sizeof(std::uint64_t) != 0) return false;
  for (std::uint64_t at = begin;;) {  // I1. Not by the tail: a dead sender's may lag behind.
    const std::uint64_t place = at & (its->ring_bytes - 1);
    const std::uint64_t left =
        std::min(its->ring_bytes - place, begin + its->ring_bytes - at);  // I2
    const record_header header{word_at(place)};
    if (header.bits == 0) return true;
    const std::uint64_t size = record_size(header.bytes());
    if (size > left) return false;
    if (header.is_whole_message() && header.bytes() >= sizeof(std::uint64_t))
      visit(word_at(place + sizeof(std::uint64_t)));
    else if (!header.is_pad() || size != left) return false;
    at += size;
  }
}

}  // namespace hawser::shm::detail
