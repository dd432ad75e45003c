/// What tests of the registry share.
#pragma once

#include "segment_support.hpp"
#include <hawser/shm/registry.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace hawser::test {

inline std::uint64_t figure(const std::vector<shm::channel_figure>& all, const std::string& name) {
  for (const auto& one : all)
    if (one.name == name) return one.value;
  ADD_FAILURE() << "no " << name;
  return 0;
}

inline std::optional<shm::channel_info> listed(const std::string& name) {
  for (shm::channel_info& one : shm::list_channels())
    if (one.name == name) return std::move(one);
  return std::nullopt;
}

/// Writes over a live segment's file.
template <class Value>
void overwrite(const std::string& name, std::size_t offset, const Value& value) {
  const int fd = open(path_of(name).c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_EQ(pwrite(fd, &value, sizeof value, static_cast<off_t>(offset)),
            static_cast<ssize_t>(sizeof value));
  close(fd);
}

}  // namespace hawser::test
