// Messages for a process that does not take them: who waits, who is refused, who is told.

#include "transport_server.hpp"

namespace test {
namespace {

using actors::peer_error;
using actors::process;

class TransportRoomTest : public testing::Test {
 protected:
  const std::string group = unique_name();
};

TEST_F(TransportRoomTest, ABlockingSenderWaitsForAStoppedPeerAndAnotherIsRefused) {
  constexpr std::size_t mark = 256 * 1024;
  node own{group, [](auto& options) { options.backlog_bytes = mark; }};
  const process other = process::spawn(server, group, "echo");
  const auto remote = own.lookup("echo");
  ASSERT_EQ(ask<int>(own.self, remote, 1), 1);
  ASSERT_TRUE(stop(other));
  const std::string kilobyte(1024, 'x');
  // Nobody waits who must not: beyond twice the mark its requests are answered at once.
  std::promise<caf::error> refused;
  own.system.spawn([&](caf::event_based_actor* self) {
    for (int i = 0; i < 2000; ++i) self->send(remote, kilobyte);
    self->request(remote, caf::infinite, 1)
        .then([](int) {},
              [&, self](const caf::error& reason) {
                refused.set_value(reason);
                self->quit();
              });
  });
  auto result = refused.get_future();
  ASSERT_EQ(result.wait_for(patience), std::future_status::ready);
  EXPECT_EQ(result.get(), peer_error::congested);
  const auto now = own.host.statistics();
  EXPECT_GT(now.refused, 0U);
  EXPECT_LE(now.waiting_bytes, 2 * mark + 2048);
  // A blocking actor waits, and its message is not lost.
  std::atomic<bool> sent{false};
  std::thread waits{[&] {
    caf::scoped_actor self{own.system};
    EXPECT_EQ(ask<int>(self, remote, 42), 42);
    sent = true;
  }};
  EXPECT_FALSE(sent);
  other.signal(SIGCONT);
  waits.join();
  EXPECT_TRUE(sent);
  EXPECT_TRUE(eventually([&] { return own.host.statistics().waiting_bytes == 0; }));
}

TEST_F(TransportRoomTest, AnEventBasedSenderGoesOnWhenThereIsRoom) {
  constexpr std::size_t mark = 64 * 1024;
  constexpr int count = 20'000, at_a_time = 50;
  node own{group, [](auto& options) {
             options.backlog_bytes = mark;
             options.ring_bytes = 8192;
           }};
  const process other = process::spawn(server, group, "echo");
  const auto remote = own.lookup("echo");
  ASSERT_EQ(ask<int>(own.self, remote, 1), 1);
  ASSERT_TRUE(stop(other));
  std::atomic<int> sent{0};
  const auto sender = own.system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    own.host.await_room(remote, self);
    return {[&, self](const actors::peer_writable& room) {
      EXPECT_EQ(room.node, remote.node());
      for (int i = 0; i < at_a_time; ++i) self->send(remote, count_atom_v, 1);
      if ((sent += at_a_time) == count) self->quit();
      else own.host.await_room(remote, self);
    }};
  });
  // It stops when half the mark waits.
  ASSERT_TRUE(eventually([&] { return own.host.statistics().waiting_bytes >= mark / 2; }));
  const int when_full = sent;
  EXPECT_LT(when_full, count);
  other.signal(SIGCONT);
  own.self->wait_for(sender);
  EXPECT_EQ(ask<int>(own.self, remote, count_atom_v), count);
  EXPECT_EQ(own.host.statistics().refused, 0U);
}

TEST_F(TransportRoomTest, WhoWaitsForRoomHearsOfTheEnd) {
  node own{group, [](auto& options) { options.backlog_bytes = 1024; }};
  process other = process::spawn(server, group, "echo");
  const auto remote = own.lookup("echo");
  ASSERT_EQ(ask<int>(own.self, remote, 1), 1);
  ASSERT_TRUE(stop(other));
  std::promise<void> told;
  const auto waits = own.system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    const std::string kilobyte(1024, 'x');
    for (int i = 0; i < 400; ++i) self->send(remote, kilobyte);
    own.host.await_room(remote, self);
    return {[&, self](const actors::peer_writable&) { told.set_value(), self->quit(); }};
  });
  auto future = told.get_future();
  EXPECT_EQ(future.wait_for(20ms), std::future_status::timeout);
  other.kill();
  EXPECT_EQ(future.wait_for(patience), std::future_status::ready);
  own.self->wait_for(waits);
}

}  // namespace
}  // namespace test
