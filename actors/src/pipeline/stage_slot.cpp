#include "stage_slot.hpp"

namespace hawser::actors::detail {

stage_slot::reading read_slot(std::span<std::uint64_t> words) {
  const auto at = [&](stage_slot::word which) {
    // Acquire: what is read next is not older than this. (S1)
    return std::atomic_ref{words[which]}.load(std::memory_order_acquire);
  };
  stage_slot::reading now;
  constexpr int tries_max = 100;  // one that was killed while moving says so for ever
  for (int i = 0; i < tries_max; ++i) {
    const std::uint64_t state = at(stage_slot::state);
    now = {at(stage_slot::done), at(stage_slot::dead), at(stage_slot::busy_ns),
           at(stage_slot::blocked_ns), at(stage_slot::message)};
    const auto phase = static_cast<stage_slot::phase>(state & 3);
    if (phase == stage_slot::phase::moving || state != at(stage_slot::state)) continue;
    const std::uint64_t time = stage_slot::now_ns(), since = state >> 2;
    const std::uint64_t spent = time > since ? time - since : 0;
    if (phase == stage_slot::phase::working) now.busy_ns += spent;
    if (phase == stage_slot::phase::pushing) now.blocked_ns += spent;
    break;
  }
  return now;
}

void clear_slot(std::span<std::uint64_t> words) {
  std::atomic_ref{words[stage_slot::state]}.store(0, std::memory_order_release);
  std::atomic_ref{words[stage_slot::message]}.store(0, std::memory_order_relaxed);
}

}  // namespace hawser::actors::detail
