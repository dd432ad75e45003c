#include "channel_support.hpp"
#include <hawser/actors/producer.hpp>

#include <optional>

using namespace std::chrono_literals;
using hawser::create_only;
using hawser::open_only;
using hawser::test::eventually;
using hawser::test::unique_name;
using test::running_system;
namespace shm = hawser::shm;
namespace actors = hawser::actors;
using actors::channel_error;
using actors::producer_counters;
using actors::spawn_producer;

namespace {

class ProducerTest : public testing::Test {
 protected:
  running_system run_;
  std::string name_ = unique_name();

  caf::actor start(const shm::queue<int>& queue, actors::producer_options options = {}) {
    return run_.track(
        spawn_producer(run_.system, shm::queue<int>{open_only, queue.name()}, options));
  }

  /// Sends requests from one actor and notes the answers in the order they come.
  class requester {
   public:
    requester(running_system& run, const caf::actor& to) : run_(run), to_(to) {
      actor_ = run.track(run.system.spawn([this](caf::event_based_actor* self) -> caf::behavior {
        return {[this, self](int message) {
          self->request(to_, caf::infinite, message)
              .then([this, message] { note(message, {}); },
                    [this, message](caf::error& reason) { note(message, reason); });
        }};
      }));
    }
    ~requester() { run_.kill(actor_); }
    requester(const requester&) = delete;
    void ask(int message) { caf::anon_send(actor_, message); }
    std::vector<std::pair<int, caf::error>> answers() const {
      const std::scoped_lock hold{mutex_};
      return answers_;
    }
    bool has(std::size_t count) const {
      return eventually([&] { return answers().size() == count; });
    }

   private:
    void note(int message, const caf::error& reason) {
      const std::scoped_lock hold{mutex_};
      answers_.emplace_back(message, reason);
    }
    running_system& run_;
    caf::actor to_, actor_;
    mutable std::mutex mutex_;
    std::vector<std::pair<int, caf::error>> answers_;
  };

  bool waiting_reaches(const caf::actor& producer, std::uint64_t count) {
    return eventually(
        [&] { return run_.counters_of<producer_counters>(producer).waiting == count; });
  }
};

std::vector<int> take_all(shm::queue<int>& q, std::size_t count) {
  std::vector<int> all;
  while (all.size() < count)
    if (const auto message = q.pop_for(hawser::test::patience)) all.push_back(*message);
    else break;
  return all;
}

}  // namespace

TEST_F(ProducerTest, PushesSendsInOrder) {
  shm::queue<int> q{create_only, name_, {.capacity = 2000}};
  const auto producer = start(q);
  for (int i = 0; i < 1000; ++i) caf::anon_send(producer, i);
  std::vector<int> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(take_all(q, 1000), expected);
  EXPECT_EQ(run_.counters_of<producer_counters>(producer).pushed, 1000u);
}

TEST_F(ProducerTest, AnswersARequestOnceItIsPushed) {
  shm::queue<int> q{create_only, name_, {.capacity = 1}};
  const auto producer = start(q);
  requester asks{run_, producer};
  asks.ask(1);
  ASSERT_TRUE(asks.has(1));
  asks.ask(2);
  ASSERT_TRUE(waiting_reaches(producer, 1));
  EXPECT_EQ(asks.answers().size(), 1u);

  EXPECT_EQ(q.try_pop(), 1);

  ASSERT_TRUE(asks.has(2));
  EXPECT_EQ(asks.answers().back(), (std::pair{2, caf::error{}}));
  EXPECT_EQ(take_all(q, 1), (std::vector{2}));
}

TEST_F(ProducerTest, KeepsTheOrderOfWhatWaits) {
  shm::queue<int> q{create_only, name_, {.capacity = 4}};
  const auto producer = start(q);
  std::vector<int> expected(500);
  std::iota(expected.begin(), expected.end(), 0);
  for (const int i : expected) caf::anon_send(producer, i);
  EXPECT_EQ(take_all(q, 500), expected);
  EXPECT_EQ(run_.counters_of<producer_counters>(producer).waiting, 0u);
}

TEST_F(ProducerTest, RejectsSendsAboveItsBoundAndCountsThem) {
  shm::queue<int> q{create_only, name_, {.capacity = 2}};
  const auto producer = start(q, {.sends_waiting_max = 3});
  for (int i = 0; i < 10; ++i) caf::anon_send(producer, i);
  ASSERT_TRUE(waiting_reaches(producer, 3));
  ASSERT_TRUE(
      eventually([&] { return run_.counters_of<producer_counters>(producer).rejected == 5; }));
  EXPECT_EQ(take_all(q, 5), (std::vector{0, 1, 2, 3, 4}));
  EXPECT_EQ(q.try_pop(), std::nullopt);
}

TEST_F(ProducerTest, TellsTheSenderOfARejectedSendWhenAsked) {
  shm::queue<int> q{create_only, name_, {.capacity = 1}};
  const auto producer = start(q, {.sends_waiting_max = 0, .tell_senders = true});
  caf::scoped_actor self{run_.system};
  self->send(producer, 1);
  self->send(producer, 2);
  std::optional<actors::send_rejected> told;
  self->receive([&](const actors::send_rejected& rejected) { told = rejected; },
                caf::after(hawser::test::patience) >> [] {});
  ASSERT_TRUE(told);
  EXPECT_EQ(told->channel, name_);
  EXPECT_EQ(told->reason, channel_error::full);
}

TEST_F(ProducerTest, AnswersRequestsAboveItsBoundWithFull) {
  shm::queue<int> q{create_only, name_, {.capacity = 1}};
  const auto producer = start(q, {.sends_waiting_max = 0, .requests_waiting_max = 2});
  requester asks{run_, producer};
  for (int i = 0; i < 4; ++i) asks.ask(i);
  ASSERT_TRUE(asks.has(2));
  EXPECT_EQ(asks.answers()[0], (std::pair{0, caf::error{}}));
  EXPECT_EQ(asks.answers()[1], (std::pair{3, make_error(channel_error::full)}));
  EXPECT_EQ(take_all(q, 3), (std::vector{0, 1, 2}));
  EXPECT_TRUE(asks.has(4));
}

TEST_F(ProducerTest, AnswersAMessageThatIsTooLargeWithAnErrorAndGoesOn) {
  shm::queue<std::string> q{create_only, name_, {.message_bytes_max = 8}};
  const auto producer =
      run_.track(spawn_producer(run_.system, shm::queue<std::string>{open_only, name_}));
  caf::scoped_actor self{run_.system};
  caf::error refused;
  self->request(producer, caf::infinite, std::string(100, 'x'))
      .receive([] {}, [&](caf::error& reason) { refused = std::move(reason); });
  EXPECT_EQ(refused, make_error(channel_error::too_large));
  EXPECT_NE(hawser::actors::render(run_.system, refused).find("the message is too large"),
            std::string::npos);
  self->send(producer, std::string{"short"});
  EXPECT_EQ(q.pop_for(hawser::test::patience), "short");
}

TEST_F(ProducerTest, RejectsWhatWaitsWhenSomebodyElseClosesTheQueue) {
  shm::queue<int> q{create_only, name_, {.capacity = 1}};
  const auto producer = start(q);
  requester asks{run_, producer};
  for (int i = 0; i < 3; ++i) asks.ask(i);
  ASSERT_TRUE(waiting_reaches(producer, 2));
  q.close();
  ASSERT_TRUE(asks.has(3));
  EXPECT_EQ(asks.answers()[1], (std::pair{1, make_error(channel_error::closed)}));
  EXPECT_EQ(asks.answers()[2], (std::pair{2, make_error(channel_error::closed)}));
  asks.ask(3);
  ASSERT_TRUE(asks.has(4));
  EXPECT_EQ(asks.answers()[3], (std::pair{3, make_error(channel_error::closed)}));
}

TEST_F(ProducerTest, ClosesTheQueueAfterWhatWaits) {
  shm::queue<int> q{create_only, name_, {.capacity = 1}};
  const auto producer = start(q);
  for (int i = 0; i < 5; ++i) caf::anon_send(producer, i);
  caf::anon_send(producer, actors::close_atom_v);
  caf::anon_send(producer, 99);  // too late
  EXPECT_EQ(take_all(q, 5), (std::vector{0, 1, 2, 3, 4}));
  EXPECT_EQ(q.pop(), std::nullopt);
  EXPECT_TRUE(q.closed());
  EXPECT_EQ(run_.end_of(producer), caf::error{});
}

TEST_F(ProducerTest, AnswersTheRequestToClose) {
  shm::queue<int> q{create_only, name_};
  const auto producer = start(q);
  caf::scoped_actor self{run_.system};
  bool answered = false;
  self->request(producer, hawser::actors::detail::request_timeout{hawser::test::patience},
                actors::close_atom_v)
      .receive([&] { answered = true; }, [](caf::error&) {});
  EXPECT_TRUE(answered);
  EXPECT_TRUE(q.closed());
}

TEST_F(ProducerTest, AnExitMessageLetsWhatWaitsBePushed) {
  shm::queue<int> q{create_only, name_, {.capacity = 1}};
  const auto producer = start(q);
  for (int i = 0; i < 5; ++i) caf::anon_send(producer, i);
  ASSERT_TRUE(waiting_reaches(producer, 4));
  caf::anon_send_exit(producer, caf::exit_reason::user_shutdown);
  EXPECT_EQ(take_all(q, 5), (std::vector{0, 1, 2, 3, 4}));
  EXPECT_EQ(run_.end_of(producer), caf::make_error(caf::exit_reason::user_shutdown));
  EXPECT_FALSE(q.closed());
}

TEST_F(ProducerTest, KilledItRejectsTheRequestsThatWait) {
  shm::queue<int> q{create_only, name_, {.capacity = 1}};
  const auto producer = start(q);
  requester asks{run_, producer};
  for (int i = 0; i < 3; ++i) asks.ask(i);
  ASSERT_TRUE(waiting_reaches(producer, 2));
  run_.kill(producer);
  ASSERT_TRUE(asks.has(3));
  EXPECT_EQ(asks.answers()[2], (std::pair{2, make_error(channel_error::closed)}));
  EXPECT_EQ(take_all(q, 1), (std::vector{0}));
}

TEST_F(ProducerTest, NobodyHoldsItAndWhatWaitsIsPushed) {
  shm::queue<int> q{create_only, name_, {.capacity = 1}};
  {
    const auto producer = spawn_producer(run_.system, shm::queue<int>{open_only, name_});
    for (int i = 0; i < 5; ++i) caf::anon_send(producer, i);
  }
  EXPECT_EQ(take_all(q, 5), (std::vector{0, 1, 2, 3, 4}));
}

TEST_F(ProducerTest, FortyFullQueuesBlockNoSchedulerThread) {
  const auto threads = test::thread_count();
  std::deque<shm::queue<int>> queues;
  std::vector<caf::actor> producers;
  for (int i = 0; i < 40; ++i) {
    queues.emplace_back(create_only, unique_name(), shm::queue_options{.capacity = 1});
    producers.push_back(start(queues.back()));
    for (int message = 0; message < 3; ++message) caf::anon_send(producers.back(), message);
  }
  for (const auto& producer : producers) ASSERT_TRUE(waiting_reaches(producer, 2));
  EXPECT_LE(test::thread_count(), threads + 1);  // Hawser's monitor
  for (auto& q : queues) EXPECT_EQ(take_all(q, 3), (std::vector{0, 1, 2}));
}
