/// A table of resources and a clock that stands still until it is told.
#pragma once

#include "resource/resource_table.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hawser::actors::detail {

class ResourceTest : public testing::Test {
 protected:
  using table = resource_table;
  using kind = table::step_kind;
  using refusal = table::refusal;
  using ms = std::chrono::milliseconds;
  static constexpr auto for_ever = table::time::max();

  void make(std::vector<std::string> names, const table::settings& how = {}) {
    t.emplace(std::move(names), how);
    t->name_holder(1, "A");
    t->name_holder(2, "B");
    t->name_holder(3, "C");
    t->name_holder(4, "D");
  }
  /// What came of it; checks I1 and I3.
  std::vector<table::step> steps() {
    std::vector<table::step> all;
    t->take_steps(all);
    const auto& counts = t->counts();
    std::size_t held = 0;
    for (const auto& one : t->resources()) held += one.now == table::state::held;
    EXPECT_EQ(counts.held, held);
    EXPECT_EQ(counts.granted, counts.returned + counts.reclaimed + counts.revoked + counts.held);
    EXPECT_TRUE(t->stuck().empty());
    return all;
  }
  /// The only thing that came of it.
  table::step step() {
    const auto all = steps();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? table::step{} : all.front();
  }
  void ask(table::holder_id who, std::uint64_t ticket, const std::string& name,
           std::size_t count = 1, table::time until = for_ever) {
    t->acquire({who, party}, ticket, name, count, until, now);
  }
  /// Asks, and has it: the token.
  std::uint64_t get(table::holder_id who, std::uint64_t ticket, const std::string& name,
                    std::size_t count = 1) {
    ask(who, ticket, name, count);
    const auto got = step();
    EXPECT_EQ(got.what, kind::granted) << got.text;
    EXPECT_EQ(got.resources.size(), count);
    return got.token;
  }
  void wait(table::holder_id who, std::uint64_t ticket, const std::string& name,
            std::size_t count = 1, table::time until = for_ever) {
    ask(who, ticket, name, count, until);
    EXPECT_TRUE(steps().empty());
  }
  /// Which tickets were granted by what happened.
  std::vector<std::uint64_t> granted() {
    std::vector<std::uint64_t> all;
    for (const auto& one : steps())
      if (one.what == kind::granted) all.push_back(one.ticket);
    return all;
  }

  std::uint64_t party = 1;
  using tickets = std::vector<std::uint64_t>;
  table::time now{std::chrono::hours{1}};
  std::optional<table> t;
};

}  // namespace hawser::actors::detail
