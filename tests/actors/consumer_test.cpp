#include "channel_support.hpp"
#include <hawser/actors/consumer.hpp>

#include <atomic>
#include <set>

using namespace std::chrono_literals;
using hawser::create_only;
using hawser::open_only;
using hawser::test::eventually;
using hawser::test::unique_name;
using test::answer_atom;
using test::answer_atom_v;
using test::refuse_atom;
using test::refuse_atom_v;
namespace shm = hawser::shm;
namespace actors = hawser::actors;
using actors::channel_error;

namespace {

class running_system : public test::running_system {
 public:
  template <class T, class Handler>
  caf::actor consume(shm::queue<T> queue, Handler handler, actors::consumer_options options = {}) {
    return track(actors::spawn_consumer(system, std::move(queue), std::move(handler), options));
  }
};

/// What a handler saw, from any thread.
class journal {
 public:
  void add(int message) {
    const std::scoped_lock hold{mutex_};
    seen_.push_back(message);
  }
  std::vector<int> seen() const {
    const std::scoped_lock hold{mutex_};
    return seen_;
  }
  std::size_t size() const { return seen().size(); }

 private:
  mutable std::mutex mutex_;
  std::vector<int> seen_;
};

shm::queue<int> filled_queue(const std::string& name, int messages,
                             shm::queue_options options = {}) {
  shm::queue<int> q{create_only, name, options};
  for (int i = 0; i < messages; ++i) q.push(i);
  return q;
}

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

/// Keeps every request until it is told to answer.
struct keeper_state {
  std::deque<caf::response_promise> promises;
};

caf::behavior keeper(hawser::actors::stateful_actor<keeper_state>* self, journal* seen) {
  return {
      [=](int message) -> caf::result<std::string> {
        seen->add(message);
        self->state.promises.push_back(self->make_response_promise());
        return self->state.promises.back();
      },
      [=](answer_atom) {
        self->state.promises.front().deliver(std::string{"done"});
        self->state.promises.pop_front();
      },
      [=](refuse_atom) {
        self->state.promises.front().deliver(caf::make_error(caf::sec::runtime_error));
        self->state.promises.pop_front();
      },
  };
}

}  // namespace

TEST(ConsumerTest, HandsOverEveryMessageInOrderAndEndsWithTheQueue) {
  const std::string name = unique_name();
  auto q = filled_queue(name, 1000);
  journal seen;
  running_system run;
  const auto consumer =
      run.consume(shm::queue<int>{open_only, name}, [&](int message) { seen.add(message); });
  q.close();
  EXPECT_EQ(run.end_of(consumer), caf::error{});
  EXPECT_EQ(seen.seen(), numbers(1000));
  EXPECT_TRUE(q.drained());
  EXPECT_EQ(q.counters().acked, 1000u);
  EXPECT_EQ(q.counters().redelivered, 0u);
}

TEST(ConsumerTest, WaitsForMessagesAndForTheEnd) {
  const std::string name = unique_name();
  auto q = filled_queue(name, 0);
  journal seen;
  running_system run;
  const auto consumer =
      run.consume(shm::queue<int>{open_only, name}, [&](int message) { seen.add(message); });
  for (int i = 0; i < 50; ++i) {
    q.push(i);
    ASSERT_TRUE(eventually([&] { return seen.size() == static_cast<std::size_t>(i + 1); }));
  }
  q.close();
  EXPECT_EQ(run.end_of(consumer), caf::error{});
  EXPECT_EQ(seen.seen(), numbers(50));
}

TEST(ConsumerTest, CarriesMessagesOfVariableSize) {
  const std::string name = unique_name();
  shm::queue<std::string> q{create_only, name};
  shm::queue<std::vector<double>> lists{create_only, name + ".lists"};
  std::atomic<std::size_t> bytes = 0;
  std::atomic<double> sum = 0;
  running_system run;
  const auto texts = run.consume(shm::queue<std::string>{open_only, name},
                                 [&](const std::string& text) { bytes += text.size(); });
  const auto vectors = run.consume(shm::queue<std::vector<double>>{open_only, name + ".lists"},
                                   [&](const std::vector<double>& list) {
                                     for (const double x : list) sum.store(sum.load() + x);
                                   });
  q.push("");
  q.push("four");
  lists.push({1.5, 2.5});
  q.close();
  lists.close();
  EXPECT_EQ(run.end_of(texts), caf::error{});
  EXPECT_EQ(run.end_of(vectors), caf::error{});
  EXPECT_EQ(bytes, 4u);
  EXPECT_EQ(sum, 4.0);
}

TEST(ConsumerTest, NeverHasMoreThanItsCreditOnTheWay) {
  constexpr int messages = 60;
  for (const int credit : {1, 2, 7}) {
    const std::string name = unique_name();
    auto q = filled_queue(name, messages);
    q.close();
    journal seen;
    running_system run;
    const auto handler = run.track(run.system.spawn(keeper, &seen));
    const auto consumer = run.consume(shm::queue<int>{open_only, name}, handler,
                                      {.credit = static_cast<std::size_t>(credit)});
    for (int answered = 0; answered < messages;) {
      const int delivered = std::min(answered + credit, messages);
      ASSERT_TRUE(eventually([&] { return seen.size() == static_cast<std::size_t>(delivered); }));
      ASSERT_TRUE(
          eventually([&] { return q.counters().acked == static_cast<std::uint64_t>(answered); }));
      // The consumer has worked off its mailbox when it answers this: nothing more is coming.
      const auto counters = run.counters_of<actors::consumer_counters>(consumer);
      EXPECT_EQ(counters.delivered, static_cast<std::uint64_t>(delivered));
      EXPECT_EQ(counters.acked, static_cast<std::uint64_t>(answered));
      EXPECT_EQ(seen.size(), static_cast<std::size_t>(delivered));
      EXPECT_EQ(q.size(), static_cast<std::size_t>(messages - delivered));

      // One answer, and as many as there can be, and all between.
      const int answers = std::min(answered % credit + 1, delivered - answered);
      for (int i = 0; i < answers; ++i) caf::anon_send(handler, answer_atom_v);
      answered += answers;
    }
    EXPECT_EQ(run.end_of(consumer), caf::error{});
  }
}

TEST(ConsumerTest, AcknowledgesWhenTheResponsePromiseIsKept) {
  const std::string name = unique_name();
  auto q = filled_queue(name, 1);
  q.close();
  journal seen;
  running_system run;
  const auto handler = run.track(run.system.spawn(keeper, &seen));
  const auto consumer = run.consume(shm::queue<int>{open_only, name}, handler);
  ASSERT_TRUE(eventually([&] { return seen.size() == 1; }));
  EXPECT_EQ(run.counters_of<actors::consumer_counters>(consumer).acked, 0u);
  EXPECT_FALSE(q.drained());

  caf::anon_send(handler, answer_atom_v);

  EXPECT_EQ(run.end_of(consumer), caf::error{});
  EXPECT_TRUE(q.drained());
}

TEST(ConsumerTest, AcknowledgesWhenADelegateAnswers) {
  const std::string name = unique_name();
  auto q = filled_queue(name, 1);
  q.close();
  journal seen;
  running_system run;
  const auto delegate = run.track(run.system.spawn(keeper, &seen));
  const auto handler = run.system.spawn([=](caf::event_based_actor* self) -> caf::behavior {
    return {[=](int message) { return self->delegate(delegate, message); }};
  });
  const auto consumer = run.consume(shm::queue<int>{open_only, name}, handler);
  ASSERT_TRUE(eventually([&] { return seen.size() == 1; }));
  EXPECT_FALSE(q.drained());
  caf::anon_send(delegate, answer_atom_v);
  EXPECT_EQ(run.end_of(consumer), caf::error{});
  EXPECT_TRUE(q.drained());
}

TEST(ConsumerTest, GivesBackWhatTheHandlerRefuses) {
  const std::string name = unique_name();
  auto q = filled_queue(name, 1);
  q.close();
  journal seen;
  running_system run;
  const auto handler = run.track(run.system.spawn(keeper, &seen));
  const auto consumer = run.consume(shm::queue<int>{open_only, name}, handler);
  ASSERT_TRUE(eventually([&] { return seen.size() == 1; }));
  caf::anon_send(handler, refuse_atom_v);
  ASSERT_TRUE(eventually([&] { return seen.size() == 2; }));
  EXPECT_EQ(q.counters().redelivered, 1u);
  const auto counters = run.counters_of<actors::consumer_counters>(consumer);
  EXPECT_EQ(counters.returned, 1u);
  EXPECT_EQ(counters.acked, 0u);
  caf::anon_send(handler, answer_atom_v);
  EXPECT_EQ(run.end_of(consumer), caf::error{});
  EXPECT_EQ(seen.seen(), (std::vector{0, 0}));
}

TEST(ConsumerTest, GivesBackWhatAFunctionThrowsAtAndGoesOn) {
  const std::string name = unique_name();
  auto q = filled_queue(name, 10, {.attempts_max = 3});
  q.close();
  journal seen;
  running_system run;
  const auto consumer = run.consume(shm::queue<int>{open_only, name}, [&](int message) {
    seen.add(message);
    if (message == 4) throw std::runtime_error{"never this one"};
  });
  EXPECT_EQ(run.end_of(consumer), caf::error{});
  const auto all = seen.seen();
  EXPECT_EQ(std::count(all.begin(), all.end(), 4), 3);
  EXPECT_EQ(all.size(), 12u);
  shm::queue<int> dead{open_only, name + ".dead"};
  EXPECT_EQ(dead.try_pop(), 4);
}

TEST(ConsumerTest, GivesEverythingBackWhenTheHandlerDies) {
  const std::string name = unique_name();
  auto q = filled_queue(name, 100);
  q.close();
  journal first_seen;
  journal seen;
  running_system run;
  const auto handler = run.track(run.system.spawn(keeper, &first_seen));
  const auto first = run.consume(shm::queue<int>{open_only, name}, handler, {.credit = 8});
  ASSERT_TRUE(eventually([&] { return first_seen.size() == 8; }));

  run.kill(handler);

  EXPECT_EQ(run.end_of(first), caf::make_error(caf::exit_reason::kill));
  EXPECT_EQ(q.size(), 100u);
  const auto second =
      run.consume(shm::queue<int>{open_only, name}, [&](int message) { seen.add(message); });
  EXPECT_EQ(run.end_of(second), caf::error{});
  EXPECT_EQ(seen.seen(), numbers(100));
}

TEST(ConsumerTest, GivesBackTheMessageOfAnActorThatThrows) {
  const std::string name = unique_name();
  auto q = filled_queue(name, 20);
  q.close();
  running_system run;
  const auto handler = run.system.spawn([](caf::event_based_actor* self) -> caf::behavior {
    self->set_exception_handler([](caf::scheduled_actor*, std::exception_ptr&) {
      return actors::detail::unhandled_exception();
    });
    return {[](int message) {
      if (message == 5) throw std::runtime_error{"at five"};
    }};
  });
  const auto consumer = run.consume(shm::queue<int>{open_only, name}, handler, {.credit = 3});
  EXPECT_EQ(run.end_of(consumer), actors::detail::unhandled_exception());
  EXPECT_EQ(q.counters().acked, 5u);
  EXPECT_EQ(q.try_pop(), 5);
}

TEST(ConsumerTest, GivesBackWhatIsNotAnsweredInTime) {
  const std::string name = unique_name();
  auto q = filled_queue(name, 1);
  journal seen;
  running_system run;
  const auto handler = run.track(run.system.spawn(keeper, &seen));
  const auto consumer =
      run.consume(shm::queue<int>{open_only, name}, handler, {.answer_timeout = 10ms});
  ASSERT_TRUE(eventually([&] { return seen.size() >= 2; }));
  EXPECT_GE(q.counters().redelivered, 1u);
  EXPECT_GE(run.counters_of<actors::consumer_counters>(consumer).returned, 1u);
  run.kill(consumer);
}

TEST(ConsumerTest, AnExitMessageLetsWhatIsOnItsWayFinish) {
  const std::string name = unique_name();
  auto q = filled_queue(name, 10);
  journal seen;
  running_system run;
  const auto handler = run.track(run.system.spawn(keeper, &seen));
  const auto consumer = run.consume(shm::queue<int>{open_only, name}, handler, {.credit = 3});
  ASSERT_TRUE(eventually([&] { return seen.size() == 3; }));
  caf::anon_send_exit(consumer, caf::exit_reason::user_shutdown);
  for (int i = 0; i < 3; ++i) caf::anon_send(handler, answer_atom_v);
  EXPECT_EQ(run.end_of(consumer), caf::make_error(caf::exit_reason::user_shutdown));
  EXPECT_EQ(q.counters().acked, 3u);
  EXPECT_EQ(q.size(), 7u);
}

TEST(ConsumerTest, KilledItGivesEverythingBack) {
  const std::string name = unique_name();
  auto q = filled_queue(name, 10);
  journal seen;
  running_system run;
  const auto handler = run.track(run.system.spawn(keeper, &seen));
  const auto consumer = run.consume(shm::queue<int>{open_only, name}, handler, {.credit = 3});
  ASSERT_TRUE(eventually([&] { return seen.size() == 3; }));
  run.kill(consumer);
  EXPECT_TRUE(eventually([&] { return q.size() == 10; }));
}

TEST(ConsumerTest, AnnouncesTheEndWhenAsked) {
  const std::string name = unique_name();
  auto q = filled_queue(name, 3);
  q.close();
  journal seen;
  std::promise<std::string> ended;
  running_system run;
  const auto handler = run.system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {[&](int message) { seen.add(message); },
            [&, self](const actors::channel_end& end) {
              ended.set_value(end.channel);
              self->quit();
            }};
  });
  run.consume(shm::queue<int>{open_only, name}, handler, {.announce_end = true});
  EXPECT_EQ(ended.get_future().get(), name);
  EXPECT_EQ(seen.seen(), numbers(3));
}

TEST(ConsumerTest, FortyConsumersShareOneWaitingThread) {
  const std::string name = unique_name();
  std::atomic<int> sum = 0;
  running_system run;
  const auto threads = test::thread_count();
  shm::queue<int> q{create_only, name};
  std::vector<caf::actor> consumers;
  for (int i = 0; i < 40; ++i)
    consumers.push_back(
        run.consume(shm::queue<int>{open_only, name}, [&](int message) { sum += message; }));
  for (int i = 1; i <= 1000; ++i) {
    q.push(i);
    EXPECT_LE(test::thread_count(), threads + 1);  // Hawser's monitor
  }
  q.close();
  for (const auto& consumer : consumers) EXPECT_EQ(run.end_of(consumer), caf::error{});
  EXPECT_EQ(sum, 500500);
  EXPECT_EQ(q.counters().acked, 1000u);
}
