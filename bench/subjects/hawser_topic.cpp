#include "clock.hpp"
#include "subjects/subjects.hpp"
#include "two_processes.hpp"
#include <hawser/shm/topic.hpp>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include <sched.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

using topic = shm::topic<payload>;
using subscription = shm::subscription<payload>;

std::string next_name() {
  static unsigned made = 0;
  return "bench-topic-" + std::to_string(getpid()) + "-" + std::to_string(++made);
}

/// One publisher and one lossless subscriber, which reads in place.
class hawser_topic {
 public:
  hawser_topic() = default;
  hawser_topic(const hawser_topic&) = delete;
  hawser_topic& operator=(const hawser_topic&) = delete;
  ~hawser_topic() { shm::remove(name_); }  // when they were killed, because one failed

  class sender {
   public:
    explicit sender(topic to) : to_(std::move(to)) {}
    void send(const payload& message) { to_.publish(message); }
    void flush() {}

   private:
    topic to_;
  };

  class receiver {
   public:
    explicit receiver(subscription from) : from_(std::move(from)) {}
    template <class Use>
    std::size_t receive(Use&& use) {
      return take(from_.read(), use);
    }
    template <class Use>
    std::size_t try_receive(Use&& use) {
      return take(from_.try_read(), use);
    }

   private:
    template <class Use>
    static std::size_t take(shm::reading<payload> message, Use&& use) {
      if (!message) return 0;
      use(*message);
      return 1;
    }
    subscription from_;
  };

  receiver create_receiver() {
    // The subscription keeps the topic.
    return receiver{topic{create_only, name_, {.capacity = room_for(sizeof(payload))}}.subscribe()};
  }
  sender open_sender() { return sender{topic{open_only, name_}}; }

 private:
  std::string name_ = next_name();
};

/// What a message costs its publisher while `subscribers` processes, all on the other CPU, read
/// every one. It publishes in bursts that fit, so that it never waits; the time between them, in
/// which the subscribers catch up, does not count.
sample measure_publishing(std::size_t subscribers, const effort& how) {
  constexpr std::uint64_t burst = room_for(sizeof(payload)) / 2, warm_up = 8;
  const std::uint64_t bursts = warm_up + (how.quick ? 100 : 300);
  struct notes {
    meeting_point meeting;
    struct alignas(64) line {
      std::atomic<std::uint64_t> bursts;
    };
    std::array<line, 8> done;
    double op_ns;
  };
  const shared<notes> note;
  const std::string name = next_name();
  const cpu_pair cpus = measuring_cpus();
  const auto everybody = static_cast<std::uint32_t>(subscribers + 1);

  const auto publish = [&] {
    topic to{create_only, name, {.capacity = room_for(sizeof(payload))}};
    note->meeting.meet(everybody);
    note->meeting.meet(everybody);
    std::vector<double> means;
    std::uint64_t next = 0;
    const timed_section timed;
    for (std::uint64_t b = 1; b <= bursts; ++b) {
      const std::int64_t from_ns = now_ns();
      for (std::uint64_t i = 0; i < burst; ++i) to.publish(make_payload(next++));
      const std::int64_t until_ns = now_ns();
      if (b > warm_up) means.push_back(static_cast<double>(until_ns - from_ns) / burst);
      for (std::size_t s = 0; s < subscribers; ++s)
        while (note->done[s].bursts.load(std::memory_order_acquire) != b) shm::detail::cpu_relax();
    }
    if (to.counters().published != bursts * burst) throw wrong_figure{"messages are missing"};
    note->op_ns = percentile(means, 0.50);
  };
  std::vector<process_role> roles{{"publishing", cpus.first, publish}};
  for (std::size_t s = 0; s < subscribers; ++s)
    roles.push_back({"subscribing", cpus.second, [&, s] {
                       note->meeting.meet(everybody);
                       subscription from{open_only, name};
                       note->meeting.meet(everybody);
                       sequence_check check;
                       while (check.count() < bursts * burst) {
                         if (const auto message = from.try_read()) {
                           check(*message);
                         } else {
                           note->done[s].bursts.store(check.count() / burst,
                                                      std::memory_order_release);
                           if (subscribers > 1) sched_yield();
                         }
                       }
                       note->done[s].bursts.store(bursts, std::memory_order_release);
                     }});
  bool disturbed = false;
  try {
    disturbed = run_processes(roles);
  } catch (...) {
    shm::remove(name);
    throw;
  }
  return {
      {{{"hawser.topic." + std::to_string(subscribers), "op", sizeof(payload), "ns"}, note->op_ns}},
      disturbed};
}

}  // namespace

void add_hawser_topic(std::vector<measurement>& all) {
  const std::string subject = "hawser.topic";
  all.push_back({subject, group::throughput_64, [=](const effort& how) {
                   return measure_throughput<hawser_topic>(subject, how);
                 }});
  all.push_back({subject, group::round_trip, [=](const effort& how) {
                   return measure_round_trip<hawser_topic>(subject, how);
                 }});
  for (const std::size_t subscribers : {0U, 1U, 4U})
    all.push_back({"hawser.topic." + std::to_string(subscribers), group::throughput_64,
                   [=](const effort& how) { return measure_publishing(subscribers, how); }});
}

}  // namespace hawser::bench
