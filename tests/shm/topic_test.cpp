#include "../support/child.hpp"
#include "../support/made_range.hpp"
#include <hawser/shm/topic.hpp>

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

namespace hawser {
namespace {

using shm::delivery;
using shm::push_status;
using shm::take_status;
using namespace std::chrono_literals;

/// Of variable size, with a codec of its own.
struct note {
  int id = 0;
  std::string text;
};

struct odd {
  char bytes[13];
};

}  // namespace
}  // namespace hawser

template <>
struct hawser::shm::codec<hawser::note> {
  static void encode(const note& value, std::vector<std::byte>& out) {
    const auto* id = reinterpret_cast<const std::byte*>(&value.id);
    const auto* text = reinterpret_cast<const std::byte*>(value.text.data());
    out.insert(out.end(), id, id + sizeof value.id);
    out.insert(out.end(), text, text + value.text.size());
  }
  static note decode(std::span<const std::byte> bytes) {
    note value;
    std::memcpy(&value.id, bytes.data(), sizeof value.id);
    if (value.id == 666) throw std::runtime_error("unreadable note");
    value.text.assign(reinterpret_cast<const char*>(bytes.data()) + sizeof value.id,
                      bytes.size() - sizeof value.id);
    return value;
  }
};

namespace hawser {
namespace {

using test::unique_name;

/// What a constructor or call throws.
template <class Call>
std::error_code error_of(Call&& call) {
  try {
    call();
  } catch (const error& e) {
    return e.code();
  }
  return {};
}

TEST(TopicTest, EverySubscriberGetsEveryMessageInOrder) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 8}};
  auto a = t.subscribe(), b = t.subscribe();
  for (int i = 0; i < 5; ++i) ASSERT_EQ(t.try_publish(i), push_status::ok);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(a.take(), i);
    EXPECT_EQ(b.take(), i);
  }
  EXPECT_EQ(a.try_take(), std::nullopt);
  EXPECT_EQ(a.status(), take_status::empty);
  EXPECT_EQ(a.missed() + b.missed(), 0U);
  EXPECT_EQ(t.counters().published, 5U);
}

TEST(TopicTest, NobodyIsInTheWayOfATopicWithoutLosslessSubscribers) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 4}};
  auto watcher = t.subscribe({.mode = delivery::latest});
  for (int i = 0; i < 100; ++i) ASSERT_EQ(t.try_publish(i), push_status::ok);
}

TEST(TopicTest, LosslessSubscriberHoldsPublishersUpAtItsLimit) {
  for (const std::size_t capacity : {1U, 2U, 3U, 5U, 8U, 100U}) {
    shm::topic<std::uint64_t> t{create_only, unique_name(), {.capacity = capacity}};
    auto s = t.subscribe();
    std::uint64_t in = 0, out = 0;
    for (int round = 0; round < 500; ++round) {
      for (int i = 0; i < round % 7; ++i) {
        const auto status = t.try_publish(in);
        ASSERT_EQ(status, in - out < capacity ? push_status::ok : push_status::full);
        in += status == push_status::ok;
      }
      ASSERT_EQ(s.lag(), in - out);
      for (int i = 0; i < round % 5; ++i)
        if (const auto message = s.try_take()) {
          ASSERT_EQ(*message, out++);
        }
    }
    EXPECT_EQ(s.missed(), 0U);
  }
}

TEST(TopicTest, LagMaxIsASubscribersOwnLimit) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 16}};
  auto far = t.subscribe(), near = t.subscribe({.lag_max = 3});
  for (int i = 0; i < 3; ++i) ASSERT_EQ(t.try_publish(i), push_status::ok);
  EXPECT_EQ(t.try_publish(3), push_status::full);
  EXPECT_EQ(t.publish_for(3, 1ms), push_status::timed_out);
  EXPECT_EQ(near.take(), 0);
  EXPECT_EQ(t.try_publish(3), push_status::ok);
  EXPECT_EQ(t.try_publish(4), push_status::full);
  near = t.subscribe({.mode = delivery::latest});  // the old one leaves
  for (int i = 4; i < 16; ++i) ASSERT_EQ(t.try_publish(i), push_status::ok);
  EXPECT_EQ(t.try_publish(16), push_status::full);
  EXPECT_EQ(far.lag(), 16U);
}

TEST(TopicTest, LateJoinerGetsTheLastOnesThatAreThere) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 4}};
  EXPECT_EQ(t.subscribe({.history = 4}).try_take(), std::nullopt);
  t.publish(0);
  EXPECT_EQ(t.subscribe({.history = 4}).lag(), 1U);
  for (int i = 1; i < 10; ++i) t.publish(i);
  for (const delivery mode : {delivery::lossless, delivery::latest}) {
    auto none = t.subscribe({.mode = mode}), two = t.subscribe({.mode = mode, .history = 2}),
         all = t.subscribe({.mode = mode, .history = 1000});
    EXPECT_EQ(none.try_take(), std::nullopt);
    EXPECT_EQ(two.take(), 8);
    EXPECT_EQ(two.position(), 9U);
    for (int i = 6; i < 10; ++i) EXPECT_EQ(all.take(), i);
    EXPECT_EQ(all.missed(), 0U);
  }
}

TEST(TopicTest, NewLosslessSubscriberIsSafeFromPublishersThatKnewOfNone) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 4}};
  for (int i = 0; i < 10; ++i) t.publish(i);
  auto s = t.subscribe({.history = 3});
  EXPECT_EQ(t.try_publish(10), push_status::ok);
  EXPECT_EQ(t.try_publish(11), push_status::full);
  for (int i = 7; i < 11; ++i) EXPECT_EQ(s.take(), i);
}

TEST(TopicTest, LatestCountsWhatItMissed) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 4}};
  auto s = t.subscribe({.mode = delivery::latest});
  std::uint64_t published = 0, received = 0;
  int last = -1;
  for (int round = 0; round < 300; ++round) {
    for (int i = 0; i < round % 11; ++i) {
      t.publish(static_cast<int>(published++));
    }
    for (int i = 0; i < round % 5; ++i)
      if (const auto message = s.try_take()) {
        ASSERT_GT(*message, last);
        last = *message;
        ++received;
      }
    ASSERT_EQ(received + s.missed() + s.lag(), published);
  }
  while (s.try_take()) ++received;
  EXPECT_EQ(received + s.missed(), published);
  EXPECT_GT(s.missed(), 0U);
}

TEST(TopicTest, LatestNGivesTheNewestNOnly) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 16}};
  auto newest = t.subscribe({.mode = delivery::latest, .lag_max = 1}),
       three = t.subscribe({.mode = delivery::latest, .lag_max = 3});
  for (int i = 0; i < 10; ++i) t.publish(i);
  EXPECT_EQ(newest.take(), 9);
  EXPECT_EQ(newest.missed(), 9U);
  EXPECT_EQ(newest.try_take(), std::nullopt);
  for (int i = 7; i < 10; ++i) EXPECT_EQ(three.take(), i);
  EXPECT_EQ(three.missed(), 7U);
}

TEST(TopicTest, CopyThatWasWrittenOverMeanwhileIsNotTaken) {
  namespace d = shm::detail;
  for (const std::size_t batch : {1U, 4U}) {
    shm::topic<int> t{create_only, unique_name(), {.capacity = 4}};
    d::subscription_core core{d::topic_request_for<int>(t.name()), {.mode = d::row_kind::latest}};
    for (int i = 0; i < 4; ++i) t.publish(i);
    d::message_copy<int> copy(sizeof(int));
    int copies = 0;
    const auto status = core.try_take([&](const std::byte* payload) {
      copy.copy(payload);
      // A publisher goes round between the copy and the second look, no further than it must.
      if (++copies == 1) t.publish_batch(std::vector<int>(batch, 4));
    });
    EXPECT_EQ(status, take_status::ok);
    EXPECT_EQ(copies, 2);
    EXPECT_EQ(copy.value(), batch == 1 ? 1 : 4);
    EXPECT_EQ(core.missed(), batch);
  }
}

TEST(TopicTest, ReadingStaysInItsSlotUntilItEnds) {
  shm::topic<std::string> t{create_only, unique_name(), {.capacity = 2, .message_bytes_max = 32}};
  auto s = t.subscribe();
  t.publish("one");
  t.publish("two");
  {
    auto first = s.read();
    ASSERT_TRUE(first);
    EXPECT_EQ(*first, std::string_view{"one"});
    EXPECT_EQ(t.try_publish("three"), push_status::full);
    first.done();
    EXPECT_EQ(t.try_publish("three"), push_status::ok);
    EXPECT_FALSE(first);
  }
  EXPECT_EQ(*s.read(), std::string_view{"two"});  // the destructor takes it
  EXPECT_EQ(s.take(), "three");
  EXPECT_EQ(s.try_read().status(), take_status::empty);
  EXPECT_EQ(s.read_for(1ms).status(), take_status::timed_out);
}

TEST(TopicTest, TakeEndsAReadingAndItsEndTakesNothingMore) {
  shm::topic<int> t{create_only, unique_name()};
  auto s = t.subscribe();
  for (int i = 0; i < 3; ++i) t.publish(i);
  {
    const auto first = s.read();
    EXPECT_EQ(s.take(), 0);
  }
  EXPECT_EQ(s.take(), 1);
}

TEST(TopicTest, InPlaceIsRefusedWherePublishersMayWriteOverIt) {
  shm::topic<int> t{create_only, unique_name()};
  auto latest = t.subscribe({.mode = delivery::latest}), patient = t.subscribe({.patience = 1h});
  EXPECT_EQ(error_of([&] { std::ignore = latest.try_read(); }), errc::not_supported);
  EXPECT_EQ(error_of([&] { std::ignore = patient.try_read(); }), errc::not_supported);
}

TEST(TopicTest, ImpatientSubscriptionIsCutOffAndSaysSo) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 4}};
  auto s = t.subscribe({.history = 2, .patience = 0ns});
  for (int i = 0; i < 4; ++i) ASSERT_EQ(t.try_publish(i), push_status::ok);
  EXPECT_EQ(s.take(), 0);
  for (int i = 4; i < 12; ++i) ASSERT_EQ(t.try_publish(i), push_status::ok);
  EXPECT_EQ(t.counters().cut_off, 1U);

  EXPECT_EQ(s.take(), std::nullopt);
  EXPECT_EQ(s.status(), take_status::cut_off);
  EXPECT_EQ(s.missed(), 9U);  // 1 to 9
  EXPECT_EQ(s.take(), 10);
  EXPECT_EQ(s.take(), 11);
  EXPECT_EQ(s.try_take(), std::nullopt);
  EXPECT_EQ(s.status(), take_status::empty);
  EXPECT_EQ(t.try_publish(12), push_status::ok);
  EXPECT_EQ(s.take(), 12);  // lossless again
}

TEST(TopicTest, PatienceRunsOnlyWhileNothingIsTaken) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 2}};
  auto s = t.subscribe({.patience = 1h});
  t.publish(0);
  t.publish(1);
  for (int i = 2; i < 20; ++i) {
    ASSERT_EQ(t.try_publish(i), push_status::full);
    ASSERT_EQ(s.take(), i - 2);
    ASSERT_EQ(t.try_publish(i), push_status::ok);
  }
  EXPECT_EQ(t.counters().cut_off, 0U);
}

TEST(TopicTest, BlockedPublisherCutsOffByItself) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 2}};
  auto s = t.subscribe({.patience = 20ms}), other = t.subscribe({.patience = 10ms});
  t.publish(0);
  t.publish(1);
  EXPECT_EQ(t.publish_for(2, 1ms), push_status::timed_out);
  EXPECT_EQ(t.publish(2), push_status::ok);
  EXPECT_EQ(t.counters().cut_off, 2U);
  EXPECT_EQ(s.take(), std::nullopt);
  EXPECT_EQ(s.status(), take_status::cut_off);
  EXPECT_EQ(s.missed(), 3U);
}

TEST(TopicTest, BatchIsPublishedInOrderAsFarAsItFits) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 100}};
  auto s = t.subscribe();
  std::vector<int> values(64);
  std::iota(values.begin(), values.end(), 0);
  EXPECT_EQ(t.publish_batch(values), 64U);
  EXPECT_EQ(t.try_publish_batch(values), 36U);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(s.take(), i % 64);
  auto late = t.subscribe({.mode = delivery::latest, .history = 100});
  EXPECT_EQ(late.lag(), 100U);
  s = t.subscribe({.mode = delivery::latest});
  EXPECT_EQ(t.publish_batch(std::vector<int>(250, 7)), 250U);  // more than the ring holds
  EXPECT_EQ(late.take(), 7);
  EXPECT_EQ(late.missed(), 250U);
}

TEST(TopicTest, BatchOfElementsThatAreMadeWhenLookedAtIsWhatTheyWere) {
  shm::topic<std::string> t{create_only, unique_name(), {.capacity = 64}};
  auto s = t.subscribe();
  const auto text_of = [](int i) { return std::string(100, static_cast<char>('a' + i)); };
  EXPECT_EQ(t.publish_batch(test::made_range{26, text_of}), 26U);
  for (int i = 0; i < 26; ++i) ASSERT_EQ(s.take(), text_of(i));
}

TEST(TopicTest, CloseLetsSubscribersDrainAndThenReportsTheEnd) {
  shm::topic<int> t{create_only, unique_name()};
  auto s = t.subscribe();
  t.publish(1);
  t.publish_batch(std::vector<int>{2, 3});
  t.close();
  EXPECT_EQ(t.publish(4), push_status::closed);
  EXPECT_EQ(t.try_publish(4), push_status::closed);
  EXPECT_EQ(t.publish_batch(std::vector<int>{4}), 0U);
  std::vector<int> all;
  for (const int message : s) all.push_back(message);
  EXPECT_EQ(all, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(s.status(), take_status::closed);
  EXPECT_EQ(s.read().status(), take_status::closed);
  auto late = t.subscribe({.history = 1});
  EXPECT_EQ(late.take(), 3);
  EXPECT_EQ(late.take(), std::nullopt);
  EXPECT_EQ(late.status(), take_status::closed);
}

TEST(TopicTest, WaitsEndInTime) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 1}};
  auto s = t.subscribe(), l = t.subscribe({.mode = delivery::latest});
  EXPECT_EQ(s.take_for(1ms), std::nullopt);
  EXPECT_EQ(s.status(), take_status::timed_out);
  EXPECT_EQ(l.take_until(std::chrono::system_clock::now() + 1ms), std::nullopt);
  EXPECT_EQ(l.status(), take_status::timed_out);
  t.publish(1);
  EXPECT_EQ(t.publish_until(2, std::chrono::steady_clock::now() + 1ms), push_status::timed_out);
  EXPECT_GE(t.counters().waits, 3U);
}

TEST(TopicTest, CarriesOddSizesStringsAndEncodedMessages) {
  shm::topic<odd> odds{create_only, unique_name(), {.capacity = 3}};
  auto o = odds.subscribe();
  odds.publish({"twelve chars"});
  EXPECT_STREQ(o.take()->bytes, "twelve chars");
  odds.publish({"again twelve"});
  EXPECT_STREQ((*o.read()).bytes, "again twelve");

  shm::topic<std::string> words{create_only, unique_name(), {.message_bytes_max = 20}};
  for (const delivery mode : {delivery::lossless, delivery::latest}) {
    auto w = words.subscribe({.mode = mode});
    for (const std::string text : {"", "a", "eight by", "nine byte", "twenty bytes exactly"}) {
      words.publish(text);
      EXPECT_EQ(w.take(), text);
    }
    EXPECT_EQ(error_of([&] { words.publish("this one has 21 bytes"); }), errc::too_large);
    EXPECT_EQ(error_of([&] {
                words.publish_batch(std::vector<std::string>{"x", "this one has 21 bytes"});
              }),
              errc::too_large);
    EXPECT_EQ(w.try_take(), std::nullopt);
  }

  shm::topic<note> notes{create_only, unique_name()};
  auto n = notes.subscribe();
  for (const int id : {1, 666, 666, 2, 3}) notes.publish({id, "text"});
  EXPECT_EQ(n.take()->text, "text");
  EXPECT_THROW(n.take(), std::runtime_error);  // and it is gone
  EXPECT_THROW(std::ignore = n.try_read().status(), std::runtime_error);
  EXPECT_EQ((*n.read()).id, 2);
  EXPECT_EQ(n.take()->id, 3);
}

TEST(TopicTest, SubscriptionWorksWhereNobodyPublishes) {
  const std::string name = unique_name();
  std::optional<shm::topic<int>> t{std::in_place, create_only, name};
  shm::subscription<int> s{open_only, name, {.history = 5}};
  t->publish(1);
  EXPECT_EQ(t->subscribers(), 1U);
  t.reset();  // the subscription keeps the topic alive
  EXPECT_EQ(s.take(), 1);
  t.emplace(open_or_create, name);
  t->publish(2);
  EXPECT_EQ(s.take(), 2);
}

TEST(TopicTest, RefusesWhatDoesNotFit) {
  const std::string name = unique_name();
  EXPECT_EQ(error_of([&] { shm::topic<int>(create_only, name, {.capacity = 0}); }),
            errc::bad_argument);
  EXPECT_EQ(error_of([&] { shm::subscription<int>(open_only, name); }), errc::not_found);
  shm::topic<int> t{create_only, name, {.capacity = 8}};
  EXPECT_EQ(error_of([&] { shm::topic<int>(open_or_create, name, {.capacity = 9}); }),
            errc::capacity_mismatch);
  EXPECT_EQ(error_of([&] { shm::topic<long>(open_only, name); }), errc::type_mismatch);
  EXPECT_EQ(error_of([&] { shm::subscription<float>(open_only, name); }), errc::type_mismatch);
  EXPECT_EQ(error_of([&] { std::ignore = t.subscribe({.lag_max = 9}); }), errc::bad_argument);
  EXPECT_EQ(error_of([&] { std::ignore = t.subscribe({.history = 5, .lag_max = 4}); }),
            errc::bad_argument);
  EXPECT_EQ(
      error_of([&] { std::ignore = t.subscribe({.mode = delivery::latest, .patience = 1s}); }),
      errc::bad_argument);
  EXPECT_EQ(error_of([&] { std::ignore = t.async_wait(shm::ready::readable, [] {}); }),
            errc::not_supported);
  EXPECT_EQ(t.subscribers(), 0U);
}

TEST(TopicTest, KeptTopicKeepsItsMessages) {
  const std::string name = unique_name();
  { shm::topic<int>{create_only, name, {.keep = true}}.publish(7); }
  {
    shm::topic<int> again{open_only, name};
    EXPECT_EQ(again.subscribe({.history = 1}).take(), 7);
  }
  EXPECT_TRUE(shm::remove(name));
}

TEST(TopicTest, TakesUpAllPlacesAndGivesThemBack) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 4}};
  for (int round = 0; round < 2; ++round) {
    std::vector<shm::subscription<int>> all;
    for (int i = 0; i < 254; ++i) all.push_back(t.subscribe());
    EXPECT_EQ(error_of([&] { std::ignore = t.subscribe(); }), errc::too_many_participants);
    for (int i = 0; i < 4; ++i) ASSERT_EQ(t.try_publish(i), push_status::ok);
    ASSERT_EQ(t.try_publish(4), push_status::full);
    for (auto& s : all) ASSERT_EQ(s.take(), 0);
    ASSERT_EQ(t.try_publish(4), push_status::ok);
  }
  EXPECT_EQ(t.try_publish(5), push_status::ok);
}

}  // namespace
}  // namespace hawser
