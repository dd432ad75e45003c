// The topic between processes: blocking, closing, and processes that are killed, stopped, forked.

#include "../support/child.hpp"
#include <hawser/shm/topic.hpp>

#include <gtest/gtest.h>

#include <array>
#include <future>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::delivery;
using shm::push_status;
using shm::take_status;
using test::child;
using test::eventually;
using test::unique_name;

/// For the children forked meanwhile too: a lost wake-up is a hang.
class WithoutSlices {
 public:
  WithoutSlices() { shm::detail::set_wait_slices(false); }
  ~WithoutSlices() { shm::detail::set_wait_slices(true); }
};

/// Its number, and enough more to be torn.
struct stamped {
  std::array<std::uint64_t, 6> words;

  static stamped make(std::uint64_t number) {
    stamped s;
    for (std::size_t i = 0; i < s.words.size(); ++i) s.words[i] = number * (2 * i + 1);
    return s;
  }
  bool whole() const { return words == make(words[0]).words; }
};

TEST(TopicProcessTest, EveryProcessGetsEveryMessageOfEveryPublisherInOrder) {
  const WithoutSlices hang_if_lost;
  const std::string name = unique_name();
  constexpr std::uint64_t each = 20'000, publishers = 2, subscribers = 3;
  shm::topic<std::uint64_t> t{create_only, name, {.capacity = 8}};
  std::vector<std::unique_ptr<child>> readers, writers;
  for (std::uint64_t i = 0; i < subscribers; ++i)
    readers.push_back(std::make_unique<child>([&](const child::report& ready) {
      shm::subscription<std::uint64_t> s{open_only, name};
      ready();
      std::array<std::uint64_t, publishers> next{};
      for (const std::uint64_t message : s)
        if (message % each != next[message / each]++) return 1;
      if (s.status() != take_status::closed || s.missed() != 0) return 2;
      return next[0] == each && next[1] == each ? 0 : 3;
    }));
  for (auto& one : readers) ASSERT_TRUE(one->await_report());
  for (std::uint64_t p = 0; p < publishers; ++p)
    writers.push_back(std::make_unique<child>([&, p](const child::report&) {
      shm::topic<std::uint64_t> to{open_only, name};
      for (std::uint64_t i = 0; i < each; ++i) to.publish(p * each + i);
      return 0;
    }));
  for (auto& one : writers) EXPECT_EQ(one->join(), 0);
  t.close();
  for (auto& one : readers) EXPECT_EQ(one->join(), 0);
}

TEST(TopicProcessTest, KilledSubscriberNeverHoldsThePublisherUp) {
  const WithoutSlices hang_if_lost;
  for (int round = 0; round < 20; ++round) {
    const std::string name = unique_name();
    shm::topic<int> t{create_only, name, {.capacity = 2}};
    child slow{[&](const child::report& ready) {
      shm::subscription<int> mine{open_only, name};
      ready();
      const auto held = mine.read();  // killed while it reads in place
      ready();
      pause();
      return 0;
    }};
    ASSERT_TRUE(slow.await_report());
    t.publish(0);
    ASSERT_TRUE(slow.await_report());
    t.publish(1);
    ASSERT_EQ(t.try_publish(2), push_status::full);
    auto going_on = std::async(std::launch::async, [&] { return t.publish(2); });
    ASSERT_TRUE(eventually([&] { return t.counters().waits > 0; }));
    slow.signal(SIGKILL);
    ASSERT_EQ(going_on.wait_for(test::patience), std::future_status::ready);
    EXPECT_EQ(going_on.get(), push_status::ok);
    EXPECT_EQ(t.subscribers(), 0U);
  }
}

TEST(TopicProcessTest, TryPublishAloneGetsPastAKilledSubscriber) {
  const std::string name = unique_name();
  shm::topic<int> t{create_only, name, {.capacity = 1}};
  child slow{[&](const child::report& ready) {
    shm::subscription<int> mine{open_only, name};
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(slow.await_report());
  t.publish(0);
  ASSERT_EQ(t.try_publish(1), push_status::full);
  slow.kill_and_join();
  EXPECT_TRUE(eventually([&] { return t.try_publish(1) == push_status::ok; }));
}

TEST(TopicProcessTest, StoppedLosslessSubscriberHoldsThePublisherUpUntilItsPatienceEnds) {
  const std::string name = unique_name();
  shm::topic<int> t{create_only, name, {.capacity = 2}};
  for (const bool patient : {false, true}) {
    child slow{[&](const child::report& ready) {
      shm::subscription_options options;
      if (patient) options.patience = 30ms;
      shm::subscription<int> mine{open_only, name, options};
      ready();
      raise(SIGSTOP);
      const auto first = mine.take();
      if (!patient) return first == 0 && mine.missed() == 0 ? 0 : 1;
      return !first && mine.status() == take_status::cut_off && mine.missed() == 3 ? 0 : 2;
    }};
    ASSERT_TRUE(slow.await_report());
    ASSERT_TRUE(slow.await_state('T'));
    t.publish(0);
    t.publish(1);
    if (patient) EXPECT_EQ(t.publish(2), push_status::ok);
    else EXPECT_EQ(t.publish_for(2, 100ms), push_status::timed_out);
    slow.signal(SIGCONT);
    EXPECT_EQ(slow.join(), 0);
  }
  EXPECT_EQ(t.counters().cut_off, 1U);
}

TEST(TopicProcessTest, KilledPublisherLeavesWholeMessagesAndAWorkingTopic) {
  const std::string name = unique_name();
  shm::topic<stamped> t{create_only, name, {.capacity = 8}};
  auto all = t.subscribe();
  for (int round = 0; round < 20; ++round) {
    auto some = t.subscribe({.mode = delivery::latest});
    child writer{[&](const child::report&) -> int {
      shm::topic<stamped> mine{open_only, name};
      for (std::uint64_t i = 0;; ++i) {
        mine.publish(stamped::make(i));
        mine.publish_batch(std::vector{stamped::make(++i), stamped::make(++i)});
      }
    }};
    std::uint64_t next = 0, seen = 0;
    const auto take = [&] {
      const auto message = all.take_for(test::patience);
      ASSERT_TRUE(message && message->whole());
      ASSERT_EQ(message->words[0], next++);
      if (const auto one = some.try_take()) {
        ASSERT_TRUE(one->whole());
        ++seen;
      }
    };
    while (next < 500) ASSERT_NO_FATAL_FAILURE(take());
    writer.kill_and_join();
    while (all.lag() != 0) ASSERT_NO_FATAL_FAILURE(take());
    // One that committed and did not say so:
    if (all.try_take()) ++next;
    while (some.try_take()) ++seen;
    EXPECT_EQ(seen + some.missed(), next);
    ASSERT_EQ(t.publish_for(stamped::make(7), test::patience), push_status::ok);
    ASSERT_EQ(all.take()->words[0], 7U);
  }
  EXPECT_EQ(all.missed(), 0U);
}

TEST(TopicProcessTest, CloseWakesEverybody) {
  const WithoutSlices hang_if_lost;
  const std::string name = unique_name();
  shm::topic<int> t{create_only, name, {.capacity = 1}};
  auto slow = t.subscribe();
  t.publish(1);
  child publisher{[&](const child::report&) {
    return shm::topic<int>{open_only, name}.publish(2) == push_status::closed ? 0 : 1;
  }};
  child taker{[&](const child::report&) {
    shm::subscription<int> s{open_only, name};
    return !s.take() && s.status() == take_status::closed ? 0 : 1;
  }};
  ASSERT_TRUE(eventually([&] { return t.counters().waits >= 2; }));
  ASSERT_TRUE(publisher.await_state('S'));
  ASSERT_TRUE(taker.await_state('S'));
  t.close();
  EXPECT_EQ(publisher.join(), 0);
  EXPECT_EQ(taker.join(), 0);
}

TEST(TopicProcessTest, KilledSleepersCostNobodyAnything) {
  const std::string name = unique_name();
  shm::topic<int> t{create_only, name, {.capacity = 4}};
  const auto sleeper = [&](const child::report& ready) {
    shm::subscription<int> mine{open_only, name};
    ready();
    return mine.take() == 5 ? 0 : 1;
  };
  for (int round = 0; round < 10; ++round) {
    child first{sleeper}, second{sleeper};
    ASSERT_TRUE(first.await_report());
    ASSERT_TRUE(second.await_report());
    ASSERT_TRUE(first.await_state('S'));
    first.kill_and_join();
    ASSERT_EQ(t.publish_for(5, test::patience), push_status::ok);
    EXPECT_EQ(second.join(), 0);
  }
}

TEST(TopicProcessTest, ForkedChildBecomesASubscriberOfItsOwnWhereItsParentWas) {
  const std::string name = unique_name();
  shm::topic<int> t{create_only, name, {.capacity = 4}};
  auto s = t.subscribe();
  t.publish(1);
  t.publish(2);
  auto held = s.read();
  child forked{[&](const child::report& ready) {
    held.done();  // the parent's: nothing happens
    if (s.take() != 1 || s.take() != 2 || s.missed() != 0) return 1;
    if (t.publish(3) != push_status::ok || s.take() != 3) return 2;
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(forked.await_report());
  EXPECT_EQ(t.subscribers(), 2U);
  EXPECT_EQ(*held, 1);
  held.done();
  EXPECT_EQ(s.take(), 2);
  EXPECT_EQ(s.take(), 3);
  for (int i = 4; i < 8; ++i) t.publish(i);
  for (int i = 4; i < 8; ++i) EXPECT_EQ(s.take(), i);
  EXPECT_EQ(t.try_publish(8), push_status::full);  // the child takes nothing
  forked.signal(SIGKILL);
  EXPECT_EQ(t.publish_for(8, test::patience), push_status::ok);
}

TEST(TopicProcessTest, CallbacksSayWhenToTakeAndWhenToPublish) {
  const std::string name = unique_name();
  shm::topic<int> t{create_only, name, {.capacity = 1}};
  auto s = t.subscribe();
  std::promise<void> readable;
  const auto one = s.async_wait(shm::ready::readable, [&] { readable.set_value(); });
  child publisher{[&](const child::report&) {
    return shm::topic<int>{open_only, name}.publish(1) == push_status::ok ? 0 : 1;
  }};
  ASSERT_EQ(readable.get_future().wait_for(test::patience), std::future_status::ready);
  EXPECT_EQ(publisher.join(), 0);
  std::promise<void> writable;
  auto space = writable.get_future();
  const auto two = t.async_wait(shm::ready::writable, [&] { writable.set_value(); });
  EXPECT_EQ(space.wait_for(10ms), std::future_status::timeout);
  EXPECT_EQ(s.take(), 1);
  ASSERT_EQ(space.wait_for(test::patience), std::future_status::ready);
  EXPECT_EQ(t.try_publish(2), push_status::ok);
}

TEST(TopicProcessTest, CallbackComesWhenTheOneInTheWayMayBeCutOff) {
  shm::topic<int> t{create_only, unique_name(), {.capacity = 1}};
  auto s = t.subscribe({.patience = 20ms});
  t.publish(1);
  ASSERT_EQ(t.try_publish(2), push_status::full);
  std::promise<void> writable;
  const auto wait = t.async_wait(shm::ready::writable, [&] { writable.set_value(); });
  ASSERT_EQ(writable.get_future().wait_for(test::patience), std::future_status::ready);
  EXPECT_EQ(t.try_publish(2), push_status::ok);
  EXPECT_EQ(t.counters().cut_off, 1U);
}

TEST(TopicProcessTest, RandomKillsLoseNothingOfWhatWasPublished) {
  const std::string name = unique_name();
  std::mt19937 random{20261121};
  shm::topic<stamped> t{create_only, name, {.capacity = 16}};
  auto all = t.subscribe();
  auto some = t.subscribe({.mode = delivery::latest});
  const std::uint64_t first = all.position();
  const auto subscriber = [&](const child::report& ready) {
    shm::subscription<stamped> mine{
        open_only,
        name,
        {.mode = getpid() % 2 == 0 ? delivery::latest : delivery::lossless, .history = 16}};
    const std::uint64_t start = mine.position();
    ready();
    for (std::uint64_t count = 1; const auto message = mine.take(); ++count)
      if (!message->whole() || start + count + mine.missed() != mine.position()) return 1;
    return 0;
  };
  const auto publisher = [&](const child::report& ready) {
    shm::topic<stamped> mine{open_only, name};
    ready();
    for (std::uint64_t i = 0; mine.publish(stamped::make(i)) == push_status::ok; ++i)
      if (i % 3 == 0) mine.publish_batch(std::vector<stamped>(5, stamped::make(i)));
    return 0;
  };
  std::vector<std::unique_ptr<child>> others;
  for (int i = 0; i < 4; ++i) {
    others.push_back(i % 2 == 0 ? std::make_unique<child>(publisher)
                                : std::make_unique<child>(subscriber));
    ASSERT_TRUE(others.back()->await_report());
  }
  std::uint64_t received = 0, seen = 0;
  for (int kill = 0; kill < 100; ++kill) {
    for (std::uint64_t until = received + random() % 300; received < until; ++received) {
      const auto message = all.take_for(test::patience);
      ASSERT_TRUE(message);
      ASSERT_TRUE(message->whole());
      if (const auto one = some.try_take()) {
        ASSERT_TRUE(one->whole());
        ++seen;
      }
    }
    // The first one publishes in any case: there is always something to wait for.
    const std::size_t which = random() % others.size();
    others[which]->signal(SIGKILL);
    ASSERT_EQ(others[which]->join(), -SIGKILL) << "it noticed something wrong";
    others[which] = which == 0 || random() % 2 == 0 ? std::make_unique<child>(publisher)
                                                    : std::make_unique<child>(subscriber);
    // It takes its place while we take nothing: it does not need us for that.
    ASSERT_TRUE(others[which]->await_report());
  }
  t.close();
  while (const auto message = all.take()) {
    ASSERT_TRUE(message->whole());
    ++received;
  }
  while (some.take()) ++seen;
  for (auto& one : others) EXPECT_EQ(one->join(), 0);
  EXPECT_EQ(all.missed(), 0U);
  EXPECT_EQ(all.position() - first, received);
  EXPECT_EQ(t.counters().published, received);
  EXPECT_EQ(seen + some.missed(), received);
}

}  // namespace
}  // namespace hawser
