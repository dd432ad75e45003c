/// Producers and consumers in processes of their own.
#include "channel_support.hpp"
#include "process_support.hpp"
#include <hawser/actors/consumer.hpp>
#include <hawser/actors/process.hpp>
#include <hawser/actors/producer.hpp>
#include <hawser/actors/this_process.hpp>

#include <csignal>
#include <map>

using namespace std::chrono_literals;
using hawser::create_only;
using hawser::open_only;
using hawser::actors::exit_status;
using hawser::actors::process;
using hawser::test::unique_name;
namespace shm = hawser::shm;
namespace actors = hawser::actors;

namespace {

struct job {
  std::uint32_t id = 0;
  std::string text;
};
template <class Inspector>
auto inspect(Inspector& f, job& x) {
  HAWSER_INSPECT(f, "job", x.id, x.text);
}

struct done {
  std::uint32_t id = 0;
  pid_t by = 0;
};
template <class Inspector>
auto inspect(Inspector& f, done& x) {
  HAWSER_INSPECT(f, "done", x.id, x.by);
}

std::string text_of(std::uint32_t id) { return std::string(id % 100, 'a') + std::to_string(id); }

/// Feeds `count` jobs by requests, at most 32 unanswered, and closes the queue.
struct feeder_state {
  std::uint32_t next = 0;
  std::uint32_t answered = 0;
};
caf::behavior feeder(hawser::actors::stateful_actor<feeder_state>* self, std::string queue,
                     std::uint32_t count) {
  const auto out = actors::spawn_producer(self->system(), shm::queue<job>{open_only, queue});
  const auto feed = [=]() {
    auto& state = self->state;
    while (state.next < count && state.next - state.answered < 32) {
      const std::uint32_t id = state.next++;
      self->request(out, caf::infinite, job{id, text_of(id)}).then([=] {
        ++self->state.answered;
        self->send(self, actors::counters_atom_v);
      });
    }
    if (state.answered == count) {
      self->send(out, actors::close_atom_v);
      self->quit();
    }
  };
  self->send(self, actors::counters_atom_v);
  return {[=](actors::counters_atom) { feed(); }};
}
HAWSER_PROCESS(feeder);

/// Checks jobs and reports each as done, until the queue ends. With `hold`, keeps what it gets.
caf::behavior worker(caf::event_based_actor* self, std::string queue, std::string results,
                     std::uint32_t credit, bool hold) {
  const auto out = actors::spawn_producer(self->system(), shm::queue<done>{open_only, results});
  actors::spawn_consumer(self->system(), shm::queue<job>{open_only, queue}, self,
                         {.credit = credit, .announce_end = true});
  return {
      [=](const job& work) -> caf::result<caf::message> {
        if (work.text != text_of(work.id)) return caf::make_error(caf::sec::invalid_argument);
        if (hold) return self->make_response_promise();
        // The job is acknowledged when its result is in the queue: the producer answers for us.
        return self->delegate(out, done{work.id, getpid()});
      },
      [=](actors::channel_end) { self->quit(); },
  };
}
HAWSER_PROCESS(worker);

class ChannelProcessTest : public testing::Test {
 protected:
  static constexpr std::uint32_t count = 5000;
  std::string name_ = unique_name();
  shm::queue<job> jobs_{create_only, name_, {.capacity = 64}};
  shm::queue<done> results_{create_only, name_ + ".done", {.capacity = 64}};

  process start_worker(bool hold = false) {
    return process::spawn(worker, name_, results_.name(), 8u, hold);
  }

  /// Takes results until every job is among them; how often each came.
  std::map<std::uint32_t, int> collect() {
    std::map<std::uint32_t, int> times;
    while (times.size() < count) {
      const auto result = results_.pop_for(hawser::test::patience);
      if (!result) break;
      ++times[result->id];
      ++by_[result->by];
    }
    return times;
  }

  std::map<pid_t, int> by_;
};

}  // namespace

TEST_F(ChannelProcessTest, EveryJobIsDoneExactlyOnceByThreeProcesses) {
  std::vector<process> workers(3);
  for (auto& each : workers) each = start_worker();
  auto producer = process::spawn(feeder, name_, count);
  const auto times = collect();
  EXPECT_EQ(times.size(), count);
  for (const auto& [id, number] : times) EXPECT_EQ(number, 1) << "job " << id;
  EXPECT_EQ(producer.join(), exit_status::exited(0));
  for (auto& each : workers) EXPECT_EQ(each.join(), exit_status::exited(0));
  EXPECT_EQ(results_.size(), 0u);
  EXPECT_TRUE(jobs_.drained());
  EXPECT_EQ(jobs_.counters().pushed, count);
  EXPECT_EQ(jobs_.counters().acked, count);
  EXPECT_EQ(jobs_.counters().redelivered, 0u);
}

TEST_F(ChannelProcessTest, WhatAKilledProcessHeldIsDoneByAnother) {
  auto holder = start_worker(true);
  auto producer = process::spawn(feeder, name_, count);
  ASSERT_TRUE(test::eventually([&] { return jobs_.counters().delivered == 8; }));
  EXPECT_EQ(jobs_.counters().acked, 0u);

  holder.kill();

  auto other = start_worker();
  const auto times = collect();
  EXPECT_EQ(times.size(), count);
  for (const auto& [id, number] : times) EXPECT_EQ(number, 1) << "job " << id;
  EXPECT_EQ(by_.size(), 1u);
  EXPECT_EQ(holder.join(), exit_status::killed(SIGKILL));
  EXPECT_EQ(producer.join(), exit_status::exited(0));
  EXPECT_EQ(other.join(), exit_status::exited(0));
  EXPECT_EQ(jobs_.counters().redelivered, 8u);
  EXPECT_EQ(jobs_.counters().reclaimed, 8u);
  EXPECT_EQ(jobs_.counters().acked, count);
}

TEST_F(ChannelProcessTest, NothingIsLostWhenWorkersAreKilledAgainAndAgain) {
  std::vector<process> workers(2);
  for (auto& each : workers) each = start_worker();
  auto producer = process::spawn(feeder, name_, count);
  std::map<std::uint32_t, int> times;
  std::uint32_t kills = 0;
  while (times.size() < count) {
    const auto result = results_.pop_for(hawser::test::patience);
    ASSERT_TRUE(result);
    ++times[result->id];
    if (times.size() > (kills + 1) * count / 6) {
      process& victim = workers[kills++ % 2];
      victim.kill();
      victim = start_worker();
    }
  }
  EXPECT_EQ(kills, 5u);
  EXPECT_EQ(producer.join(), exit_status::exited(0));
  // A worker killed between its result and the acknowledgement leaves a job that is done twice,
  // but no more of them than it may have had on their way.
  while (!jobs_.drained() || results_.size() > 0)
    if (const auto more = results_.pop_for(10ms)) ++times[more->id];
  std::uint32_t repeated = 0;
  for (const auto& [id, number] : times) repeated += static_cast<std::uint32_t>(number - 1);
  EXPECT_LE(repeated, kills * 8);
  for (auto& each : workers) EXPECT_EQ(each.join(), exit_status::exited(0));
  EXPECT_EQ(times.size(), count);
}
