// Producers and consumers killed at random under load, for seconds: what the ledger says was
// committed is there, what it says was acknowledged never comes back.
//
// HAWSER_SOAK_SECONDS says for how long (10).

#include "raw_segment.hpp"
#include "soak_ledger.hpp"
#include <hawser/shm/queue.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <killpoint/servant.hpp>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hawser::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using queue = shm::queue<soak_message>;

constexpr std::size_t capacity = 16;  // small: full and empty all the time

std::chrono::seconds duration() {
  const char* text = std::getenv("HAWSER_SOAK_SECONDS");
  return std::chrono::seconds{text != nullptr ? std::atoi(text) : 10};
}

std::string text_of(const soak_message& m) {
  return "message " + std::to_string(m.producer) + ":" + std::to_string(m.number);
}

void produce(soak_ledger& ledger, const std::string& name, std::size_t me) {
  queue out{open_only, name};
  auto& next = ledger.all().next[me];
  for (std::uint64_t turn = 0; !ledger.all().stop; ++turn) {
    // Runs of one, and for every other producer's turn of up to eight.
    const std::uint64_t first = next.load(), n = me % 2 == 0 ? 1 : 1 + turn % 8;
    if (first + n > ledger.messages_max()) return;
    std::vector<soak_message> batch;
    for (std::uint64_t i = first; i < first + n; ++i) {
      batch.push_back(soak_message::make(me, i));
      ledger.of(me, i).push = soak_ledger::attempted;
    }
    next.store(first + n);  // a number that was attempted is never attempted again
    const std::size_t pushed =
        n == 1 ? out.push(batch[0]) == shm::push_status::ok : out.push_batch(batch);
    if (pushed != n) return ledger.wrong("an open queue refused a message");
    for (std::uint64_t i = first; i < first + n; ++i) ledger.of(me, i).push = soak_ledger::returned;
  }
}

void work(soak_ledger& ledger, shm::lease<soak_message>& lease,
          std::array<std::uint64_t, soak_producers>& least) {
  const soak_message m = *lease;
  if (!m.whole()) return ledger.wrong("a torn message");
  auto& entry = ledger.of(m.producer, m.number);
  if (entry.push == 0) ledger.wrong(text_of(m) + " was never pushed");
  if (entry.ack == soak_ledger::returned) ledger.wrong(text_of(m) + " came after its ack");
  if (lease.attempts() == 1) {
    // One consumer sees each producer's messages in the order they were pushed.
    if (m.number < least[m.producer]) ledger.wrong(text_of(m) + " came out of order");
    least[m.producer] = m.number + 1;
  } else {
    ledger.all().redelivered.fetch_add(1);
  }
  if (m.number % 97 == 0 && lease.attempts() < 3) return lease.nack();
  entry.ack = soak_ledger::attempted;
  lease.ack();
  if (entry.ack.exchange(soak_ledger::returned) == soak_ledger::returned)
    ledger.wrong(text_of(m) + " was acknowledged twice");
  ledger.all().acked.fetch_add(1);
}

void consume(soak_ledger& ledger, const std::string& name, std::size_t me) {
  queue in{open_only, name};
  std::array<std::uint64_t, soak_producers> least{};
  for (;;) {
    if (me % 2 == 0) {
      auto lease = in.lease();
      if (!lease) return;
      work(ledger, lease, least);
    } else {
      auto leases = in.lease_batch(4);
      if (leases.empty()) return;
      for (auto& lease : leases) work(ledger, lease, least);
    }
  }
}

/// A process of the soak: killed and started again many times.
class worker {
 public:
  worker(soak_ledger& ledger, std::function<void()> body)
      : ledger_(ledger), body_(std::move(body)) {}
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;
  ~worker() { kill(); }

  void start() {
    const pid_t parent = getpid();
    pid_ = fork();
    ASSERT_GE(pid_, 0);
    if (pid_ > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    try {
      body_();
    } catch (const std::exception& e) {
      ledger_.wrong(e.what());
    }
    _exit(0);
  }
  void kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  /// Whether it ended by itself.
  bool join_until(clock::time_point until) {
    while (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) != pid_) {
      if (clock::now() > until) return false;
      std::this_thread::sleep_for(1ms);
    }
    pid_ = -1;
    return true;
  }

 private:
  soak_ledger& ledger_;
  std::function<void()> body_;
  pid_t pid_ = -1;
};

/// Holds the queue while everybody else dies; what it says goes into the test's verdict.
std::string keep(std::unique_ptr<queue>& held, const std::string& name, const std::string& order) {
  if (order == "create") {
    held = std::make_unique<queue>(create_only, name, shm::queue_options{.capacity = capacity});
  } else if (order == "close") {
    held->close();
  } else if (order == "audit") {
    const raw_segment raw(name);
    // Sleeping once makes this process look for whoever was killed last.
    (void)held->pop_for(1ms);
    if (!held->drained()) return "not drained";
    if (raw.occupied() != 0) return std::to_string(raw.occupied()) + " slots are still taken";
    if (raw.participants() != 1)
      return std::to_string(raw.participants() - 1) + " dead participants are still there";
    const auto c = held->counters();
    if (c.acked > c.delivered || c.redelivered > c.delivered) return "the counters are off";
    held.reset();
  }
  return "ok";
}

struct tally {
  std::uint64_t committed = 0, lost = 0, unknown = 0;
};

tally count(soak_ledger& ledger) {
  tally result;
  for (std::uint64_t p = 0; p < soak_producers; ++p)
    for (std::uint64_t i = 0; i < ledger.all().next[p]; ++i) {
      const auto& entry = ledger.of(p, i);
      if (entry.push == soak_ledger::returned) {
        ++result.committed;
        if (entry.ack == 0) ++result.lost;
      } else {
        ++result.unknown;  // killed inside its push: in or not in, once or never
      }
    }
  return result;
}

TEST(QueueSoakTest, LosesAndRepeatsNothingWhileProcessesAreKilledAtRandom) {
  const std::string name = "soak." + std::to_string(getpid());
  soak_ledger ledger(static_cast<std::uint64_t>(duration().count() + 1) * 2'000'000);
  std::unique_ptr<queue> held;  // in the keeper's process
  killpoint::servant keeper(
      [&](const std::string& order) -> std::string { return keep(held, name, order); });
  ASSERT_EQ(keeper.ask("create", 10s), "ok");

  std::vector<std::unique_ptr<worker>> workers;
  for (std::size_t i = 0; i < soak_producers; ++i)
    workers.push_back(std::make_unique<worker>(ledger, [&, i] { produce(ledger, name, i); }));
  for (std::size_t i = 0; i < soak_consumers; ++i)
    workers.push_back(std::make_unique<worker>(ledger, [&, i] { consume(ledger, name, i); }));
  for (auto& one : workers) one->start();

  const auto seed = std::random_device{}();
  std::minstd_rand random{seed};
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::uint64_t kills = 0, acked = 0;
  auto moved = clock::now();
  for (const auto end = clock::now() + duration(); clock::now() < end && !ledger.all().wrongs;) {
    std::this_thread::sleep_for(std::chrono::microseconds{200 + random() % 3000});
    worker& victim = *workers[random() % workers.size()];
    victim.kill();
    victim.start();
    ++kills;
    if (const std::uint64_t now = ledger.all().acked; now != acked) {
      acked = now;
      moved = clock::now();
    }
    ASSERT_LT(clock::now() - moved, 5s) << "nothing moves any more after " << kills << " kills";
  }

  ledger.all().stop = true;
  for (std::size_t i = 0; i < soak_producers; ++i)
    ASSERT_TRUE(workers[i]->join_until(clock::now() + 20s)) << "producer " << i << " hangs";
  ASSERT_EQ(keeper.ask("close", 10s), "ok");
  for (std::size_t i = soak_producers; i < workers.size(); ++i)
    ASSERT_TRUE(workers[i]->join_until(clock::now() + 20s)) << "consumer " << i << " hangs";

  EXPECT_EQ(ledger.all().wrongs, 0U) << ledger.all().first_wrong.data();
  const tally found = count(ledger);
  EXPECT_EQ(found.lost, 0U) << "of " << found.committed << " committed messages";
  EXPECT_GT(found.committed, 1000U);
  EXPECT_GT(ledger.all().redelivered, 0U);
  EXPECT_EQ(keeper.ask("audit", 10s), "ok");
  EXPECT_EQ(segments_with(name), std::vector<std::string>{});
  std::printf("%llu kills, %llu messages committed, %llu redelivered, %llu cut off in their push\n",
              static_cast<unsigned long long>(kills),
              static_cast<unsigned long long>(found.committed),
              static_cast<unsigned long long>(ledger.all().redelivered),
              static_cast<unsigned long long>(found.unknown));
}

}  // namespace
}  // namespace hawser::test
