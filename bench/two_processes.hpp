/// The two measurements every way of moving messages is put through: throughput from one process
/// to another, and the round trip between two that spin.
///
/// A `Transport` is made in the parent before the processes are forked (so it holds names and
/// shared memory, but opens nothing) and offers
///
///   receiver create_receiver()   in the receiving process: creates the channel
///   sender open_sender()         in the sending process, after create_receiver() returned
///
///   sender.send(payload)         waits while full
///   sender.flush()               after the last one
///   receiver.receive(use)        waits for messages; calls use(const payload&) for each; count
///   receiver.try_receive(use)    the same, does not wait; count, 0 if there is none
///
/// These are the calls a user of the transport would write, with its own blocking behaviour.
#pragma once

#include "clock.hpp"
#include "measurement.hpp"
#include "payload.hpp"
#include "processes.hpp"
#include "statistics.hpp"
#include <hawser/shm/detail/futex.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace hawser::bench {

/// Messages every channel has room for.
inline constexpr std::size_t channel_capacity = 1024;

/// Long enough for the other side to go to sleep on its full or empty channel.
inline void let_the_other_side_sleep() {
  const timespec pause{0, 3'000'000};
  nanosleep(&pause, nullptr);
}

/// Checks that the payloads it is called with are the next ones of a sequence.
class sequence_check {
 public:
  template <class Message>
  void operator()(const Message& message) {
    check_payload(message, next_);
    ++next_;
  }
  std::uint64_t count() const { return next_; }

 private:
  std::uint64_t next_ = 0;
};

/// Million messages per second from one process to another: from when both stand ready to the
/// receiver's check of the last message.
///
/// Before, each side has waited for the other once, so that what a channel starts at its first
/// wait (a thread, say) is there and does not disturb the sample.
template <class Transport, class Message = payload>
sample measure_throughput(const std::string& subject, const effort& how) {
  // Twice around the ring, so that all of its memory is mapped in both processes.
  constexpr std::uint64_t warm_up = 2 * channel_capacity;
  const std::uint64_t messages = how.quick ? 100'000 : 400'000;

  struct notes {
    meeting_point meeting;
    std::int64_t sender_from_ns, receiver_from_ns, until_ns;
  };
  const shared<notes> note;
  Transport transport;
  const cpu_pair cpus = measuring_cpus();

  const auto send = [&] {
    note->meeting.meet(2);
    auto out = transport.open_sender();
    std::uint64_t next = 0;
    let_the_other_side_sleep();
    while (next < warm_up) out.send(make_message<Message>(next++));
    out.flush();
    note->meeting.meet(2);
    const timed_section timed;
    note->sender_from_ns = now_ns();
    while (next < warm_up + messages) out.send(make_message<Message>(next++));
    out.flush();
  };
  const auto receive = [&] {
    auto in = transport.create_receiver();
    note->meeting.meet(2);
    sequence_check check;
    in.receive(check);
    let_the_other_side_sleep();
    while (check.count() < warm_up) in.receive(check);
    note->meeting.meet(2);
    const timed_section timed;
    note->receiver_from_ns = now_ns();
    while (check.count() < warm_up + messages) in.receive(check);
    note->until_ns = now_ns();
    if (check.count() != warm_up + messages || in.try_receive(check) != 0)
      throw wrong_figure{"more messages arrived than were sent"};
  };

  const bool disturbed =
      run_processes({{"receiving", cpus.first, receive}, {"sending", cpus.second, send}});
  const std::int64_t from_ns = std::min(note->sender_from_ns, note->receiver_from_ns);
  const double us = static_cast<double>(note->until_ns - from_ns) / 1e3;
  return {
      {{{subject, "throughput", sizeof(Message), "Mmsg/s"}, static_cast<double>(messages) / us}},
      disturbed};
}

/// Microseconds for a message to another process and its echo back, both spinning. Timed sixteen
/// trips at a time: the percentiles are of means of sixteen.
template <class Transport>
sample measure_round_trip(const std::string& subject, const effort& how) {
  constexpr std::uint64_t trips_at_a_time = 16;
  constexpr std::uint64_t warm_up = 2 * channel_capacity;
  const std::size_t batches = how.quick ? 1'000 : 4'000;
  const std::uint64_t trips = warm_up + batches * trips_at_a_time;

  struct notes {
    meeting_point meeting;
    double p50_us, p99_us;
  };
  const shared<notes> note;
  std::array<Transport, 2> transports;
  // Not a structured binding: clang before 16 cannot capture one.
  Transport& ping = transports[0];
  Transport& pong = transports[1];
  const cpu_pair cpus = measuring_cpus();

  const auto spin = [](auto& in, auto& check) {
    while (in.try_receive(check) == 0) shm::detail::cpu_relax();
  };
  const auto ask = [&] {
    auto in = pong.create_receiver();
    note->meeting.meet(2);
    auto out = ping.open_sender();
    note->meeting.meet(2);
    sequence_check check;
    std::uint64_t next = 0;
    const auto trip = [&] {
      out.send(make_payload(next++));
      spin(in, check);
    };
    while (next < warm_up) trip();
    std::vector<double> us(batches);
    const timed_section timed;
    for (double& mean : us) {
      const std::int64_t from_ns = now_ns();
      for (std::uint64_t i = 0; i < trips_at_a_time; ++i) trip();
      mean = static_cast<double>(now_ns() - from_ns) / 1e3 / trips_at_a_time;
    }
    if (check.count() != trips) throw wrong_figure{"an echo is missing or came twice"};
    note->p50_us = percentile(us, 0.50);
    note->p99_us = percentile(us, 0.99);
  };
  const auto echo = [&] {
    auto in = ping.create_receiver();
    note->meeting.meet(2);
    auto out = pong.open_sender();
    note->meeting.meet(2);
    sequence_check check;
    const timed_section timed;
    while (check.count() < trips) {
      spin(in, check);
      out.send(make_payload(check.count() - 1));
    }
  };

  const bool disturbed =
      run_processes({{"asking", cpus.first, ask}, {"echoing", cpus.second, echo}});
  return {{{{subject, "round_trip_p50", sizeof(payload), "us"}, note->p50_us},
           {{subject, "round_trip_p99", sizeof(payload), "us"}, note->p99_us}},
          disturbed};
}

}  // namespace hawser::bench
