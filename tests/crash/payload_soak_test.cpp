// Processes that lend, send, share, lease and pop payloads, killed at random under load, for
// seconds: no chunk leaks, none has two holders, what was committed arrives whole, and what was
// acknowledged never comes back.
//
// HAWSER_SOAK_SECONDS says for how long (5).

#include "../support/child.hpp"
#include "../support/payload_bytes.hpp"
#include <hawser/shm/payload_queue.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/stat.h>

namespace hawser::test {
namespace {

using namespace std::chrono_literals;
using shm::payload;
using shm::payload_pool;
using shm::payload_queue;
using shm::push_status;
using clock = std::chrono::steady_clock;

constexpr std::size_t producers = 2, consumers = 3, chunks = 6;
constexpr std::uint64_t numbers_max = 1U << 21;  // per producer and queue

/// What the processes say of each message, in memory that is no channel's.
enum fate : std::uint8_t { never, attempted, sent, acknowledged };

struct ledger {
  std::array<std::atomic<std::uint64_t>, producers> next;
  std::array<std::array<std::array<std::atomic<std::uint8_t>, numbers_max>, 2>, producers> fates;
  std::atomic<bool> stop;
  std::atomic<std::uint32_t> torn, came_back, unknown;
};

class PayloadSoakTest : public testing::Test {
 protected:
  PayloadSoakTest()
      : notes(static_cast<ledger*>(mmap(nullptr, sizeof(ledger), PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {}
  ~PayloadSoakTest() override { munmap(notes, sizeof(ledger)); }

  static std::uint64_t tag_of(std::size_t producer, std::uint64_t number) {
    return number * producers + producer;
  }

  void produce(std::size_t me) const {
    payload_pool pool{open_only, name};
    std::array queues{payload_queue<std::uint64_t>{pool, open_only, name + ".a"},
                      payload_queue<std::uint64_t>{pool, open_only, name + ".b"}};
    while (!notes->stop) {
      const std::uint64_t number = notes->next[me].fetch_add(1);
      if (number >= numbers_max) return;
      const std::uint64_t tag = tag_of(me, number);
      payload one = pool.loan(number % 16 == 0 ? 9000 : 128);
      fill(one.writable(), tag);
      payload two;
      if (number % 4 == 0) two = one.share();
      send(queues[number % 2], notes->fates[me][number % 2][number], tag, std::move(one));
      if (two)
        send(queues[1 - number % 2], notes->fates[me][1 - number % 2][number], tag, std::move(two));
    }
  }

  static void send(payload_queue<std::uint64_t>& queue, std::atomic<std::uint8_t>& fate,
                   std::uint64_t tag, payload&& one) {
    fate = attempted;
    queue.push(tag, std::move(one));
    std::uint8_t expected = attempted;  // a consumer may have been faster
    fate.compare_exchange_strong(expected, sent);
  }

  void judge(std::size_t queue, std::uint64_t tag, std::span<const std::byte> bytes) const {
    if (!holds(bytes, tag)) ++notes->torn;
    auto& fate = notes->fates[tag % producers][queue][tag / producers];
    if (fate == never) ++notes->unknown;
    if (fate == acknowledged) ++notes->came_back;
  }

  void consume(std::size_t me) const {
    payload_pool pool{open_only, name};
    const std::size_t mine = me % 2;
    payload_queue<std::uint64_t> queue{pool, open_only, name + (mine == 0 ? ".a" : ".b")};
    for (std::uint64_t turn = 0; !notes->stop; ++turn) {
      if (turn % 5 == 4) {
        auto got = queue.pop_for(20ms);
        if (!got) continue;
        judge(mine, got->meta, got->data.bytes());
        notes->fates[got->meta % producers][mine][got->meta / producers] = acknowledged;
        // It may write where it alone reads.
        fill(got->data.writable(), turn);
        continue;
      }
      auto got = queue.lease_for(20ms);
      if (!got) continue;
      judge(mine, got.meta(), got.bytes());
      if (turn % 7 == 6) continue;  // back to the queue
      auto& fate = notes->fates[got.meta() % producers][mine][got.meta() / producers];
      got.ack();
      fate = acknowledged;
    }
  }

  std::string name = unique_name();
  ledger* notes;
};

TEST_F(PayloadSoakTest, NothingLeaksAndNothingIsTornWhoeverIsKilled) {
  payload_pool pool{create_only, name, {.classes = {{128, chunks}}, .large = 2, .references = 4}};
  std::array queues{payload_queue<std::uint64_t>{pool, create_only, name + ".a", {.capacity = 4}},
                    payload_queue<std::uint64_t>{pool, create_only, name + ".b", {.capacity = 4}}};
  struct stat before {};
  const std::string path = "/dev/shm/hawser." + std::to_string(geteuid()) + "." + name;
  ASSERT_EQ(stat(path.c_str(), &before), 0);

  std::vector<std::unique_ptr<child>> all(producers + consumers);
  const auto start = [&](std::size_t i) {
    all[i] = std::make_unique<child>([&, i](const child::report& ready) {
      ready();
      if (i < producers) produce(i);
      else consume(i - producers);
      return 0;
    });
  };
  for (std::size_t i = 0; i < all.size(); ++i) start(i);
  const char* const text = std::getenv("HAWSER_SOAK_SECONDS");
  const auto end = clock::now() + std::chrono::seconds{text != nullptr ? std::atoi(text) : 5};
  std::mt19937 random{static_cast<std::uint32_t>(getpid())};
  int kills = 0;
  while (clock::now() < end) {
    const std::size_t victim = random() % all.size();
    ASSERT_TRUE(all[victim]->await_report());
    timespec pause{0, static_cast<long>(random() % 8'000'000)};
    nanosleep(&pause, nullptr);
    all[victim]->signal(SIGKILL);
    ASSERT_EQ(all[victim]->join(), -SIGKILL);
    ++kills;
    start(victim);
  }
  for (const auto& one : all) one->signal(SIGKILL);
  for (const auto& one : all) one->join();

  // What is left is taken out; then every chunk is there, and nothing else in use.
  for (std::size_t q = 0; q < 2; ++q)
    while (auto got = queues[q].lease_for(100ms)) {
      judge(q, got.meta(), got.bytes());
      notes->fates[got.meta() % producers][q][got.meta() / producers] = acknowledged;
      got.ack();
    }
  {
    std::vector<payload> every;
    for (std::size_t i = 0; i < chunks; ++i) {
      auto one = pool.loan_for(128, patience);
      ASSERT_TRUE(one) << "chunk " << i << " leaked";
      every.push_back(std::move(*one));
    }
    EXPECT_FALSE(pool.loan_for(128, 50ms));  // its wait sees the last deaths
    for (int i = 0; i < 2; ++i) {
      auto one = pool.loan_for(9000, patience);
      ASSERT_TRUE(one) << "a large chunk leaked";
      every.push_back(std::move(*one));
    }
  }
  const auto counts = pool.counters();
  EXPECT_EQ(counts.classes[0].in_use + counts.classes[1].in_use + counts.references_in_use, 0U);
  EXPECT_EQ(counts.stale, 0U);
  EXPECT_EQ(notes->torn, 0U);
  EXPECT_EQ(notes->unknown, 0U);
  std::uint64_t committed = 0, lost = 0;
  for (std::size_t p = 0; p < producers; ++p)
    for (std::uint64_t i = 0; i < std::min(numbers_max, notes->next[p].load()); ++i)
      for (std::size_t q = 0; q < 2; ++q) {
        committed += notes->fates[p][q][i] >= sent;
        lost += notes->fates[p][q][i] == sent;
      }
  // A consumer killed inside a pop, or between an ack and its note, takes one along.
  EXPECT_LE(lost + notes->came_back, static_cast<std::uint64_t>(kills) + all.size());
  EXPECT_EQ(notes->came_back, 0U);
  EXPECT_GT(committed, 100U);
  struct stat after {};
  ASSERT_EQ(stat(path.c_str(), &after), 0);
  EXPECT_EQ(after.st_blocks, before.st_blocks);
  std::printf("%d kills, %llu payloads committed, %llu reclaimed\n", kills,
              static_cast<unsigned long long>(committed),
              static_cast<unsigned long long>(counts.reclaimed));
}

}  // namespace
}  // namespace hawser::test
