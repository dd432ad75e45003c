/// What frames (frame.hpp) hold of CAF.
#pragma once

#include "caf_parts.hpp"
#include "frame.hpp"

#include <caf/node_id.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace hawser::actors::detail {

/// A node id of CAF's default kind. Others cannot be sent.
struct wire_node {
  std::uint32_t pid = 0;
  std::array<std::uint8_t, 20> host{};

  static wire_node of(const caf::node_id& node) {
    const auto* const known = default_id(node);
    return known == nullptr ? wire_node{} : wire_node{pid_of(*known), host_of(*known)};
  }
  explicit operator bool() const { return pid != 0; }
  caf::node_id id() const { return caf::make_node_id(pid, host); }
  friend bool operator==(const wire_node&, const wire_node&) = default;
};
static_assert(sizeof(wire_node) == 24 && std::is_trivially_copyable_v<wire_node>);

struct wire_actor {
  std::uint64_t id;
  wire_node node;
};
static_assert(sizeof(wire_actor) == 32);

struct greeting {
  static constexpr std::uint32_t version_now = 2;

  std::uint32_t version = version_now;
  std::uint32_t caf_version = 0;
  std::uint32_t tag = 0;  // of the directory
  wire_node node;
};
static_assert(sizeof(greeting) == 36);

}  // namespace hawser::actors::detail
