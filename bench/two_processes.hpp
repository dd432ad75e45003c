/// The measurements every way of moving messages from one process to another is put through.
///
/// A `Transport` carries messages of one type. It is made in the parent before the processes are
/// forked (so it holds names, descriptors and shared memory, but opens nothing) and offers
///
///   receiver create_receiver()   in the receiving process: creates the channel
///   sender open_sender()         in the sending process, after create_receiver() returned
///
///   sender.send(message)         waits while full
///   sender.flush()               after the last one
///   receiver.receive(use)        waits for messages; calls use(const message&) for each; count
///   receiver.try_receive(use)    the same, does not wait; count, 0 if there is none (if it can)
///
/// These are the calls a user of the transport would write, with its own blocking behaviour.
#pragma once

#include "clock.hpp"
#include "measurement.hpp"
#include "message.hpp"
#include "processes.hpp"
#include "statistics.hpp"
#include <hawser/shm/detail/futex.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace hawser::bench {

/// Long enough for the other side to go to sleep on its full or empty channel.
inline void let_the_other_side_sleep() {
  const timespec pause{0, 3'000'000};
  nanosleep(&pause, nullptr);
}

/// How long messages are sent for a figure.
inline std::int64_t sending_ns(const effort& how) { return how.quick ? 5'000'000 : 15'000'000; }

/// How many messages are sent between two looks at the clock.
template <class Message>
constexpr std::uint64_t at_a_time = std::clamp<std::size_t>((std::size_t{1} << 18) /
                                                                sizeof(Message),
                                                            1, 64);

/// How many messages there are to be, once somebody knows.
struct total_count {
  alignas(64) std::atomic<std::uint64_t> known;
  void reset() { known.store(std::numeric_limits<std::uint64_t>::max()); }
};

template <class Message>
value throughput_value(const std::string& subject, std::uint64_t messages, std::int64_t ns) {
  const double rate = static_cast<double>(messages) / static_cast<double>(ns);  // in 1/ns
  if constexpr (sizeof(Message) >= 65'536)
    return {{subject, "throughput", sizeof(Message), "GB/s"}, rate * sizeof(Message)};
  else return {{subject, "throughput", sizeof(Message), "Mmsg/s"}, rate * 1e3};
}

/// Messages a second from one process to another, sent for a while: from when both stand ready to the
/// receiver's check of the last message.
///
/// Before, each side has waited for the other once, so that what a channel starts at its first
/// wait (a thread, say) is there and does not disturb the sample.
template <class Transport, class Message = payload>
sample measure_throughput(const std::string& subject, const effort& how) {
  // Twice around the ring, so that all of its memory is mapped in both processes.
  constexpr std::uint64_t warm_up = 2 * room_for(sizeof(Message));

  struct notes {
    meeting_point meeting;
    total_count total;
    std::int64_t sender_from_ns, receiver_from_ns, until_ns;
  };
  const shared<notes> note;
  note->total.reset();
  Transport transport;
  const cpu_pair cpus = measuring_cpus(how);

  const auto send = [&] {
    note->meeting.meet(2);
    auto out = transport.open_sender();
    message_source<Message> source;
    let_the_other_side_sleep();
    while (source.sent() < warm_up) out.send(source.next());
    out.flush();
    note->meeting.meet(2);
    const timed_section timed{how};
    note->sender_from_ns = now_ns();
    const std::int64_t end_ns = note->sender_from_ns + sending_ns(how);
    const auto send_some = [&] {
      for (std::uint64_t i = 0; i < at_a_time<Message>; ++i) out.send(source.next());
    };
    while (now_ns() < end_ns) send_some();
    // Before the last ones, which the receiver therefore cannot have without it.
    note->total.known.store(source.sent() + at_a_time<Message>);
    send_some();
    out.flush();
    note->meeting.part(2);  // what some transports still hold goes with the sender
  };
  const auto receive = [&] {
    auto in = transport.create_receiver();
    note->meeting.meet(2);
    sequence_check check;
    in.receive(check);
    let_the_other_side_sleep();
    while (check.count() < warm_up) in.receive(check);
    note->meeting.meet(2);
    const timed_section timed{how};
    note->receiver_from_ns = now_ns();
    while (check.count() < note->total.known.load(std::memory_order_relaxed)) in.receive(check);
    note->until_ns = now_ns();
    std::uint64_t surplus = check.count() - note->total.known;
    if constexpr (requires { in.try_receive(check); }) surplus += in.try_receive(check);
    if (surplus != 0) throw wrong_figure{"more messages arrived than were sent"};
    note->meeting.part(2);
  };

  const bool disturbed =
      run_processes({{"receiving", cpus.first, receive}, {"sending", cpus.second, send}});
  const std::int64_t from_ns = std::min(note->sender_from_ns, note->receiver_from_ns);
  return {
      {throughput_value<Message>(subject, note->total.known - warm_up, note->until_ns - from_ns)},
      disturbed};
}

/// A message to another process and its echo back.
struct trips_plan {
  std::uint64_t warm_up = 0, at_a_time = 1;
  std::size_t batches = 0;
  std::int64_t pause_ns = 0;  // before each trip, for both to fall asleep
  std::string metric;
};

/// Runs the trips; `take(in, check)` waits for a message. The percentiles are of means of `at_a_time`.
template <class Transport, class Take>
sample measure_trips(const std::string& subject, const effort& how, const trips_plan& plan,
                     const Take& take) {
  const std::uint64_t trips = plan.warm_up + plan.batches * plan.at_a_time;
  struct notes {
    meeting_point meeting;
    double p50_us, p99_us, p999_us;
  };
  const shared<notes> note;
  std::array<Transport, 2> transports;
  // Not a structured binding: clang before 16 cannot capture one.
  Transport& ping = transports[0];
  Transport& pong = transports[1];
  const cpu_pair cpus = measuring_cpus(how);

  const auto ask = [&] {
    auto in = pong.create_receiver();
    note->meeting.meet(2);
    auto out = ping.open_sender();
    note->meeting.meet(2);
    sequence_check check;
    std::uint64_t next = 0;
    const auto trip = [&] {
      out.send(make_payload(next++));
      out.flush();
      take(in, check);
    };
    while (next < plan.warm_up) trip();
    std::vector<double> us(plan.batches);
    const timed_section timed{how};
    for (double& mean : us) {
      if (plan.pause_ns != 0) {
        const timespec pause{0, plan.pause_ns};
        nanosleep(&pause, nullptr);
      }
      const std::int64_t from_ns = now_ns();
      for (std::uint64_t i = 0; i < plan.at_a_time; ++i) trip();
      mean = static_cast<double>(now_ns() - from_ns) / 1e3 / static_cast<double>(plan.at_a_time);
    }
    if (check.count() != trips) throw wrong_figure{"an echo is missing or came twice"};
    note->p50_us = percentile(us, 0.50);
    note->p99_us = percentile(us, 0.99);
    note->p999_us = percentile(us, 0.999);
    note->meeting.part(2);
  };
  const auto echo = [&] {
    auto in = ping.create_receiver();
    note->meeting.meet(2);
    auto out = pong.open_sender();
    note->meeting.meet(2);
    sequence_check check;
    const timed_section timed{how};
    while (check.count() < trips) {
      take(in, check);
      out.send(make_payload(check.count() - 1));
      out.flush();
    }
    note->meeting.part(2);
  };

  const bool disturbed =
      run_processes({{"asking", cpus.first, ask}, {"echoing", cpus.second, echo}});
  return {{{{subject, plan.metric + "_p50", sizeof(payload), "us"}, note->p50_us},
           {{subject, plan.metric + "_p99", sizeof(payload), "us"}, note->p99_us},
           {{subject, plan.metric + "_p999", sizeof(payload), "us"}, note->p999_us}},
          disturbed};
}

/// Both sides spin.
template <class Transport>
sample measure_round_trip(const std::string& subject, const effort& how) {
  return measure_trips<Transport>(subject, how,
                                  {.warm_up = 2 * room_for(sizeof(payload)),
                                   .at_a_time = 16,
                                   .batches = how.quick ? 1'000U : 4'000U,
                                   .metric = "round_trip"},
                                  [](auto& in, auto& check) {
                                    while (in.try_receive(check) == 0) shm::detail::cpu_relax();
                                  });
}

/// Both sides wait by the transport's own waiting calls, one trip behind the other; then each trip after a
/// pause, so that both sleep when it begins.
template <class Transport>
sample measure_blocking_trips(const std::string& subject, const effort& how) {
  const auto waits = [](auto& in, auto& check) { in.receive(check); };
  sample all = measure_trips<Transport>(subject, how,
                                        {.warm_up = 100,
                                         .at_a_time = 1,
                                         .batches = how.quick ? 300U : 1'000U,
                                         .metric = "blocking_trip"},
                                        waits);
  const sample asleep = measure_trips<Transport>(subject, how,
                                                 {.warm_up = 20,
                                                  .at_a_time = 1,
                                                  .batches = how.quick ? 50U : 200U,
                                                  .pause_ns = 300'000,
                                                  .metric = "sleeping_trip"},
                                                 waits);
  all.values.insert(all.values.end(), asleep.values.begin(), asleep.values.end() - 1);
  all.disturbed = all.disturbed || asleep.disturbed;
  return all;
}

}  // namespace hawser::bench
