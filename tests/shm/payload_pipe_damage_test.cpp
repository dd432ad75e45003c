// A pipe of payloads that was written over: stale messages, errors, and no payload lost in the end.

#include "../crash/raw_segment.hpp"
#include "payload_support.hpp"
#include <hawser/shm/detail/pipe_layout.hpp>
#include <hawser/shm/payload_pipe.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <random>
#include <tuple>

namespace hawser {
namespace {

using shm::payload;
using shm::payload_pipe;
using shm::payload_pool;
using test::fill;
using test::holds;
using test::unique_name;

class PayloadPipeDamageTest : public testing::Test {
 protected:
  std::size_t in_use() const { return pool.counters().classes[0].in_use; }
  payload filled(std::uint64_t id, std::size_t bytes = 256) {
    payload one = pool.loan(bytes);
    fill(one, id);
    return one;
  }
  using pipe = payload_pipe<std::uint64_t>;

  std::string name = unique_name();
  payload_pool pool{create_only, name, {.classes = {{256, 32}}, .large = 2, .references = 4}};
  std::optional<pipe> a{std::in_place, pool, create_only, name + ".p",
                        shm::payload_pipe_options{.capacity = 4}};
  std::optional<pipe> b{std::in_place, pool, open_only, name + ".p"};
};

TEST_F(PayloadPipeDamageTest, AMessageThatWasWrittenOverIsStaleAndHarmsNobody) {
  test::raw_segment raw(name + ".p");
  auto* const ring = reinterpret_cast<std::byte*>(&raw.body<shm::detail::pipe_layout>() + 1) +
                     raw.body<shm::detail::pipe_layout>().ring_bytes;  // what end 0 sends to end 1
  for (const std::uint64_t junk : {~std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{77} << 24}) {
    const auto at = raw.body<shm::detail::pipe_layout>().to[1].tail.load() &
                    (raw.body<shm::detail::pipe_layout>().ring_bytes - 1);
    a->send({}, filled(1));
    a->send({}, filled(2));
    std::memcpy(ring + at + 8, &junk, sizeof junk);
    const auto got = b->receive();
    ASSERT_TRUE(got);
    EXPECT_TRUE(holds(got->data.bytes(), 2));
  }
  EXPECT_EQ(pool.counters().stale, 3U);
  EXPECT_EQ(in_use(), 3U);  // nobody knows of them
  a.reset();
  b.reset();
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(PayloadPipeDamageTest, WhateverStandsInAPipeItsPayloadsAreFreeInTheEnd) {
  std::mt19937_64 random{1};
  a.reset();
  b.reset();
  for (int round = 0; round < 300; ++round) {
    const std::string other = name + "." + std::to_string(round);
    a.emplace(pool, create_only, other, shm::payload_pipe_options{.capacity = 4});
    b.emplace(pool, open_only, other);
    for (std::uint64_t i = 0; i < 3; ++i) {
      a->send({}, filled(i));
      b->send({}, filled(i));
    }
    {
      test::raw_segment raw(other);
      auto* const words = reinterpret_cast<std::uint64_t*>(&raw.body<shm::detail::pipe_layout>());
      // Ends, gates, positions and rings; not the sizes, which are read once and not believed.
      const std::size_t all =
          (sizeof(shm::detail::pipe_layout) + 2 * raw.body<shm::detail::pipe_layout>().ring_bytes) /
          8;
      for (int i = 0; i < 8; ++i)
        words[16 + random() % (all - 16)] = i % 2 == 0 ? random() : random() % 100;
    }
    try {
      std::ignore = a->try_receive();
      std::ignore = b->try_receive();
    } catch (const error& e) {
      EXPECT_EQ(e.code(), errc::damaged) << e.what();
    }
    b->close();
    a.reset();
    b.reset();
    ASSERT_EQ(in_use(), 0U) << round;
  }
}

}  // namespace
}  // namespace hawser
