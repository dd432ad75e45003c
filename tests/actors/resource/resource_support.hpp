/// Managers and their clients, in systems of one group.
#pragma once

#include "../transport/transport_support.hpp"
#include <hawser/actors/resource_client.hpp>
#include <hawser/actors/resource_manager.hpp>

#include <string>
#include <utility>
#include <vector>

namespace test {

using actors::lease_status;
using actors::resource_client;
using actors::resource_error;
using actors::resource_event;
using actors::resource_event_kind;
using actors::resource_failure;
using actors::resource_manager;
using actors::resource_snapshot;

using named_strings = std::vector<std::pair<std::string, std::string>>;

/// I1, of any snapshot.
inline void expect_balanced(const resource_snapshot& seen) {
  std::size_t held = 0;
  for (const auto& one : seen.resources) held += one.state == "held";
  EXPECT_EQ(seen.held, held) << to_string(seen);
  EXPECT_EQ(seen.granted, seen.returned + seen.reclaimed + seen.revoked + seen.held)
      << to_string(seen);
}

/// Waits until `met(snapshot)`; each one on the way has to be balanced.
template <class Manager, class Met>
[[nodiscard]] bool eventually_seen(Manager& manager, Met met) {
  return eventually([&] {
    const resource_snapshot seen = manager.who();
    expect_balanced(seen);
    return met(seen);
  });
}

/// Why it throws.
template <class Function>
resource_error reason_of(Function function, std::string* words = nullptr) {
  try {
    function();
  } catch (const resource_failure& failed) {
    if (words != nullptr) *words = failed.what();
    return failed.reason();
  }
  ADD_FAILURE() << "it did not throw";
  return {};
}

}  // namespace test
