// The topic between threads of one process: the twin that ThreadSanitizer can judge.

#include "../support/child.hpp"
#include <hawser/shm/topic.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using shm::delivery;
using shm::take_status;
using test::unique_name;

/// More than one word, to be torn if anything is out of order.
struct stamped {
  int publisher;
  int number;
  std::array<int, 12> words;

  static stamped make(int publisher, int number) {
    stamped message{publisher, number, {}};
    message.words.fill(publisher * 1'000'000 + number);
    return message;
  }
  void expect_whole() const {
    for (const int word : words) ASSERT_EQ(word, publisher * 1'000'000 + number);
  }
};

enum class way { take, read, patient, latest };

struct traffic {
  std::size_t capacity;
  int publishers;
  std::vector<way> subscribers;
  int each;
  std::size_t batch;  // 1: single messages
};

/// Without slices: a lost wake-up is a hang here, not a delay.
class TopicThreadTest : public testing::TestWithParam<traffic> {
 public:
  TopicThreadTest() { shm::detail::set_wait_slices(false); }
  ~TopicThreadTest() override { shm::detail::set_wait_slices(true); }
};

/// What one subscriber took: whole, each publisher's in order, nothing uncounted.
class account {
 public:
  account(way how, const traffic& t, std::uint64_t start)
      : gaps_(how == way::latest || how == way::patient),
        each_(t.each),
        start_(start),
        next_(static_cast<std::size_t>(t.publishers), 0) {}

  void operator()(const stamped& message) {
    message.expect_whole();
    int& expected = next_[static_cast<std::size_t>(message.publisher)];
    if (gaps_) ASSERT_GE(message.number, expected);
    else ASSERT_EQ(message.number, expected);
    expected = message.number + 1;
    ++received_;
  }
  void close(take_status status, std::uint64_t missed, std::uint64_t position) const {
    EXPECT_EQ(status, take_status::closed);
    EXPECT_EQ(start_ + received_ + missed, position);
    EXPECT_EQ(position, next_.size() * static_cast<std::size_t>(each_));
    EXPECT_TRUE(gaps_ || missed == 0);
  }

 private:
  bool gaps_;
  int each_;
  std::uint64_t start_, received_ = 0;
  std::vector<int> next_;
};

void follow(shm::subscription<stamped> s, way how, const traffic& t) {
  account check(how, t, s.position());
  for (;;) {
    if (how == way::read) {
      const auto message = s.read();
      if (!message) break;
      check(*message);
    } else if (const auto message = s.take()) {
      check(*message);
    } else if (s.status() != take_status::cut_off) {
      break;
    }
  }
  check.close(s.status(), s.missed(), s.position());
}

TEST_P(TopicThreadTest, EverySubscriberGetsWholeMessagesInOrderAndCountsTheRest) {
  const traffic t = GetParam();
  const std::string name = unique_name();
  shm::topic<stamped> topic{create_only, name, {.capacity = t.capacity}};
  std::vector<std::thread> publishers, subscribers;
  for (const way how : t.subscribers) {
    shm::subscription_options options;
    if (how == way::latest) options.mode = delivery::latest;
    if (how == way::patient) options.patience = std::chrono::microseconds{20};
    subscribers.emplace_back(follow, topic.subscribe(options), how, std::cref(t));
  }
  for (int p = 0; p < t.publishers; ++p)
    publishers.emplace_back([&, p] {
      // Every other publisher through an object of its own: another participant.
      shm::topic<stamped> own{open_only, name};
      shm::topic<stamped>& to = p % 2 == 0 ? topic : own;
      std::vector<stamped> batch;
      for (int i = 0; i < t.each; ++i) {
        batch.push_back(stamped::make(p, i));
        if (batch.size() < t.batch && i + 1 < t.each) continue;
        if (t.batch == 1) to.publish(batch.front());
        else ASSERT_EQ(to.publish_batch(batch), batch.size());
        batch.clear();
      }
    });
  // One that comes and goes meanwhile.
  std::thread visitor{[&] {
    while (!topic.closed()) {
      auto guest = topic.subscribe({.history = t.capacity});
      const std::uint64_t start = guest.position();
      std::uint64_t count = 0;
      while (count < 3) {
        const auto message = guest.take();
        if (!message) break;
        message->expect_whole();
        ++count;
      }
      EXPECT_EQ(guest.position(), start + count);
    }
  }};
  for (auto& thread : publishers) thread.join();
  topic.close();
  for (auto& thread : subscribers) thread.join();
  visitor.join();
  EXPECT_EQ(topic.counters().published, static_cast<std::uint64_t>(t.publishers * t.each));
}

/// Every object has a mapping of its own, between which ThreadSanitizer sees nothing. So here
/// everybody publishes through the first subscriber's.
TEST_P(TopicThreadTest, BothSidesOnOneMappingAreOrdered) {
  namespace d = shm::detail;
  const traffic t = GetParam();
  const way how = t.subscribers.front();
  shm::topic<stamped> topic{create_only, unique_name(), {.capacity = t.capacity}};
  d::subscription_request request;
  if (how == way::latest) request.mode = d::row_kind::latest;
  if (how == way::patient) request.patience_ns = 20'000;
  d::subscription_core core{d::topic_request_for<stamped>(topic.name()), request};
  std::vector<std::thread> publishers;
  for (int p = 0; p < t.publishers; ++p)
    publishers.emplace_back([&, p] {
      for (int i = 0; i < t.each;) {
        const std::size_t n = std::min(t.batch, static_cast<std::size_t>(t.each - i));
        const auto write = [&](std::size_t k, std::byte* payload) {
          d::write_message(stamped::make(p, i + static_cast<int>(k)), payload);
        };
        i += static_cast<int>(core.publish(n, {}, write).count);
      }
    });
  std::thread subscriber{[&] {
    account check(how, t, core.position());
    d::message_copy<stamped> copy(core.payload_bytes());
    take_status status = take_status::ok;
    while (status == take_status::ok || status == take_status::cut_off) {
      if (how == way::read) {
        const auto next = core.wait({});
        status = next.status;
        if (status != take_status::ok) continue;
        check(d::message_in_place<stamped>(next.payload, core.payload_bytes()).view());
        core.advance();
      } else {
        status = core.take({}, [&](const std::byte* payload) { copy.copy(payload); });
        if (status == take_status::ok) check(copy.value());
      }
    }
    check.close(status, core.missed(), core.position());
  }};
  for (auto& thread : publishers) thread.join();
  core.close();
  subscriber.join();
}

using enum way;
INSTANTIATE_TEST_SUITE_P(
    Traffic, TopicThreadTest,
    testing::Values(traffic{1, 1, {take}, 1500, 1}, traffic{1, 1, {latest}, 5000, 1},
                    traffic{2, 1, {read}, 4000, 1}, traffic{64, 1, {take, read}, 10000, 1},
                    traffic{64, 1, {take, read, latest}, 10000, 16},
                    traffic{3, 2, {read, latest, patient}, 2000, 1},
                    traffic{64, 2, {latest, latest}, 10000, 1},
                    traffic{64, 3, {patient, take, read}, 3000, 7}, traffic{64, 2, {read}, 5000, 7},
                    traffic{1024, 2, {take, take, read, latest}, 5000, 16}));

}  // namespace
}  // namespace hawser
