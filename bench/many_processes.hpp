/// Several senders, several receivers, and one channel between them.
///
/// The `Transport` offers what two_processes.hpp says, and to receivers other than the first
///
///   receiver open_receiver()     after create_receiver() returned in another process
#pragma once

#include "two_processes.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace hawser::bench {

/// The numbers of the messages of one sender; the receivers may have them in any share, each in order.
struct sender_number {
  static constexpr std::uint64_t senders_max = 64;
  static constexpr std::uint64_t end = ~std::uint64_t{0} - 1;
  static std::uint64_t make(std::uint64_t number, std::uint64_t sender) {
    return number * senders_max + sender;
  }
};

/// Messages of 64 bytes a second, of all together. Where all share one line, whoever is the last to have
/// sent all of its own tells each receiver, behind everything else, that this was all; else each sender tells
/// the only receiver.
template <class Transport>
sample measure_many(const std::string& subject, std::size_t senders, std::size_t receivers,
                    const effort& how) {
  struct notes {
    meeting_point meeting;
    alignas(64) std::atomic<std::uint32_t> done;
    std::atomic<std::uint64_t> sent, received;
    std::atomic<std::int64_t> from_ns, until_ns;
  };
  const shared<notes> note;
  Transport transport;
  constexpr bool is_one_line = requires { transport.open_receiver(); };
  const std::size_t ends_wanted = is_one_line ? 1 : senders;
  const cpu_pair cpus = measuring_cpus(how);
  const auto everybody = static_cast<std::uint32_t>(senders + receivers);

  // First the channel is made, then everybody opens it, then it begins.
  const auto send = [&](std::uint64_t mine) {
    note->meeting.meet(everybody);
    auto out = transport.open_sender();
    note->meeting.meet(everybody);
    const std::int64_t from_ns = now_ns();
    if (mine == 0) note->from_ns = from_ns;
    std::uint64_t sent = 0;
    while (now_ns() < from_ns + 2 * sending_ns(how))
      for (std::uint64_t i = 0; i < at_a_time<payload>; ++i)
        out.send(make_payload(sender_number::make(sent++, mine)));
    out.flush();
    note->sent += sent;
    const std::size_t ends = !is_one_line ? 1 : ++note->done == senders ? receivers : 0;
    for (std::size_t i = 0; i < ends; ++i) {
      out.send(make_payload(sender_number::end));
      out.flush();
    }
    note->meeting.part(everybody);
  };
  const auto receive = [&](auto& in) {
    std::array<std::uint64_t, sender_number::senders_max> next{};
    std::uint64_t count = 0;
    std::size_t ends = 0;
    const auto use = [&](const payload& message) {
      const std::uint64_t number = number_of(message);
      if (number == sender_number::end) {
        if (++ends > ends_wanted) throw wrong_figure{"one receiver has the end of two"};
        return;
      }
      std::uint64_t& least = next[number % sender_number::senders_max];
      if (number / sender_number::senders_max < least)
        throw wrong_figure{"a message came twice, or too late"};
      least = number / sender_number::senders_max + 1;
      ++count;
    };
    note->meeting.meet(everybody);
    while (ends < ends_wanted) in.receive(use);
    const std::int64_t until_ns = now_ns();
    for (std::int64_t last = note->until_ns; until_ns > last;)
      if (note->until_ns.compare_exchange_weak(last, until_ns)) break;
    note->received += count;
    note->meeting.part(everybody);
  };

  std::vector<process_role> roles;
  const auto cpu_of = [&](std::size_t i) { return i % 2 == 0 ? cpus.first : cpus.second; };
  roles.push_back({"receiving", cpu_of(0), [&] {
                     auto in = transport.create_receiver();
                     note->meeting.meet(everybody);
                     receive(in);
                   }});
  for (std::size_t i = 1; i < receivers; ++i)
    roles.push_back({"receiving", cpu_of(i), [&] {
                       note->meeting.meet(everybody);
                       if constexpr (is_one_line) {
                         auto in = transport.open_receiver();
                         receive(in);
                       }
                     }});
  for (std::size_t i = 0; i < senders; ++i)
    roles.push_back({"sending", cpu_of(i + 1), [&, i] { send(i); }});
  run_processes(roles);
  if (note->received != note->sent) throw wrong_figure{"messages were lost, or came twice"};
  const double us = static_cast<double>(note->until_ns - note->from_ns) / 1e3;
  return {{{{subject, "throughput_" + std::to_string(senders) + "_to_" + std::to_string(receivers),
             sizeof(payload), "Mmsg/s"},
            static_cast<double>(note->sent) / us}},
          false};
}

}  // namespace hawser::bench
