/// What tests of payloads share: bytes that say whose they are.
#pragma once

#include "../support/child.hpp"
#include "../support/payload_bytes.hpp"
#include <hawser/shm/payload_queue.hpp>

#include <string>

#include <sys/stat.h>

namespace hawser::test {

inline void fill(shm::payload& one, std::uint64_t id) { fill(one.writable(), id); }

/// The bytes of memory that a channel's file has.
inline std::size_t pages_of(const std::string& name) {
  struct stat status {};
  const std::string path = "/dev/shm/hawser." + std::to_string(geteuid()) + "." + name;
  return stat(path.c_str(), &status) == 0 ? static_cast<std::size_t>(status.st_blocks) * 512 : 0;
}

}  // namespace hawser::test
