// What the transport is made of, one by one.

#include "transport_support.hpp"

#include <limits>

#include <transport/content.hpp>
#include <transport/inline_unit.hpp>
#include <transport/peer.hpp>
#include <transport/pending_requests.hpp>

namespace test {
namespace {

using namespace hawser::actors::detail;

// --- content --------------------------------------------------------------------------------------

class ContentTest : public testing::Test {
 protected:
  frame_buffer saved(const caf::message& content) {
    frame_buffer bytes;
    EXPECT_FALSE(save_content(own.system, bytes, values_of(content)));
    return bytes;
  }
  caf::expected<caf::message> loaded(const frame_buffer& bytes) {
    inline_unit unit{own.system, {}};
    return load_content(unit, reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
  }

  node own{unique_name()};
};

TEST_F(ContentTest, ValuesComeBackAsTheyWere) {
  const auto message = caf::make_message(
      true, std::int8_t{-1}, std::uint64_t{1} << 63, -1.5, std::string(300, 'x'),
      char_vector{1, 2, 3}, count_atom_v, point{7, "seven"}, std::set<std::string>{"one", "two"},
      error_of(test_code::seven), caf::make_message(1, "nested"));
  const auto back = loaded(saved(message));
  ASSERT_TRUE(back) << actors::render(own.system, back.error());
  EXPECT_EQ(to_string(*back), to_string(message));
  EXPECT_EQ(back->size(), message.size());
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
  EXPECT_NE(actors::render(own.system, failed.error()).find("no_type"), std::string::npos);
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

}  // namespace
}  // namespace test
