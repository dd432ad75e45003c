// Stages of threads over queues in shared memory, without CAF: their twin under TSan.

#include <hawser/shm/array.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <pipeline/reorder_window.hpp>
#include <pipeline/stage_loop.hpp>
#include <unistd.h>

namespace hawser::actors::detail {
namespace {

std::string unique(const std::string& what) {
  static int count = 0;
  return "test." + std::to_string(getpid()) + "." + std::to_string(++count) + "." + what;
}

class StageThreadTest : public testing::Test {
 protected:
  static constexpr std::size_t stages = 3, workers = 2;
  static constexpr std::uint64_t inputs = 3000;

  StageThreadTest() {
    shm::queue_options small;
    small.capacity = 16;
    small.message_bytes_max = 2 * dead_letter_bytes;
    for (std::size_t i = 0; i <= stages; ++i)
      queues.push_back(std::make_unique<message_queue>(create_only, unique("queue"), small));
  }

  std::span<std::uint64_t> slot(std::size_t stage, std::size_t worker) {
    return slots.span().subspan((stage * workers + worker) * stage_slot::words, stage_slot::words);
  }
  void work(std::size_t stage, std::size_t worker) {
    work_on_stage(
        {*queues[stage], *queues[stage + 1], *queues.back(), slot(stage, worker),
         static_cast<std::uint32_t>(stage), 2, "the next one"},
        [stage](byte_source given, byte_buffer& result) {
          std::uint64_t number = 0;
          if (load_argument(given, number)) throw std::runtime_error("damaged");
          if (stage == 1 && number % 100 == 7) throw std::runtime_error("seven");
          if (save_argument(result, number + 1)) throw std::runtime_error("unwritable");
        },
        stops);
  }

  std::vector<std::unique_ptr<message_queue>> queues;
  shm::array<std::uint64_t> slots{create_only, unique("slots"), stages* workers* stage_slot::words};
  std::atomic<bool> stops{false};
};

TEST_F(StageThreadTest, EachInputHasOneOutcomeAndIsCountedOnce) {
  std::vector<std::jthread> threads;
  for (std::size_t stage = 0; stage < stages; ++stage)
    for (std::size_t worker = 0; worker < workers; ++worker)
      threads.emplace_back([this, stage, worker] { work(stage, worker); });
  threads.emplace_back([this] {
    byte_buffer message;
    for (std::uint64_t i = 0; i < inputs; ++i) {
      begin_message(message, i, message_kind::value);
      ASSERT_FALSE(save_argument(message, i));
      ASSERT_EQ(queues.front()->push(message), shm::push_status::ok);
    }
  });
  std::jthread looks{[this](const std::stop_token& over) {
    std::vector<std::uint64_t> before(stages, 0);
    while (!over.stop_requested())
      for (std::size_t stage = 0; stage < stages; ++stage) {
        std::uint64_t busy = 0;
        for (std::size_t worker = 0; worker < workers; ++worker) {
          const auto now = read_slot(slot(stage, worker));
          busy += now.done + now.dead;
        }
        EXPECT_GE(busy, before[stage]);
        before[stage] = busy;
      }
  }};

  reorder_window<std::uint64_t> window{inputs, true};
  std::uint64_t dead = 0;
  for (std::uint64_t i = 0; i < inputs; ++i) {
    auto lease = queues.back()->lease();
    const auto bytes = *lease;
    const auto message = read_message(bytes.data(), bytes.size());
    if (message.kind == message_kind::thrown) {
      const dead_letter letter = read_dead_letter(message);
      EXPECT_EQ(letter.stage, 1U);
      EXPECT_EQ(letter.thrown.type, "std::runtime_error");
      EXPECT_EQ(letter.thrown.message, "seven");
      EXPECT_EQ(message.number % 100, 6U);
      ++dead;
      ASSERT_TRUE(window.put(message.number, message.number + stages));
    } else {
      byte_source rest = message.rest;
      std::uint64_t value = 0;
      ASSERT_FALSE(load_argument(rest, value));
      ASSERT_TRUE(window.put(message.number, value));
    }
    lease.ack();
  }
  for (std::uint64_t i = 0; i < inputs; ++i) ASSERT_EQ(window.take(), i + stages);
  EXPECT_EQ(dead, inputs / 100);
  looks.request_stop();
  for (const auto& one : queues) one->close();
  looks.join();
  threads.clear();
  for (std::size_t stage = 0; stage < stages; ++stage) {
    std::uint64_t done = 0;
    for (std::size_t worker = 0; worker < workers; ++worker)
      done += read_slot(slot(stage, worker)).done;
    EXPECT_EQ(done, stage == 0 ? inputs : inputs - dead);
  }
}

TEST_F(StageThreadTest, WhoStopsLeavesTheRestInTheQueue) {
  byte_buffer message;
  for (std::uint64_t i = 0; i < 10; ++i) {
    begin_message(message, i, message_kind::value);
    ASSERT_FALSE(save_argument(message, i));
    ASSERT_EQ(queues.front()->push(message), shm::push_status::ok);
  }
  stops = true;
  std::jthread{[this] { work(0, 0); }}.join();
  EXPECT_EQ(queues.front()->size(), 10U);
  EXPECT_EQ(queues[1]->size(), 0U);
  stops = false;
  queues.front()->close();
  std::jthread{[this] { work(0, 0); }}.join();
  EXPECT_EQ(queues[1]->size(), 10U);
}

TEST_F(StageThreadTest, WhatHasKilledItsWorkersIsADeadLetter) {
  byte_buffer message;
  begin_message(message, 5, message_kind::value);
  ASSERT_FALSE(save_argument(message, std::uint64_t{50}));
  ASSERT_EQ(queues.front()->push(message), shm::push_status::ok);
  for (int i = 0; i < 3; ++i) queues.front()->lease().nack();  // as if its holder had died
  queues.front()->close();
  work(0, 0);
  const auto lease = queues.back()->try_lease();
  ASSERT_TRUE(lease);
  const auto read = read_message((*lease).data(), (*lease).size());
  EXPECT_EQ(read.number, 5U);
  ASSERT_EQ(read.kind, message_kind::lost);
  const dead_letter letter = read_dead_letter(read);
  EXPECT_EQ(letter.attempts, 3U);
  byte_source given = letter.letter;
  std::uint64_t number = 0;
  EXPECT_FALSE(load_argument(given, number));
  EXPECT_EQ(number, 50U);
  EXPECT_EQ(read_slot(slot(0, 0)).dead, 1U);
}

TEST(EnvelopeTest, ADeadLetterFitsWhateverIsInIt) {
  const std::string much(100'000, 'x');
  byte_buffer out;
  dead_letter dead;
  dead.letter = {much.data(), much.size()};
  dead.thrown = {much, much};
  for (const auto kind : {message_kind::thrown, message_kind::lost}) {
    write_dead_letter(out, 1, kind, dead, dead_letter_bytes);
    EXPECT_LE(out.size(), dead_letter_bytes);
    const auto message = read_message(out.data(), out.size());
    EXPECT_EQ(read_dead_letter(message).letter.size, 0U);
    for (std::size_t cut = 0; cut < out.size();
         ++cut) {  // damaged: an exception, never a read beyond
      EXPECT_THROW(
          {
            const byte_buffer part(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(cut));
            const auto short_one = read_message(part.data(), part.size());
            (void)read_dead_letter(short_one);
          },
          std::runtime_error)
          << cut;
    }
  }
}

TEST(StageSlotTest, TimeIsThatAtWork) {
  std::vector<std::uint64_t> words(stage_slot::words, 0);
  {
    stage_slot_writer writer{words};
    writer.begin(41);
    EXPECT_EQ(read_slot(words).message, 42U);
    const auto first = read_slot(words).busy_ns;
    while (read_slot(words).busy_ns == first) continue;  // it counts while it works
    writer.pushing(true);
    const auto busy = read_slot(words).busy_ns;
    EXPECT_EQ(read_slot(words).busy_ns, busy);
    writer.ended();
    EXPECT_GT(read_slot(words).blocked_ns, 0U);
    EXPECT_EQ(read_slot(words).message, 0U);
  }
  stage_slot_writer again{words};  // another life: it goes on counting
  again.begin(1);
  again.pushing(false);
  again.ended();
  EXPECT_EQ(read_slot(words).done, 1U);
  EXPECT_EQ(read_slot(words).dead, 1U);
}

}  // namespace
}  // namespace hawser::actors::detail
