// What a killed process does to the alternatives, and must not do to us. The peer's part of each
// story is shown where the peer is at hand, and only reported: it may have been repaired.

#include "holes.hpp"
#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/queue.hpp>

#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/interprocess/sync/interprocess_semaphore.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <killpoint/process_state.hpp>
#include <killpoint/servant.hpp>
#include <sys/mman.h>
#include <unistd.h>

namespace hawser::test {
namespace {

namespace bi = boost::interprocess;
using namespace std::chrono_literals;
using killpoint::servant;
using shm::push_status;
using queue = shm::queue<int>;

/// Slices would hide a lost wake-up for a while: here they are off.
class KnownHolesTest : public testing::Test {
 protected:
  void SetUp() override { shm::detail::set_wait_slices(false); }
  void TearDown() override { shm::detail::set_wait_slices(true); }
};

/// A process that pops one message whenever it is asked.
std::string pop_one(const std::string& name) {
  shm::detail::set_wait_slices(false);
  queue q{open_only, name};
  const auto message = q.pop();
  return message ? "got " + std::to_string(*message) : "closed";
}

// Hole 1: the next send hangs for ever, waiting for the dead receiver.
TEST_F(KnownHolesTest, APushGoesThroughAfterOneOfTheWaitingConsumersWasKilled) {
  const std::string name = holes_name("receivers");
  for (int round = 0; round < 10; ++round) {
    const auto pop = [&](const std::string&) { return pop_one(name); };
    std::optional<servant> dying{pop};
    servant other{pop};
    queue q{create_only, name, {.capacity = 4}};
    dying->ask("pop");
    other.ask("pop");
    ASSERT_TRUE(falls_asleep(*dying) && falls_asleep(other));

    dying.reset();
    EXPECT_EQ(q.push_for(round, limit), push_status::ok);

    EXPECT_EQ(other.answer(limit), "got " + std::to_string(round));
  }
}

TEST_F(KnownHolesTest, PeerMessageQueueHangsAfterOneOfTheWaitingReceiversWasKilled) {
  const std::string name = holes_name("peer");
  bi::message_queue keeper(bi::create_only, name.c_str(), 4, sizeof(int));
  constexpr int messages = 8;
  const auto receive = [&](const std::string&) -> std::string {
    int value = 0;
    bi::message_queue::size_type bytes = 0;
    unsigned priority = 0;
    for (int i = 0; i < messages; ++i) keeper.receive(&value, sizeof value, bytes, priority);
    return "got all";
  };
  std::optional<servant> dying{receive};
  servant other{receive};
  servant sender{[&](const std::string&) -> std::string {
    const int value = 1;
    keeper.send(&value, sizeof value, 0);
    return "sent";
  }};
  dying->ask("receive");
  other.ask("receive");
  ASSERT_TRUE(falls_asleep(*dying) && falls_asleep(other));

  dying.reset();
  // The signals for the dead receiver are lost; then one waits for it for ever.
  bool hangs = false;
  for (int i = 0; i < messages && !hangs; ++i) {
    hangs = !sender.ask("send", peer_limit).has_value();
    if (i + 1 < messages) killpoint::wait_until_asleep_on_shared_futex(other.pid(), 50ms);
  }
  hangs = hangs || !other.answer(peer_limit).has_value();
  report_peer("boost message_queue hangs after a receiver was killed", hangs);
  bi::message_queue::remove(name.c_str());
}

// Hole 3: what a killed process held is gone for good.
TEST_F(KnownHolesTest, EveryMessageOfAKilledHolderComesBackAndItsSlotsAreUsedAgain) {
  const std::string name = holes_name("holder");
  std::vector<shm::lease<int>> held;
  std::optional<queue> own;
  std::optional<servant> holder{[&](const std::string&) -> std::string {
    own.emplace(open_only, name);
    held = own->lease_batch(4);
    return std::to_string(held.size());
  }};
  servant producer{[&](const std::string&) -> std::string {
    shm::detail::set_wait_slices(false);
    queue q{open_only, name};
    return to_string(q.push(5));
  }};
  queue q{create_only, name, {.capacity = 4}};
  for (int i = 1; i <= 4; ++i) ASSERT_EQ(q.try_push(i), push_status::ok);
  ASSERT_EQ(holder->ask("lease", limit), "4");
  producer.ask("push");
  ASSERT_TRUE(falls_asleep(producer));
  ASSERT_EQ(q.try_push(6), push_status::full);

  holder.reset();

  for (int i = 1; i <= 4; ++i) {
    auto message = q.lease_for(limit);
    ASSERT_TRUE(message);
    EXPECT_EQ(*message, i);
    EXPECT_EQ(message.attempts(), 2U);
    message.ack();
  }
  EXPECT_EQ(producer.answer(limit), "ok");
  EXPECT_EQ(q.pop_for(limit), 5);
  for (int i = 0; i < 8; ++i) {
    ASSERT_EQ(q.try_push(i), push_status::ok);
    ASSERT_EQ(q.try_pop(), i);
  }
  EXPECT_EQ(q.counters().reclaimed, 4U);
}

TEST_F(KnownHolesTest, PeerSemaphoreKeepsWhatAKilledProcessHeld) {
  void* memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const permits = new (memory) bi::interprocess_semaphore(1);
  std::optional<servant> holder{[&](const std::string&) -> std::string {
    permits->wait();
    return "held";
  }};
  ASSERT_EQ(holder->ask("wait", limit), "held");
  holder.reset();
  report_peer("a permit of a killed process is gone (boost interprocess_semaphore)",
              !permits->try_wait());
  munmap(memory, 4096);
}

// Hole 11: std::atomic::wait is never woken by another process.
TEST_F(KnownHolesTest, ASleeperIsWokenByAnotherProcessEveryTime) {
  const std::string ping = holes_name("ping"), pong = holes_name("pong");
  constexpr int rounds = 300;
  servant echo{[&](const std::string&) -> std::string {
    shm::detail::set_wait_slices(false);
    queue in{open_only, ping}, out{open_only, pong};
    for (int i = 0; i < rounds; ++i)
      if (out.push(in.pop().value()) != push_status::ok) return "closed";
    return "done";
  }};
  queue there{create_only, ping, {.capacity = 1}}, back{create_only, pong, {.capacity = 1}};
  echo.ask("echo");
  for (int i = 0; i < rounds; ++i) {
    // Asleep, not spinning: in every tenth round, to be sure of both.
    if (i % 10 == 0) {
      ASSERT_TRUE(falls_asleep(echo));
    }
    ASSERT_EQ(there.push_for(i, limit), push_status::ok);
    ASSERT_EQ(back.pop_for(limit), i);
  }
  EXPECT_EQ(echo.answer(limit), "done");
}

TEST_F(KnownHolesTest, PeerAtomicWaitIsNotWokenByAnotherProcess) {
  void* memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const word = new (memory) std::atomic<int>{0};
  servant sleeper{[&](const std::string&) -> std::string {
    word->wait(0);
    return "awake";
  }};
  sleeper.ask("wait");
  ASSERT_TRUE(falls_asleep(sleeper));
  word->store(1);
  word->notify_all();
  report_peer("std::atomic::wait sleeps on after another process's notify",
              !sleeper.answer(peer_limit).has_value());
}

}  // namespace
}  // namespace hawser::test
