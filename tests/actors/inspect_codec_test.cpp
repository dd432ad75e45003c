#include "../support/child.hpp"
#include <hawser/actors/inspect_codec.hpp>
#include <hawser/shm/queue.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace shm = hawser::shm;
namespace actors = hawser::actors;
using hawser::errc;
using hawser::test::unique_name;

namespace {

struct line {
  std::uint32_t count = 0;
  std::string item;
  friend bool operator==(const line&, const line&) = default;
};
template <class Inspector>
auto inspect(Inspector& f, line& x) {
  HAWSER_INSPECT(f, "line", x.count, x.item);
}

struct order {
  std::uint64_t id = 0;
  std::vector<line> lines;
  std::map<std::string, double> prices;
  friend bool operator==(const order&, const order&) = default;
};
template <class Inspector>
auto inspect(Inspector& f, order& x) {
  HAWSER_INSPECT(f, "order", x.id, x.lines, x.prices);
}

struct plain {
  char tag = 0;
  std::uint64_t number = 0;
};
template <class Inspector>
auto inspect(Inspector& f, plain& x) {
  HAWSER_INSPECT(f, "plain", x.tag, x.number);
}

struct chosen : plain {};
template <class Inspector>
auto inspect(Inspector& f, chosen& x) {
  HAWSER_INSPECT(f, "chosen", x.tag, x.number);
}

struct by_hand {
  std::string text;
};
template <class Inspector>
auto inspect(Inspector& f, by_hand& x) {
  HAWSER_INSPECT(f, "by_hand", x.text);
}

struct with_handle {
  caf::actor who;
};
template <class Inspector>
auto inspect(Inspector& f, with_handle& x) {
  HAWSER_INSPECT(f, "with_handle", x.who);
}

}  // namespace

template <>
inline constexpr bool hawser::actors::always_encoded<chosen> = true;

template <>
struct hawser::shm::codec<by_hand> {
  static void encode(const by_hand& value, std::vector<std::byte>& out) {
    out.resize(value.text.size(), std::byte{'!'});
  }
  static by_hand decode(std::span<const std::byte> bytes) {
    return {std::string(bytes.size(), '?')};
  }
};

static_assert(shm::encoded_message<order>);
static_assert(shm::encoded_message<std::vector<std::string>>);
static_assert(shm::encoded_message<std::tuple<int, std::string>>);
static_assert(shm::in_place_message<plain>);
static_assert(shm::in_place_message<int>);
static_assert(shm::encoded_message<chosen>);
static_assert(shm::range_message<std::string>);
static_assert(shm::range_message<std::vector<int>>);
static_assert(!shm::message<int*>);

TEST(InspectCodecTest, CarriesInspectableTypesThroughAQueue) {
  shm::queue<order> orders{hawser::create_only, unique_name()};
  const order sent{7, {{1, "rope"}, {0, ""}}, {{"rope", 12.5}}};
  orders.push(sent);
  orders.push({});
  EXPECT_EQ(orders.try_pop(), sent);
  EXPECT_EQ(orders.try_pop(), order{});
}

TEST(InspectCodecTest, CarriesStandardContainers) {
  shm::queue<std::vector<std::string>> lists{hawser::create_only, unique_name()};
  const std::vector<std::string> sent{"", "a", std::string(1000, 'b')};
  lists.push(sent);
  EXPECT_EQ(lists.try_pop(), sent);

  shm::queue<std::tuple<int, std::string>> pairs{hawser::create_only, unique_name()};
  pairs.push({-1, "minus"});
  EXPECT_EQ(pairs.try_pop(), (std::tuple<int, std::string>{-1, "minus"}));
}

TEST(InspectCodecTest, EncodesAPlainTypeOnlyWhenAsked) {
  std::vector<std::byte> bytes;
  chosen value;
  value.tag = 'c';
  value.number = 5;
  shm::codec<chosen>::encode(value, bytes);
  EXPECT_EQ(bytes.size(), 9u);  // without the padding
  EXPECT_EQ(shm::codec<chosen>::decode(bytes).number, 5u);
}

TEST(InspectCodecTest, GivesWayToACodecWrittenByHand) {
  shm::queue<by_hand> q{hawser::create_only, unique_name()};
  q.push({"abc"});
  EXPECT_EQ(q.try_pop()->text, "???");
}

TEST(InspectCodecTest, RefusesEveryTruncationAndExtraBytes) {
  const order sent{7, {{1, "rope"}}, {{"rope", 12.5}}};
  std::vector<std::byte> bytes;
  shm::codec<order>::encode(sent, bytes);
  EXPECT_EQ(shm::codec<order>::decode(bytes), sent);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    try {
      shm::codec<order>::decode(std::span{bytes}.first(size));
      FAIL() << "accepted " << size << " bytes";
    } catch (const hawser::error& failed) {
      EXPECT_EQ(failed.code(), errc::damaged);
    }
  }
  bytes.push_back(std::byte{0});
  EXPECT_THROW(shm::codec<order>::decode(bytes), hawser::error);
}

TEST(InspectCodecTest, RefusesWhatHasNoMeaningInAnotherProcess) {
  caf::actor_system_config config;
  caf::actor_system system{config};
  const auto somebody =
      system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; });
  shm::queue<with_handle> q{hawser::create_only, unique_name()};
  try {
    q.push({somebody});
    FAIL() << "an actor handle was queued";
  } catch (const hawser::error& failed) {
    EXPECT_EQ(failed.code(), errc::bad_argument);
  }
  EXPECT_EQ(q.size(), 0u);
}
