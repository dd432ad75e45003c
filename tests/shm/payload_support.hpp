/// What tests of payloads share: bytes that say whose they are.
#pragma once

#include "../support/child.hpp"
#include <hawser/shm/payload_queue.hpp>

#include <cstring>
#include <span>
#include <string>

#include <sys/stat.h>

namespace hawser::test {

/// Fills a payload with words that follow from `id`.
inline void fill(shm::payload& one, std::uint64_t id) {
  const auto bytes = one.writable();
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>((id * 131 + i * 7 + i / 256) & 255);
}

/// Whether they are all there.
inline bool holds(std::span<const std::byte> bytes, std::uint64_t id) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] != static_cast<std::byte>((id * 131 + i * 7 + i / 256) & 255)) return false;
  return !bytes.empty();
}

/// The bytes of memory that a channel's file has.
inline std::size_t pages_of(const std::string& name) {
  struct stat status {};
  const std::string path = "/dev/shm/hawser." + std::to_string(geteuid()) + "." + name;
  return stat(path.c_str(), &status) == 0 ? static_cast<std::size_t>(status.st_blocks) * 512 : 0;
}

}  // namespace hawser::test
