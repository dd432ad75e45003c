#include "channel_reader.hpp"
#include <hawser/shm/detail/pipe_layout.hpp>

#include <array>
#include <string>

namespace hawser::shm::detail {
namespace {

/// Who is at an end; 0: nobody yet, or nobody any more.
std::uint64_t pid_of(const channel_info& seen, std::uint32_t tag) {
  for (const participant_info& one : seen.participants)
    if (one.id == id_of(tag)) return static_cast<std::uint64_t>(one.pid);
  return 0;
}

}  // namespace

bool read_pipe(const body_reader& body, channel_info& into) {
  // What receivers write is read later, so that it is never behind what senders wrote.
  const auto first = body.layout<pipe_layout>(), then = body.layout<pipe_layout>();
  if (!first || !then) return false;
  const pipe_layout& p = *first;
  if (!pipe_geometry::of(p, body.bytes())) return false;
  const auto of = [](const auto& word) { return word.load(std::memory_order_relaxed); };

  into.details = {{"bytes", p.ring_bytes}, {"message_bytes_max", p.message_bytes_max}};
  constexpr std::array<const char*, 2> ends{"creator", "opener"};
  std::uint64_t waits = 0;
  for (unsigned end = 0; end < 2; ++end) {
    const std::string name = ends[end];
    const std::uint32_t tag = of(p.ends[end]);
    const pipe_direction &sent = p.to[end], &taken = then->to[end];
    // Counts lag behind, and what is read first is older.
    const auto behind = [](std::uint64_t all, std::uint64_t done) {
      return done < all ? all - done : 0;
    };
    const std::uint64_t bytes = behind(of(sent.tail), of(taken.head));
    if ((id_of(tag) == 0 && tag != end_free && tag != end_gone) || bytes > p.ring_bytes)
      return false;
    // It sends no more, or is gone.
    const bool closed = tag == end_gone || of(p.gate[1 - end].finished) != 0;
    into.details.push_back({name + "_pid", pid_of(into, tag)});
    into.details.push_back({name + "_closed", closed ? 1U : 0U});
    into.details.push_back({"bytes_to_" + name, bytes});
    into.details.push_back({"messages_to_" + name, behind(of(sent.sent), of(taken.received))});
    into.counters.push_back({"sent_to_" + name, of(sent.sent)});
    into.counters.push_back({"received_by_" + name, of(taken.received)});
    waits += of(sent.send_waits) + of(sent.receive_waits);
  }
  into.counters.push_back({"waits", waits});
  return true;
}

}  // namespace hawser::shm::detail
