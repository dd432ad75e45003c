// Pipes whose memory somebody writes over: an error, a lost message, or nothing; never a crash, a hang
// or a message that was not sent.

#include "pipe_memory.hpp"
#include "segment_support.hpp"
#include <hawser/shm/byte_stream.hpp>
#include <hawser/shm/pipe.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::detail::pipe_layout;
using shm::detail::record_header;
using test::raw_segment;
using test::ring_of;
using test::unique_name;

/// Two ends of one pipe, and what is between them.
template <class T>
struct both {
  std::string name = unique_name();
  shm::pipe<T> a{create_only, name, {.bytes = 4096}}, b{open_only, name};
  raw_segment memory{name};
};

/// As if all of the ring towards end 1 had been sent.
void send_all(const raw_segment& memory) {
  auto& pipe = memory.body<pipe_layout>();
  pipe.to[1].tail.store(pipe.ring_bytes);
}

TEST(PipeDamageTest, DamagedMemoryIsAnErrorAndNothingElse) {
  using header = record_header;
  const std::uint64_t wrong[] = {
      1,
      ~std::uint64_t{0},
      header::make(4096, header::first).bits,                // beyond the ring
      header::make(0xFFFF'FFFF, header::first).bits,         // far beyond it
      header::make(16, 0).bits,                              // a part of nothing
      header::make(16, header::pad).bits,                    // a pad that ends too early
      header::make(4096 - 8, header::pad).bits,              // a ring full of pad
      header::make(16, header::first | header::pad).bits,    // both
      header::make(16, header::first).bits ^ header::marker  // no marker
  };
  for (const std::uint64_t bits : wrong) {
    both<std::string> p;
    ring_of(p.memory)[0] = bits;
    p.memory.body<pipe_layout>().to[1].tail.store(4096);
    EXPECT_ERROR(errc::damaged, "another process wrote over its memory", p.b.try_receive());
    both<std::string> by_header;  // whose tail has not come
    ring_of(by_header.memory)[0] = bits;
    EXPECT_ERROR(errc::damaged, "another process wrote over its memory",
                 by_header.b.receive_for(test::patience));
  }
  {
    both<std::string> p;  // a tail behind the head only lags
    p.memory.body<pipe_layout>().to[1].tail.store(~std::uint64_t{0});
    for (int i = 0; i < 3; ++i) EXPECT_EQ(p.b.try_receive(), std::nullopt);
    EXPECT_EQ(p.a.try_send("text"), shm::push_status::ok);
    EXPECT_EQ(p.b.try_receive(), "text");
  }
  for (const std::uint64_t tail : {std::uint64_t{8}, std::uint64_t{4104}, std::uint64_t{1} << 62}) {
    both<std::string> p;
    ring_of(p.memory)[0] = header::make(16, header::first).bits;
    p.memory.body<pipe_layout>().to[1].tail.store(tail);  // in a record, or beyond the ring
    EXPECT_ERROR(errc::damaged, "another process wrote over its memory", p.b.try_receive());
  }
  {
    both<std::string> p;
    p.memory.body<pipe_layout>().to[1].head.store(8192);  // more was taken than was sent
    EXPECT_ERROR(errc::damaged, "another process wrote over its memory",
                 for (int i = 0; i < 1000; ++i)(void) p.a.try_send("text"));
  }
  {
    both<std::string> p;
    shm::pipe<std::string>& sender = p.a;
    sender.send("12345");
    ring_of(p.memory)[0] = header::make(5, header::first | header::more).bits;
    EXPECT_EQ(p.b.try_receive(), std::nullopt);  // a part, and its end may come
    sender.send("whole");
    EXPECT_EQ(p.b.try_receive(), "whole");
  }
  {
    both<std::uint64_t> p;
    p.a.send(7);
    ring_of(p.memory)[0] = header::make(5, header::first).bits;
    EXPECT_ERROR(errc::damaged, "another size than its type", p.b.try_receive());
    EXPECT_EQ(p.b.try_receive(), std::nullopt);
  }
}

// A sender that dies between the two leaves a header without its tail.
TEST(PipeDamageTest, WhatTheHeaderSaysIsReceivedBeforeTheEndOfFile) {
  for (const bool empty : {true, false}) {
    both<std::uint64_t> p;
    p.a.send(1);
    if (empty) {
      EXPECT_EQ(p.b.try_receive(), 1U);
    }
    p.a.send(2);
    p.memory.body<pipe_layout>().to[1].tail.store(16);
    p.a.close();
    if (!empty) {
      EXPECT_EQ(p.b.try_receive(), 1U);
    }
    EXPECT_EQ(p.b.receive(), 2U);
    EXPECT_EQ(p.b.receive(), std::nullopt);
    EXPECT_TRUE(p.b.ended());
  }
}

TEST(PipeDamageTest, DamagedSizesAreRefusedWhenItIsOpened) {
  for (const std::uint64_t bytes : {0ULL, 100ULL, 8192ULL, 1ULL << 40, ~0ULL}) {
    const std::string name = unique_name();
    shm::pipe<int> a{create_only, name, {.bytes = 4096}};
    raw_segment{name}.body<pipe_layout>().ring_bytes = bytes;
    EXPECT_ERROR(errc::damaged, "its sizes do not fit", shm::pipe<int>(open_only, name));
  }
}

struct stream {
  std::string name = unique_name();
  shm::byte_stream a{create_only, name, {.bytes = 256}}, b{open_only, name};
  raw_segment memory{name};
  std::array<std::byte, 64> bytes{};
};

TEST(PipeDamageTest, AStreamOfEmptyRecordsIsNoLoopWithoutEnd) {
  stream s;
  for (auto& word : ring_of(s.memory)) word = record_header::make(0, record_header::first).bits;
  send_all(s.memory);
  EXPECT_ERROR(errc::damaged, "wrote over", s.b.try_read_some(s.bytes));
  EXPECT_ERROR(errc::damaged, "wrote over", s.b.read_some_for(s.bytes, 5ms));
}

TEST(PipeDamageTest, ARecordThatGetsShorterWhileItIsReadIsRefused) {
  stream s;
  ASSERT_EQ(s.a.write(std::span{s.bytes}.first(50)).bytes, 50U);
  ASSERT_EQ(s.b.read_some(std::span{s.bytes}.first(40)), 40U);
  ring_of(s.memory)[0] = record_header::make(8, record_header::first).bits;
  EXPECT_ERROR(errc::damaged, "wrote over", s.b.try_read_some(s.bytes));
}

TEST(PipeDamageTest, EmptyPartsAreNoMessageWithoutEnd) {
  const std::string name = unique_name();
  shm::pipe<std::string> a{create_only, name, {.bytes = 256}}, b{open_only, name};
  const raw_segment memory{name};
  for (auto& word : ring_of(memory)) word = record_header::make(0, record_header::more).bits;
  ring_of(memory)[0] |= record_header::first;
  send_all(memory);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(b.try_receive(), std::nullopt);
  EXPECT_EQ(b.receive_for(2ms), std::nullopt);
}

TEST(PipeDamageTest, ARingFullOfPartsIsReadOnce) {
  const std::string name = unique_name();
  shm::pipe<std::string> a{create_only, name, {.bytes = 256}}, b{open_only, name};
  const raw_segment memory{name};
  const auto ring = ring_of(memory);
  for (std::size_t part = 0; part < 4; ++part)
    ring[part * 8] = record_header::make(56, record_header::more).bits;
  ring[0] |= record_header::first;
  send_all(memory);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(b.try_receive(), std::nullopt);
  EXPECT_EQ(b.receive_for(2ms), std::nullopt);
}

}  // namespace
}  // namespace hawser
