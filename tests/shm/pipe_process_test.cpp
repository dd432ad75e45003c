// The pipe between processes: blocking, closing, and processes that are killed, stopped, forked.

#include "segment_support.hpp"
#include <hawser/shm/pipe.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::push_status;
using shm::take_status;
using test::child;
using test::eventually;
using test::unique_name;
using clock = std::chrono::steady_clock;

std::string text_of(std::size_t number) {
  std::string text = std::to_string(number) + ":";
  for (std::size_t i = 0; i < number * 31 % 700; ++i)
    text += static_cast<char>('a' + (number + i * i) % 26);
  return text;
}

/// Without slices: a lost wake-up is a hang here, not a delay. Children inherit it.
class PipeProcessTest : public testing::Test {
 protected:
  PipeProcessTest() { shm::detail::set_wait_slices(false); }
  ~PipeProcessTest() override { shm::detail::set_wait_slices(true); }
};

TEST_F(PipeProcessTest, MovesMixedSizesBothWaysAtOnce) {
  constexpr std::size_t count = 20'000;
  const std::string name = unique_name();
  shm::pipe<std::string> a{create_only, name, {.bytes = 1024}};
  // What the peer says to a message is that message; it may wait for us while we wait for it, but
  // not both for room: one message at a time is under way.
  child peer{[&](const child::report&) {
    shm::pipe<std::string> b{open_only, name};
    std::size_t number = 0;
    while (const auto text = b.receive()) {
      if (*text != text_of(number++)) return 2;
      if (b.send(*text) != push_status::ok) return 3;
    }
    return number == count ? 0 : 4;
  }};
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_EQ(a.send(text_of(i)), push_status::ok);
    ASSERT_EQ(a.receive(), text_of(i));
  }
  a.close();
  EXPECT_EQ(peer.join(), 0);
}

TEST_F(PipeProcessTest, MovesAStreamThroughASmallRing) {
  constexpr std::size_t count = 30'000;
  const std::string name = unique_name();
  shm::pipe<std::string> a{create_only, name, {.bytes = 512}};
  child peer{[&](const child::report&) {
    shm::pipe<std::string> b{open_only, name};
    std::vector<std::string> batch;
    for (std::size_t i = 0; i < count;) {
      if (i % 3 != 0) {
        if (b.send(text_of(i++)) != push_status::ok) return 1;
        continue;
      }
      batch.clear();
      for (std::size_t n = 0; n < 5 && i < count; ++n) batch.push_back(text_of(i++));
      if (b.send_batch(batch) != batch.size()) return 2;
    }
    return 0;
  }};
  std::size_t next = 0;
  for (;;) {
    if (next % 4 == 0) {
      const auto text = a.receive();
      if (!text) break;
      ASSERT_EQ(*text, text_of(next++));
    } else if (next % 4 == 1) {
      const auto view = a.read();
      if (!view) break;
      ASSERT_EQ(*view, text_of(next++));
    } else if (a.read_batch(3, [&](std::string_view text) { ASSERT_EQ(text, text_of(next++)); }) ==
               0) {
      break;
    }
  }
  EXPECT_EQ(next, count);
  EXPECT_EQ(peer.join(), 0);
}

TEST_F(PipeProcessTest, AKilledPeerIsEndOfFileAfterWhatItSent) {
  for (int round = 0; round < 20; ++round) {
    const std::string name = unique_name();
    shm::pipe<int> a{create_only, name};
    child peer{[&](const child::report& ready) {
      shm::pipe<int> b{open_only, name};
      for (int i = 0; i < 100; ++i) b.send(i);
      ready();
      pause();
      return 0;
    }};
    ASSERT_TRUE(peer.await_report());
    ASSERT_TRUE(a.peer_alive());
    int next = 0;
    for (; next < 50; ++next) ASSERT_EQ(a.receive(), next);
    peer.signal(SIGKILL);
    for (; next < 100; ++next) ASSERT_EQ(a.receive(), next);
    EXPECT_EQ(a.receive(), std::nullopt);  // sleeps until the death is noticed
    EXPECT_TRUE(a.ended());
    EXPECT_FALSE(a.peer_alive());
    EXPECT_EQ(a.send(1), push_status::closed);
  }
}

TEST_F(PipeProcessTest, WhoOnlySendsNoticesThatItsPeerWasKilled) {
  const std::string name = unique_name();
  shm::pipe<int> a{create_only, name};
  child peer{[&](const child::report& ready) {
    shm::pipe<int> b{open_only, name};
    ready();
    while (b.receive()) continue;
    return 0;
  }};
  ASSERT_TRUE(peer.await_report());
  ASSERT_EQ(a.send(1), push_status::ok);  // from here on the peer is watched
  peer.kill_and_join();
  // Slices are off: only the monitor can have noticed. There is room for all of these.
  EXPECT_TRUE(eventually([&] { return a.send(2) == push_status::closed; }));
}

TEST_F(PipeProcessTest, ASleepingSenderIsWokenByTheDeathOfItsPeer) {
  const std::string name = unique_name();
  shm::pipe<int> a{create_only, name, {.bytes = 256}};
  child peer{[&](const child::report& ready) {
    shm::pipe<int> b{open_only, name};
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(peer.await_report());
  child killer{[&](const child::report&) {
    const auto end = clock::now() + test::patience;
    while (a.counters().waits == 0 && clock::now() < end) poll(nullptr, 0, 1);
    peer.signal(SIGKILL);
    return 0;
  }};
  int sent = 0;
  while (a.send(sent) == push_status::ok) ++sent;
  EXPECT_EQ(sent, 15);
  EXPECT_EQ(killer.join(), 0);
}

TEST_F(PipeProcessTest, HalfAMessageOfAKilledSenderIsDropped) {
  const std::string name = unique_name();
  shm::pipe<std::string> a{create_only, name, {.bytes = 1024}};
  child peer{[&](const child::report& ready) {
    shm::pipe<std::string> b{open_only, name};
    b.send("whole");
    ready();
    b.send(std::string(100'000, 'x'));
    return 0;
  }};
  ASSERT_TRUE(peer.await_report());
  EXPECT_EQ(a.receive(), "whole");
  ASSERT_TRUE(eventually([&] { return a.waiting_bytes() > 500; }));
  EXPECT_FALSE(a.try_receive());  // takes some of its parts
  peer.kill_and_join();
  EXPECT_EQ(a.receive(), std::nullopt);
  EXPECT_TRUE(a.ended());
}

TEST_F(PipeProcessTest, ClosingWakesTheOtherEndAndOwnThreads) {
  const std::string name = unique_name();
  shm::pipe<int> a{create_only, name};
  child peer{[&](const child::report&) {
    shm::pipe<int> b{open_only, name};
    return b.receive() ? 1 : 0;
  }};
  ASSERT_TRUE(a.wait_for_peer(test::patience));
  ASSERT_TRUE(peer.await_state('S'));
  a.close();
  EXPECT_EQ(peer.join(), 0);
}

TEST_F(PipeProcessTest, WaitsForItsPeer) {
  const std::string name = unique_name();
  shm::pipe<int> a{create_only, name};
  child peer{[&](const child::report& ready) {
    ready();
    poll(nullptr, 0, 20);  // so that the other one sleeps; nothing depends on it
    shm::pipe<int> b{open_only, name};
    return b.receive() == 5 ? 0 : 1;
  }};
  ASSERT_TRUE(peer.await_report());
  EXPECT_TRUE(a.wait_for_peer(test::patience));
  EXPECT_EQ(a.send(5), push_status::ok);
  EXPECT_EQ(peer.join(), 0);
}

TEST_F(PipeProcessTest, AStoppedPeerIsAlive) {
  const std::string name = unique_name();
  shm::pipe<int> a{create_only, name};
  child peer{[&](const child::report& ready) {
    shm::pipe<int> b{open_only, name};
    ready();
    raise(SIGSTOP);
    return b.receive() == 7 && b.send(8) == push_status::ok ? 0 : 1;
  }};
  ASSERT_TRUE(peer.await_report());
  ASSERT_TRUE(peer.await_state('T'));
  EXPECT_TRUE(a.peer_alive());
  EXPECT_EQ(a.send(7), push_status::ok);
  EXPECT_EQ(a.read_for(50ms).status(), take_status::timed_out);
  peer.signal(SIGCONT);
  EXPECT_EQ(a.receive(), 8);
  EXPECT_EQ(peer.join(), 0);
}

TEST_F(PipeProcessTest, AForkHasNoEndAndClosesNone) {
  const std::string name = unique_name();
  auto a = std::make_optional<shm::pipe<int>>(create_only, name);
  shm::pipe<int> b{open_only, name};
  a->send(1);
  b.send(2);
  child fork{[&](const child::report&) {
    int refused = 0;
    const auto refuses = [&](auto use) {
      try {
        use();
      } catch (const error& e) {
        if (e.code() == errc::not_supported) ++refused;
      }
    };
    refuses([&] { (void)a->send(3); });
    refuses([&] { (void)a->try_send(3); });
    refuses([&] { (void)a->receive(); });
    refuses([&] { (void)a->try_read(); });
    refuses([&] { (void)a->wait_for_peer(1ms); });
    refuses([&] { (void)a->async_wait(shm::ready::readable, [] {}); });
    refuses([&] { (void)a->try_send_batch(std::vector{1, 2}); });
    if (!a->closed()) return 1;
    a->close();
    a->close_sending();
    a.reset();
    return refused == 7 ? 0 : 2;
  }};
  EXPECT_EQ(fork.join(), 0);
  EXPECT_EQ(b.receive(), 1);
  EXPECT_EQ(a->receive(), 2);
  EXPECT_EQ(a->send(4), push_status::ok);
  EXPECT_EQ(b.receive(), 4);
}

TEST_F(PipeProcessTest, AnAnonymousPairLeavesNothingWhenBothAreKilled) {
  std::string name;
  child parent{[&](const child::report& ready) {
    auto mine = shm::pipe<std::string>::anonymous();
    const child inner{[&](const child::report& inner_ready) {
      shm::pipe<std::string> theirs{open_only, mine.name()};
      theirs.send(mine.name());
      inner_ready();
      pause();
      return 0;
    }};
    if (!inner.await_report()) return 1;
    const auto words = mine.receive();
    if (!words || *words != mine.name() || test::exists_in_shm(*words)) return 2;
    ready();
    inner.signal(SIGKILL);
    raise(SIGKILL);
    return 3;
  }};
  ASSERT_TRUE(parent.await_report());
  EXPECT_EQ(parent.join(), -SIGKILL);
}

TEST_F(PipeProcessTest, APipeWhoseCreatorWasKilledIsStaleUntilItIsCreatedAnew) {
  const std::string name = unique_name();
  child creator{[&](const child::report& ready) {
    shm::pipe<int> a{create_only, name};
    a.send(1);
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(creator.await_report());
  creator.kill_and_join();
  EXPECT_ERROR(errc::stale, name, shm::pipe<int>(open_only, name));
  shm::pipe<int> a{create_only, name};
  EXPECT_FALSE(a.try_receive());
  shm::pipe<int> b{open_only, name};
  b.send(2);
  EXPECT_EQ(a.receive(), 2);
}

}  // namespace
}  // namespace hawser
