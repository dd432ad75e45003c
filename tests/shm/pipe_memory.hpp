/// A pipe's memory as tests look at it, and write over it.
#pragma once

#include "../crash/raw_segment.hpp"
#include <hawser/shm/detail/pipe_layout.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace hawser::test {

/// The words of the ring towards end 1, which lies second.
inline std::span<std::uint64_t> ring_of(const raw_segment& memory) {
  auto& pipe = memory.body<shm::detail::pipe_layout>();
  auto* const first = reinterpret_cast<std::byte*>(&pipe + 1) + pipe.ring_bytes;
  return {reinterpret_cast<std::uint64_t*>(first), pipe.ring_bytes / 8};
}

}  // namespace hawser::test
