// What tools see of each kind of channel: its figures after known use, and with the dead.

#include "registry_support.hpp"
#include <hawser/shm/array.hpp>
#include <hawser/shm/event.hpp>
#include <hawser/shm/payload_queue.hpp>
#include <hawser/shm/pipe.hpp>
#include <hawser/shm/subscription.hpp>
#include <hawser/shm/topic.hpp>
#include <hawser/shm/value.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

namespace hawser {
namespace {

using shm::channel_info;
using test::child;
using test::figure;
using test::unique_name;

using figures = std::map<std::string, std::uint64_t>;

figures all_of(const std::vector<shm::channel_figure>& from) {
  figures all;
  for (const auto& one : from) all[one.name] = one.value;
  return all;
}

/// The channel as it is now, without a problem.
channel_info look(const std::string& name) {
  auto seen = shm::find_channel(name);
  EXPECT_TRUE(seen) << name;
  if (!seen) return {};
  EXPECT_EQ(seen->problem, "");
  return *seen;
}
std::uint64_t detail_of(const std::string& name, const std::string& what) {
  return figure(look(name).details, what);
}
std::uint64_t counter_of(const std::string& name, const std::string& what) {
  return figure(look(name).counters, what);
}
bool shows_a_dead_one(const channel_info& seen) {
  return std::any_of(seen.participants.begin(), seen.participants.end(),
                     [](const auto& one) { return !one.alive; });
}

class RegistryKindsTest : public testing::Test {
 protected:
  const std::string name = unique_name();
  static std::uint64_t pid() { return static_cast<std::uint64_t>(getpid()); }
};

TEST_F(RegistryKindsTest, AValueSaysHowOftenItChanged) {
  shm::value<std::array<std::uint64_t, 9>> v{create_only, name};
  EXPECT_EQ(all_of(look(name).details), (figures{{"value_bytes", 72}, {"locked", 0}}));
  EXPECT_EQ(all_of(look(name).counters), (figures{{"updates", 0}, {"waits", 0}}));
  for (std::uint64_t i = 1; i <= 3; ++i) v.update([&](auto& all) { all[0] = i; });
  EXPECT_EQ(counter_of(name, "updates"), v.version());
  v.update([&](auto&) { EXPECT_EQ(detail_of(name, "locked"), 1U); });
  EXPECT_EQ(counter_of(name, "updates"), 4U);
}

TEST_F(RegistryKindsTest, AnEventSaysWhetherItIsSetAndHowOftenItWas) {
  shm::event e{create_only, name};
  EXPECT_EQ(look(name).kind, "event");
  EXPECT_EQ(all_of(look(name).details), (figures{{"set", 0}}));
  EXPECT_EQ(all_of(look(name).counters), (figures{{"sets", 0}, {"waits", 0}}));
  e.set();
  e.clear();
  e.set();
  EXPECT_EQ(detail_of(name, "set"), 1U);
  EXPECT_EQ(counter_of(name, "sets"), 2U);
  EXPECT_EQ(counter_of(name, "waits"), 0U);
}

TEST_F(RegistryKindsTest, AValueWhoseWriterDiedIsLockedUntilTheNextOne) {
  shm::value<int> v{create_only, name};
  child writer{[&](const child::report& inside) {
    shm::value<int>{open_only, name}.update([&](int&) {
      inside();
      pause();
    });
    return 0;
  }};
  ASSERT_TRUE(writer.await_report());
  writer.kill_and_join();
  const auto seen = look(name);
  EXPECT_TRUE(shows_a_dead_one(seen));
  EXPECT_EQ(figure(seen.details, "locked"), 1U);
  v.store(2);
  EXPECT_EQ(detail_of(name, "locked"), 0U);
  EXPECT_EQ(counter_of(name, "updates"), 1U);
}

TEST_F(RegistryKindsTest, AnArrayShowsItsRangesAndWhatIsHeld) {
  shm::array<std::uint32_t> a{create_only, name, 1000, {.ranges = 8, .update_elements_max = 10}};
  figures wanted{{"elements", 1000}, {"element_bytes", 4},        {"ranges", 8},
                 {"locked", 0},      {"update_elements_max", 10}, {"owner_died", 0}};
  EXPECT_EQ(all_of(look(name).details), wanted);
  EXPECT_EQ(look(name).counters.size(), 0U);
  const auto one = a.lock_range(1), other = a.lock_range(5);
  wanted["locked"] = 2;
  EXPECT_EQ(all_of(look(name).details), wanted);
}

TEST_F(RegistryKindsTest, AnArrayWhoseLockHolderDiedShowsItUntilTheNextOneWasTold) {
  shm::array<int> a{create_only, name, 10, {.ranges = 3}};
  child holder{[&](const child::report& inside) {
    shm::array<int> its{open_only, name};
    const auto held = its.lock_range(2);
    inside();
    pause();
    return 0;
  }};
  ASSERT_TRUE(holder.await_report());
  holder.kill_and_join();
  EXPECT_TRUE(shows_a_dead_one(look(name)));
  EXPECT_EQ(detail_of(name, "locked"), 1U);
  // Whoever attaches sweeps.
  { shm::array<int> another{open_only, name}; }
  EXPECT_FALSE(shows_a_dead_one(look(name)));
  EXPECT_EQ(detail_of(name, "locked"), 0U);
  EXPECT_EQ(detail_of(name, "owner_died"), 1U);
  EXPECT_TRUE(a.lock_range(2).owner_died());
  EXPECT_EQ(detail_of(name, "owner_died"), 0U);
}

TEST_F(RegistryKindsTest, ATopicShowsWhoLagsBehind) {
  shm::topic<int> t{create_only, name, {.capacity = 8}};
  shm::topic<int> second{open_only, name};
  shm::subscription<int> all{open_only, name};  // place 3
  shm::subscription<int> newest{open_only, name, {.mode = shm::delivery::latest, .lag_max = 2}};
  for (int i = 0; i < 6; ++i) t.publish(i);
  EXPECT_EQ(all.take(), 0);
  EXPECT_EQ(newest.take(), 4);
  auto seen = look(name);
  EXPECT_EQ(all_of(seen.details), (figures{{"capacity", 8},
                                           {"message_bytes_max", 4},
                                           {"closed", 0},
                                           {"size", 6},
                                           {"publishers", 2},
                                           {"subscribers", 2},
                                           {"lag_max", 5},
                                           {"lag_3", 5},
                                           {"lag_4", 1}}));
  EXPECT_EQ(all_of(seen.counters),
            (figures{{"published", 6}, {"missed", 4}, {"cut_off", 0}, {"waits", 0}}));
  for (int i = 1; i < 6; ++i) EXPECT_EQ(all.take(), i);
  for (int i = 6; i < 12; ++i) second.publish(i);
  t.close();
  seen = look(name);
  EXPECT_EQ(figure(seen.details, "size"), 8U);
  EXPECT_EQ(figure(seen.details, "closed"), 1U);
  EXPECT_EQ(figure(seen.details, "lag_3"), 6U);
  EXPECT_EQ(figure(seen.details, "lag_4"), 7U);
  EXPECT_EQ(figure(seen.counters, "published"), 12U);
}

TEST_F(RegistryKindsTest, ATopicShowsADeadSubscriberUntilItIsSwept) {
  shm::topic<int> t{create_only, name, {.capacity = 8}};
  child subscriber{[&](const child::report& there) {
    shm::subscription<int> its{open_only, name};
    there();
    pause();
    return 0;
  }};
  ASSERT_TRUE(subscriber.await_report());
  t.publish(1);
  subscriber.kill_and_join();
  EXPECT_TRUE(shows_a_dead_one(look(name)));
  EXPECT_EQ(detail_of(name, "subscribers"), 1U);
  EXPECT_EQ(detail_of(name, "lag_2"), 1U);
  { shm::topic<int> another{open_only, name}; }
  EXPECT_EQ(detail_of(name, "subscribers"), 0U);
  EXPECT_EQ(detail_of(name, "publishers"), 1U);
}

TEST_F(RegistryKindsTest, APipeShowsBothEndsAndWhatIsOnTheWay) {
  std::optional<shm::pipe<std::string>> creator, opener;
  creator.emplace(create_only, name, shm::pipe_options{.bytes = 1000, .message_bytes_max = 500});
  creator->send("12345678");
  creator->send("");
  auto seen = look(name);
  EXPECT_EQ(all_of(seen.details), (figures{{"bytes", 1024},
                                           {"message_bytes_max", 500},
                                           {"creator_pid", pid()},
                                           {"creator_closed", 0},
                                           {"bytes_to_creator", 0},
                                           {"messages_to_creator", 0},
                                           {"opener_pid", 0},
                                           {"opener_closed", 0},
                                           {"bytes_to_opener", 24},
                                           {"messages_to_opener", 2}}));
  opener.emplace(open_only, name);
  EXPECT_EQ(opener->receive(), "12345678");
  for (int i = 0; i < 3; ++i) opener->send(std::string(300, 'x'));  // in two parts each
  creator->close_sending();
  seen = look(name);
  EXPECT_EQ(figure(seen.details, "opener_pid"), pid());
  EXPECT_EQ(figure(seen.details, "creator_closed"), 1U);
  EXPECT_EQ(figure(seen.details, "opener_closed"), 0U);
  EXPECT_EQ(figure(seen.details, "bytes_to_opener"), 8U);
  EXPECT_EQ(figure(seen.details, "messages_to_creator"), 3U);
  EXPECT_GE(figure(seen.details, "bytes_to_creator"), 3 * (300U + 2 * 8));
  EXPECT_EQ(figure(seen.details, "bytes_to_creator"), creator->waiting_bytes());
  EXPECT_EQ(creator->receive().value_or("").size(), 300U);
  EXPECT_EQ(all_of(look(name).counters), (figures{{"sent_to_creator", 3},
                                                  {"received_by_creator", 1},
                                                  {"sent_to_opener", 2},
                                                  {"received_by_opener", 1},
                                                  {"waits", 0}}));
  opener.reset();
  seen = look(name);
  EXPECT_EQ(figure(seen.details, "opener_pid"), 0U);
  EXPECT_EQ(figure(seen.details, "opener_closed"), 1U);
  EXPECT_EQ(figure(seen.details, "messages_to_creator"), 2U);
}

TEST_F(RegistryKindsTest, APipeWhoseOtherEndDiedShowsWhatItHadSent) {
  shm::pipe<int> mine{create_only, name};
  child peer{[&](const child::report& there) {
    shm::pipe<int> its{open_only, name};
    for (int i = 0; i < 3; ++i) its.send(i);
    there();
    pause();
    return 0;
  }};
  ASSERT_TRUE(peer.await_report());
  const auto its_pid = static_cast<std::uint64_t>(peer.pid());
  EXPECT_EQ(detail_of(name, "opener_pid"), its_pid);
  peer.kill_and_join();
  auto seen = look(name);
  EXPECT_TRUE(shows_a_dead_one(seen));
  EXPECT_EQ(figure(seen.details, "opener_pid"), its_pid);
  EXPECT_EQ(figure(seen.details, "messages_to_creator"), 3U);
  EXPECT_FALSE(mine.peer_alive());  // sweeps
  seen = look(name);
  EXPECT_EQ(figure(seen.details, "opener_pid"), 0U);
  EXPECT_EQ(figure(seen.details, "opener_closed"), 1U);
  EXPECT_EQ(figure(seen.details, "messages_to_creator"), 3U);
}

TEST_F(RegistryKindsTest, APoolShowsWhatIsLentAndSent) {
  shm::payload_pool pool{
      create_only, name, {.classes = {{100, 4}, {1000, 2}}, .large = 3, .references = 5}};
  shm::payload_queue<> q{pool, create_only, name + ".q"};
  auto small = pool.loan(50), large = pool.loan(5000);
  auto again = small.share();
  q.push(pool.loan(700));
  q.push(std::move(again));
  { const auto released = pool.loan(100); }
  auto seen = look(name);
  EXPECT_EQ(all_of(seen.details), (figures{{"class_100_free_bytes", 300},
                                           {"class_100_lent_bytes", 100},
                                           {"class_1000_free_bytes", 1000},
                                           {"class_1000_lent_bytes", 1000},
                                           {"large_max", 3},
                                           {"large_lent", 1},
                                           {"large_bytes", 5000},
                                           {"references", 5},
                                           {"references_in_use", 1},
                                           {"in_messages", 2},
                                           {"channels", 1}}));
  EXPECT_EQ(all_of(seen.counters), (figures{{"loans", 4},
                                            {"shares", 1},
                                            {"releases", 1},
                                            {"reclaimed", 0},
                                            {"stale", 0},
                                            {"waits", 0}}));
  // The segment and the pages of the large one, not the holes between them.
  EXPECT_LT(seen.bytes, 100'000U);
  EXPECT_GE(seen.bytes, 5000U);
  q.lease()->ack();
  small.release();
  EXPECT_EQ(detail_of(name, "class_1000_free_bytes"), 2000U);
  EXPECT_EQ(detail_of(name, "class_100_lent_bytes"), 100U);  // the message's still
  EXPECT_EQ(detail_of(name, "in_messages"), 1U);
}

TEST_F(RegistryKindsTest, APoolWhoseBorrowerDiedLendsUntilItIsSwept) {
  shm::payload_pool pool{create_only, name, {.classes = {{100, 4}}}};
  child borrower{[&](const child::report& there) {
    shm::payload_pool its{open_only, name};
    const auto one = its.loan(100), two = its.loan(100), large = its.loan(10'000);
    there();
    pause();
    return 0;
  }};
  ASSERT_TRUE(borrower.await_report());
  borrower.kill_and_join();
  auto seen = look(name);
  EXPECT_TRUE(shows_a_dead_one(seen));
  EXPECT_EQ(figure(seen.details, "class_100_lent_bytes"), 200U);
  EXPECT_EQ(figure(seen.details, "large_bytes"), 10'000U);
  { shm::payload_pool another{open_only, name}; }  // sweeps
  seen = look(name);
  EXPECT_EQ(figure(seen.details, "class_100_lent_bytes"), 0U);
  EXPECT_EQ(figure(seen.details, "large_bytes"), 0U);
  EXPECT_EQ(figure(seen.counters, "reclaimed"), 3U);
}

}  // namespace
}  // namespace hawser
