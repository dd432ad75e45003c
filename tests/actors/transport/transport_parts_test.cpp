// What the transport is made of, one by one.

#include "transport_support.hpp"
#include <hawser/shm/detail/door_core.hpp>
#include <hawser/shm/detail/pipe_core.hpp>

#include <limits>

#include <transport/content.hpp>
#include <transport/outbox.hpp>
#include <transport/peer.hpp>
#include <transport/pending_requests.hpp>

namespace test {
namespace {

using namespace hawser::actors::detail;
using hawser::shm::detail::door_core;
using hawser::shm::detail::opening;
using hawser::shm::detail::pipe_core;

// --- content --------------------------------------------------------------------------------------

class ContentTest : public testing::Test {
 protected:
  frame_buffer saved(const caf::message& content) {
    frame_buffer bytes;
    EXPECT_FALSE(save_content(own.system, bytes, content.content()));
    return bytes;
  }
  caf::expected<caf::message> loaded(const frame_buffer& bytes) {
    caf::scoped_execution_unit unit{&own.system};
    return load_content(unit, reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
  }

  node own{unique_name()};
};

TEST_F(ContentTest, ValuesComeBackAsTheyWere) {
  const auto message = caf::make_message(
      true, std::int8_t{-1}, std::uint64_t{1} << 63, -1.5, std::string(300, 'x'),
      std::vector<char>{1, 2, 3}, caf::atom("word"), point{7, "seven"},
      std::vector<point>{{1, "a"}}, std::map<std::string, std::string>{{"key", "value"}},
      caf::error{3, caf::atom("test")}, caf::make_message(1, "nested"));
  const auto back = loaded(saved(message));
  ASSERT_TRUE(back) << own.system.render(back.error());
  EXPECT_EQ(to_string(*back), to_string(message));
  EXPECT_EQ(back->size(), message.size());
  EXPECT_EQ(back->type_token(), message.type_token());
}

TEST_F(ContentTest, WhatIsCutOffIsAnErrorWhereverItIsCut) {
  const frame_buffer whole = saved(caf::make_message(7, std::string("text"), point{1, "one"}));
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const auto back = loaded({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes)});
    ASSERT_FALSE(back) << bytes;
    EXPECT_EQ(back.error(), actors::peer_error::not_decodable);
  }
}

TEST_F(ContentTest, TypesThatDoNotExistAreErrors) {
  frame_buffer bytes;
  append(bytes, std::uint16_t{1});
  append(bytes, std::numeric_limits<std::uint16_t>::max());
  EXPECT_EQ(loaded(bytes).error(), actors::peer_error::not_decodable);
  frame_buffer named;
  append(named, std::uint16_t{1});
  append(named, std::uint16_t{0});
  append(named, std::uint16_t{7});
  for (const char c : std::string{"no_type"}) named.push_back(c);
  const auto failed = loaded(named);
  EXPECT_NE(own.system.render(failed.error()).find("no_type"), std::string::npos);
}

// --- pending requests -----------------------------------------------------------------------------

class PendingRequestsTest : public testing::Test {
 protected:
  static caf::message_id request(std::uint64_t number) {
    return caf::make_message_id<caf::message_priority::normal>(number);
  }
  static std::shared_ptr<peer> some_peer(std::uint32_t pid) {
    return std::make_shared<peer>(wire_node{pid, {1}}, actors::transport_options{}, [] {});
  }

  caf::actor_system_config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  const caf::strong_actor_ptr asker = caf::actor_cast<caf::strong_actor_ptr>(self);
  const std::shared_ptr<peer> one = some_peer(1), other = some_peer(2);
  pending_requests pending;
};

TEST_F(PendingRequestsTest, EachIsTakenOutOnce) {
  pending.add(asker, request(1), one);
  pending.add(asker, request(2), one);
  EXPECT_EQ(pending.size(), 2U);
  EXPECT_TRUE(pending.remove(asker->id(), request(1).response_id()));
  EXPECT_FALSE(pending.remove(asker->id(), request(1).response_id()));
  EXPECT_EQ(pending.take_all(*other).size(), 0U);
  const auto taken = pending.take_all(*one);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].mid, request(2));
  EXPECT_FALSE(pending.remove(asker->id(), request(2)));
  EXPECT_EQ(pending.size(), 0U);
}

TEST_F(PendingRequestsTest, OneThatMovesIsAnotherPeersToAnswer) {
  pending.add(asker, request(1), one);
  EXPECT_TRUE(pending.move(asker->id(), request(1), other));
  EXPECT_TRUE(pending.take_all(*one).empty());
  EXPECT_EQ(pending.take_all(*other).size(), 1U);
  EXPECT_FALSE(pending.move(asker->id(), request(1), other));
  pending.add(asker, request(2), one);
  EXPECT_TRUE(pending.move(asker->id(), request(2), nullptr));  // to an actor of our own
  EXPECT_EQ(pending.size(), 0U);
}

TEST_F(PendingRequestsTest, ThoseOfActorsThatAreGoneDoNotPileUp) {
  for (std::uint64_t i = 1; i <= 5000; ++i) {
    caf::scoped_actor short_lived{system, true};
    pending.add(caf::actor_cast<caf::strong_actor_ptr>(short_lived), request(i), one);
  }
  EXPECT_LE(pending.size(), 1024U);
}

// --- outbox ---------------------------------------------------------------------------------------

class OutboxTest : public testing::Test {
 protected:
  static constexpr std::size_t mark = 4096;
  static actors::transport_options options(actors::backlog_policy policy) {
    actors::transport_options all;
    all.backlog_bytes = mark;
    all.backlog = policy;
    return all;
  }
  OutboxTest() {
    hawser::shm::detail::pipe_request request;
    request.name = name;
    request.how = opening::create_only;
    request.ring_bytes = 1024;
    request.message_bytes_max = 1 << 20;
    sending = std::make_unique<pipe_core>(request);
    request.how = opening::open_only;
    receiving = std::make_unique<pipe_core>(request);
  }
  void connect() { box.connect(*sending, door, frame(0, 32)); }
  /// Of so many bytes, header included; what it says is its number.
  static frame_buffer frame(std::uint64_t number, std::size_t bytes) {
    frame_buffer all;
    append(all, frame_header{.kind = frame_kind::message, .mid = number});
    all.resize(bytes, static_cast<char>(number));
    return all;
  }
  /// Takes what is there, as a transport does: parts are put together, `room` is left out.
  std::vector<frame_buffer> take() {
    std::vector<frame_buffer> all;
    hawser::shm::detail::pipe_message message{};
    while (receiving->try_peek(message) == hawser::shm::take_status::ok) {
      frame_header header{};
      frame_reader in{message.data, message.bytes};
      EXPECT_TRUE(in.read(header));
      const auto* const bytes = reinterpret_cast<const char*>(message.data);
      if (header.kind == frame_kind::part) {
        parts.insert(parts.end(), bytes + sizeof header, bytes + message.bytes);
        if (parts.size() == header.mid) all.push_back(std::exchange(parts, {}));
      } else if (header.kind == frame_kind::room) {
        ++rooms;
      } else {
        all.emplace_back(bytes, bytes + message.bytes);
      }
      receiving->take(message);
    }
    return all;
  }

  const std::string name = unique_name();
  std::unique_ptr<pipe_core> sending, receiving;
  door_core door{{name + ".door", opening::create_only}};
  int backlogs = 0, rooms = 0;
  frame_buffer parts;
  outbox box{options(actors::backlog_policy::wait), [this] { ++backlogs; }};
};

TEST_F(OutboxTest, WhatWaitsForAConnectionGoesFirstAndInOrder) {
  for (std::uint64_t i = 1; i <= 3; ++i)
    EXPECT_EQ(box.send(frame(i, 40), outbox::urgency::message), outbox::result::taken);
  EXPECT_EQ(backlogs, 1);
  EXPECT_TRUE(box.has_backlog());
  connect();
  EXPECT_FALSE(box.has_backlog());
  EXPECT_EQ(box.send(frame(4, 40), outbox::urgency::message), outbox::result::taken);
  EXPECT_EQ(take(),
            (std::vector{frame(0, 32), frame(1, 40), frame(2, 40), frame(3, 40), frame(4, 40)}));
}

TEST_F(OutboxTest, AFullRingIsNoEndAndNoFrameOvertakes) {
  connect();
  std::vector<frame_buffer> sent{frame(0, 32)}, got;
  for (std::uint64_t i = 1; i <= 40; ++i) {
    sent.push_back(frame(i, i % 7 == 0 ? 700 : 64));  // some of them in parts
    ASSERT_EQ(box.send(sent.back(), outbox::urgency::protocol), outbox::result::taken);
  }
  EXPECT_TRUE(box.has_backlog());
  EXPECT_FALSE(box.can_flush());
  while (got.size() < sent.size()) {
    for (auto& one : take()) got.push_back(std::move(one));
    EXPECT_GT(rooms, 0);  // whoever fills the ring is told that it is read
    box.flush();
  }
  EXPECT_EQ(got, sent);
  EXPECT_FALSE(box.has_backlog());
  EXPECT_EQ(box.counters().waiting_bytes, 0U);
}

TEST_F(OutboxTest, BeyondTwiceTheMarkAMessageIsRefusedAndWhatKeepsThePromiseIsNot) {
  connect();
  while (box.send(frame(1, 512), outbox::urgency::message) == outbox::result::taken)
    ASSERT_LE(box.counters().waiting_bytes, 2 * mark + 512);
  EXPECT_GE(box.counters().waiting_bytes, 2 * mark);
  EXPECT_EQ(box.counters().refused, 1U);
  EXPECT_EQ(box.send(frame(2, 64), outbox::urgency::protocol), outbox::result::taken);
  outbox strict{options(actors::backlog_policy::reject), [] {}};
  while (strict.send(frame(1, 512), outbox::urgency::may_wait) == outbox::result::taken)
    ASSERT_LE(strict.counters().waiting_bytes, mark + 512);
  EXPECT_LT(strict.counters().waiting_bytes, mark + 512);
}

TEST_F(OutboxTest, WhoMayWaitWaitsUntilThereIsRoom) {
  connect();
  while (box.counters().waiting_bytes < mark) box.send(frame(1, 512), outbox::urgency::message);
  auto waiting = std::async(std::launch::async,
                            [&] { return box.send(frame(2, 64), outbox::urgency::may_wait); });
  EXPECT_EQ(waiting.wait_for(10ms), std::future_status::timeout);
  while (box.has_backlog()) take(), box.flush();
  EXPECT_EQ(waiting.get(), outbox::result::taken);
  frame_buffer last;
  for (bool again = true; again; box.flush()) {
    again = box.has_backlog();
    for (auto& one : take()) last = std::move(one);
  }
  EXPECT_EQ(last, frame(2, 64));
}

TEST_F(OutboxTest, RoomIsToldOnceAndAtTheEndToo) {
  connect();
  int told = 0;
  box.when_room([&] { ++told; });
  EXPECT_EQ(told, 1);  // there is some
  while (box.counters().waiting_bytes < mark) box.send(frame(1, 512), outbox::urgency::message);
  box.when_room([&] { ++told; });
  EXPECT_EQ(told, 1);
  while (box.has_backlog()) take(), box.flush();
  EXPECT_EQ(told, 2);
  while (box.counters().waiting_bytes < mark) box.send(frame(1, 512), outbox::urgency::message);
  box.when_room([&] { ++told; });
  box.close();
  EXPECT_EQ(told, 3);
  EXPECT_EQ(box.send(frame(1, 64), outbox::urgency::message), outbox::result::closed);
  EXPECT_GT(box.counters().dropped, 0U);
}

}  // namespace
}  // namespace test
