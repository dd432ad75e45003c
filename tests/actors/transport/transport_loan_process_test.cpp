// What is lent between processes that are killed, or do not take it.

#include "transport_server.hpp"
#include <hawser/shm/payload_pool.hpp>

#include <cstring>

namespace test {
namespace {

using actors::process;
using actors::shared_bytes;

constexpr std::size_t megabyte = 1 << 20;

shared_bytes filled(node& by, std::size_t bytes, char with) {
  shm::payload loan = by.host.loan(bytes);
  std::memset(loan.writable().data(), with, bytes);
  return shared_bytes{std::move(loan)};
}

bool is_full_of(const char_vector& bytes, char what) {
  return !bytes.empty() && bytes.front() == what &&
         std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

/// Asks with what is lent, both ways of it, for ever.
int lends(std::string group, std::string name) {
  node own{group};
  const auto remote = own.lookup(name);
  for (char i = 'a';; i = i == 'z' ? 'a' : static_cast<char>(i + 1)) {
    own.self->send(remote, hold_atom_v, filled(own, 100'000, i));
    const auto large = ask<char_vector>(own.self, remote, char_vector(2 * megabyte, i));
    if (!large || !is_full_of(*large, i)) return 3;
    const auto bytes = ask<shared_bytes>(own.self, remote, filled(own, megabyte, i));
    if (!bytes || bytes->size() != megabyte || bytes->bytes()[megabyte / 2] != std::byte(i))
      return 4;
  }
}
HAWSER_PROCESS(lends);

/// Has sent ten large messages, and dies.
int lends_and_dies(std::string group) {
  node own{group};
  const auto counter = own.lookup("counter");
  if (!ask<int>(own.self, counter, char_vector(2 * megabyte))) return 3;
  for (int i = 0; i < 5; ++i) {
    own.self->send(counter, char_vector(2 * megabyte, 'x'));
    own.self->send(counter, filled(own, megabyte, 'y'));
  }
  return raise(SIGKILL);
}
HAWSER_PROCESS(lends_and_dies);

class TransportLoanProcessTest : public testing::Test {
 protected:
  static std::size_t in_use(const shm::payload_pool& pool) {
    const auto now = pool.counters();
    std::size_t all = now.references_in_use;
    for (const auto& one : now.classes) all += one.in_use;
    return all;
  }
  shm::payload_pool pool() const {
    return shm::payload_pool{open_only, "actors." + group + ".loans"};
  }

  const std::string group = unique_name();
};

TEST_F(TransportLoanProcessTest, WhateverIsKilledNothingStaysLent) {
  node own{group};
  const auto served = own.system.spawn(echo);
  own.host.publish(served, "echo");
  std::vector<process> clients(3);
  for (int round = 0; round < 60; ++round) {
    process& one = clients[static_cast<std::size_t>(round) % clients.size()];
    if (one) {
      one.kill();
      EXPECT_EQ(one.join().signal(), SIGKILL);
    }
    one = process::spawn(lends, group, "echo");
    usleep(static_cast<unsigned>(round % 20) * 2000);
    ASSERT_EQ(ask<int>(own.self, served, round), round);
  }
  for (process& one : clients) {
    one.kill();
    EXPECT_EQ(one.join().signal(), SIGKILL);
  }
  EXPECT_EQ(own.host.statistics().damaged, 0U);
  caf::anon_send_exit(served, caf::exit_reason::kill);  // and what it has kept
  const auto all = pool();
  EXPECT_TRUE(eventually([&] { return in_use(all) == 0; })) << in_use(all);
}

TEST_F(TransportLoanProcessTest, EachLargeRequestHasOneOutcomeHoweverItsProcessDies) {
  node own{group};
  for (int round = 0; round < 40; ++round) {
    process other = process::spawn(server, group, "echo");
    const auto remote = own.lookup("echo");
    constexpr int count = 20;
    std::vector<int> outcomes(count, 0);
    int left = count;
    const auto asker = own.system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
      const auto outcome = [&, self](int i) {
        ++outcomes[static_cast<std::size_t>(i)];
        if (--left == 0) self->quit();
      };
      for (int i = 0; i < count; ++i)
        self->request(remote, caf::infinite, char_vector(megabyte + 1, static_cast<char>(i)))
            .then(
                [=](const char_vector& got) {
                  outcome(is_full_of(got, static_cast<char>(i)) ? i : 0);
                },
                [=](const caf::error&) { outcome(i); });
      return {[](int) {}};
    });
    usleep(static_cast<unsigned>(round % 20) * 500);
    other.kill();
    own.self->wait_for(asker);
    for (const int outcome : outcomes) ASSERT_EQ(outcome, 1);
    ASSERT_EQ(own.host.statistics().pending_requests, 0U);
    ASSERT_EQ(own.host.statistics().waiting_bytes, 0U);
    other.join();
  }
}

TEST_F(TransportLoanProcessTest, WhatAKilledProcessHadLentIsDelivered) {
  node own{group};
  std::atomic<int> count{0};
  const auto counter = own.system.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](const char_vector& bytes) { return is_full_of(bytes, 'x') ? ++count : 0; },
            [&](const shared_bytes& bytes) {
              if (bytes.is_lent() && bytes.size() == megabyte && bytes.bytes()[7] == std::byte{'y'})
                ++count;
            }};
  });
  own.host.publish(counter, "counter");
  for (int round = 1; round <= 10; ++round) {
    const process other = process::spawn(lends_and_dies, group);
    EXPECT_EQ(other.join().signal(), SIGKILL);
    EXPECT_TRUE(eventually([&] { return count == 10 * round; })) << count << " in round " << round;
  }
  caf::anon_send_exit(counter, caf::exit_reason::kill);
}

TEST_F(TransportLoanProcessTest, WhatIsLentCountsUntilItIsRead) {
  constexpr std::size_t mark = 8 * megabyte, size = 3 * megabyte;
  node own{group, [](auto& options) { options.backlog_bytes = mark; }};
  const process other = process::spawn(server, group, "echo");
  const auto remote = own.lookup("echo");
  ASSERT_TRUE(ask<char_vector>(own.self, remote, char_vector(size, 'x')));
  ASSERT_TRUE(stop(other));
  // An event-based actor is refused beyond twice the mark.
  const auto sender = own.system.spawn([&](caf::event_based_actor* self) {
    for (int i = 0; i < 20; ++i) self->send(remote, char_vector(size, 'x'));
  });
  own.self->wait_for(sender);
  EXPECT_GT(own.host.statistics().refused, 0U);
  EXPECT_GE(own.host.statistics().waiting_bytes, 2 * mark);
  EXPECT_LE(own.host.statistics().waiting_bytes, 2 * mark + size + 4096);
  const auto all = pool();
  EXPECT_LE(in_use(all), 2 * mark / size + 1);
  // A blocking one waits, and goes on as it is read.
  std::atomic<bool> answered{false};
  std::thread waits{[&] {
    caf::scoped_actor self{own.system};
    const auto got = ask<char_vector>(self, remote, char_vector(size, 'z'));
    EXPECT_TRUE(got && is_full_of(*got, 'z'));
    answered = true;
  }};
  EXPECT_FALSE(answered);
  other.signal(SIGCONT);
  waits.join();
  EXPECT_TRUE(eventually([&] { return own.host.statistics().waiting_bytes == 0; }));
  EXPECT_TRUE(eventually([&] { return in_use(all) == 0; })) << in_use(all);
}

}  // namespace
}  // namespace test
