/// Bytes of a payload that say whose they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hawser::test {

inline std::byte payload_byte(std::uint64_t id, std::size_t i) {
  return static_cast<std::byte>((id * 131 + i * 7 + i / 256) & 255);
}

/// Fills a payload with what follows from `id`.
inline void fill(std::span<std::byte> bytes, std::uint64_t id) {
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = payload_byte(id, i);
}

/// Whether all of it is there.
inline bool holds(std::span<const std::byte> bytes, std::uint64_t id) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] != payload_byte(id, i)) return false;
  return !bytes.empty();
}

}  // namespace hawser::test
