// What tools see of damaged channels of each kind: that they are damaged.

#include "registry_support.hpp"
#include <hawser/shm/array.hpp>
#include <hawser/shm/detail/array_layout.hpp>
#include <hawser/shm/detail/pipe_layout.hpp>
#include <hawser/shm/detail/pool_layout.hpp>
#include <hawser/shm/detail/topic_layout.hpp>
#include <hawser/shm/detail/value_layout.hpp>
#include <hawser/shm/event.hpp>
#include <hawser/shm/payload_queue.hpp>
#include <hawser/shm/pipe.hpp>
#include <hawser/shm/subscription.hpp>
#include <hawser/shm/topic.hpp>
#include <hawser/shm/value.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>

namespace hawser {
namespace {

using test::overwrite;
using test::path_of;
using test::unique_name;

/// Copies of live channels of every kind, to be written over.
class RegistryDamageTest : public testing::Test {
 protected:
  RegistryDamageTest() {
    v.store(1);
    e.set();
    for (int i = 0; i < 3; ++i) t.publish(i);
    creator.send(1);
    opener.send(2);
    q.push(pool.loan(100));
  }
  ~RegistryDamageTest() override {
    for (const std::string& copy : copies) unlink(path_of(copy).c_str());
  }
  /// Another channel with the same bytes.
  std::string copy_of(const std::string& channel) {
    copies.push_back(unique_name());
    std::filesystem::copy_file(path_of(channel), path_of(copies.back()));
    return copies.back();
  }
  /// What the registry says when `value` stands at `offset` of the body.
  template <class Value>
  std::string problem_with(const std::string& channel, std::size_t offset, Value value) {
    const std::string copy = copy_of(channel);
    EXPECT_EQ(shm::find_channel(copy)->problem, "");
    overwrite(copy, shm::detail::body_offset + offset, value);
    return shm::find_channel(copy)->problem;
  }

  std::vector<std::string> copies;
  const std::string name = unique_name();
  shm::value<int> v{create_only, name + ".v"};
  shm::event e{create_only, name + ".e"};
  shm::array<int> a{create_only, name + ".a", 100, {.ranges = 4}};
  shm::topic<int> t{create_only, name + ".t", {.capacity = 4}};
  shm::subscription<int> s{open_only, name + ".t"};
  shm::pipe<int> creator{create_only, name + ".p"}, opener{open_only, name + ".p"};
  shm::payload_pool pool{create_only, name + ".pool", {.classes = {{100, 4}}}};
  shm::payload_queue<> q{pool, create_only, name + ".q", {.capacity = 2}};
};

TEST_F(RegistryDamageTest, FiguresThatCannotBeAreCalledDamaged) {
  using namespace shm::detail;
  const std::uint64_t huge = ~std::uint64_t{0}, zero = 0, large = std::uint64_t{1} << 40;
  for (const std::uint64_t n : {huge, zero, large}) {
    for (const std::size_t at :
         {offsetof(value_layout, value_bytes), offsetof(value_layout, copy_bytes)})
      EXPECT_EQ(problem_with(name + ".v", at, n), "its value is damaged") << at << ' ' << n;
    for (const std::size_t at :
         {offsetof(array_layout, elements), offsetof(array_layout, element_bytes),
          offsetof(array_layout, parts), offsetof(array_layout, journal_bytes),
          offsetof(array_layout, part_bytes), offsetof(array_layout, data_offset)})
      EXPECT_EQ(problem_with(name + ".a", at, n), "its array is damaged") << at << ' ' << n;
    for (const std::size_t at : {offsetof(topic_layout, slots), offsetof(topic_layout, slot_bytes)})
      EXPECT_EQ(problem_with(name + ".t", at, n), "its topic is damaged") << at << ' ' << n;
    EXPECT_EQ(problem_with(name + ".p", offsetof(pipe_layout, ring_bytes), n),
              "its pipe is damaged");
    EXPECT_EQ(problem_with(name + ".pool", offsetof(pool_layout, of_class), n),
              "its payload_pool is damaged");
  }
  EXPECT_EQ(problem_with(name + ".t", offsetof(topic_layout, tail), zero), "its topic is damaged");
  EXPECT_EQ(problem_with(name + ".t",
                         offsetof(topic_layout, rows) + 2 * sizeof(subscriber_row) +
                             offsetof(subscriber_row, kind),
                         std::uint32_t{4}),
            "its topic is damaged");
  EXPECT_EQ(problem_with(name + ".p", offsetof(pipe_layout, ends), std::uint32_t{0x500}),
            "its pipe is damaged");
  EXPECT_EQ(problem_with(name + ".p", offsetof(pipe_layout, to), huge), "its pipe is damaged");
  EXPECT_EQ(problem_with(name + ".pool", offsetof(pool_layout, classes), std::uint32_t{9}),
            "its payload_pool is damaged");
  EXPECT_EQ(problem_with(name + ".pool", sizeof(pool_layout), std::uint64_t{3}),
            "its payload_pool is damaged");
}

TEST_F(RegistryDamageTest, BodiesThatAreTooShortAreCalledDamaged) {
  for (const std::string kind : {".v", ".e", ".a", ".t", ".p", ".pool"}) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{40}, std::size_t{200}}) {
      const std::string copy = copy_of(name + kind);
      const std::uint64_t all = shm::detail::body_offset + bytes;
      ASSERT_EQ(truncate(path_of(copy).c_str(), static_cast<off_t>(all)), 0);
      overwrite(copy, offsetof(shm::detail::segment_header, segment_bytes), all);
      const auto seen = shm::find_channel(copy);
      ASSERT_TRUE(seen);
      EXPECT_EQ(seen->problem, "its " + seen->kind + " is damaged") << kind << ' ' << bytes;
      EXPECT_TRUE(seen->details.empty() && seen->counters.empty());
    }
  }
}

TEST_F(RegistryDamageTest, WhateverStandsInABodyLookingEndsWell) {
  std::mt19937_64 random{1};
  const std::uint64_t odd[] = {0, 1, 0xFF, 0xFFFF'FFFF, ~std::uint64_t{0}, std::uint64_t{1} << 63};
  for (const std::string kind : {".v", ".e", ".a", ".t", ".p", ".pool"}) {
    const std::string whole = path_of(name + kind), copy = copy_of(name + kind);
    const auto words = (std::filesystem::file_size(whole) - shm::detail::body_offset) / 8;
    for (int round = 0; round < 400; ++round) {
      if (round % 20 == 0)
        std::filesystem::copy_file(whole, path_of(copy),
                                   std::filesystem::copy_options::overwrite_existing);
      // Mostly where the layouts are.
      const std::uint64_t at =
          random() % (round % 2 == 0 ? std::min<std::uint64_t>(words, 128) : words);
      overwrite(copy, shm::detail::body_offset + at * 8,
                round % 3 == 0 ? random() : odd[random() % std::size(odd)]);
      const auto seen = shm::find_channel(copy);
      ASSERT_TRUE(seen);
      EXPECT_TRUE(seen->problem.empty() || seen->problem == "its " + seen->kind + " is damaged")
          << seen->problem;
      EXPECT_EQ(seen->problem.empty(), !seen->details.empty());
    }
  }
}

}  // namespace
}  // namespace hawser
