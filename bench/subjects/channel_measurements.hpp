/// Adds the measurements of a way to carry messages, `Transport<Message>`.
#pragma once

#include "many_processes.hpp"
#include "measurement.hpp"
#include "two_processes.hpp"

#include <string>
#include <vector>

namespace hawser::bench {

constexpr group throughput_group(std::size_t bytes) {
  switch (bytes) {
    case 8: return group::throughput_8;
    case 64: return group::throughput_64;
    case 1'024: return group::throughput_1k;
    case 65'536: return group::throughput_64k;
    default: return group::throughput_1m;
  }
}

template <template <class> class Transport, std::size_t Bytes>
void add_throughput(std::vector<measurement>& all, const std::string& subject) {
  using message = message_of<Bytes>;
  all.push_back({subject, throughput_group(Bytes), [=](const effort& how) {
                   return measure_throughput<Transport<message>, message>(subject, how);
                 }});
}

template <template <class> class Transport>
void add_throughput_of_all_sizes(std::vector<measurement>& all, const std::string& subject) {
  add_throughput<Transport, 8>(all, subject);
  add_throughput<Transport, 64>(all, subject);
  add_throughput<Transport, 1'024>(all, subject);
  add_throughput<Transport, 65'536>(all, subject);
  add_throughput<Transport, 1'048'576>(all, subject);
}

template <template <class> class Transport>
void add_round_trip(std::vector<measurement>& all, const std::string& subject) {
  all.push_back({subject, group::round_trip, [=](const effort& how) {
                   return measure_round_trip<Transport<payload>>(subject, how);
                 }});
}

template <template <class> class Transport>
void add_blocking(std::vector<measurement>& all, const std::string& subject) {
  all.push_back({subject, group::blocking, [=](const effort& how) {
                   return measure_blocking_trips<Transport<payload>>(subject, how);
                 }});
}

/// Two processes that have to share a CPU, as on a loaded machine.
template <template <class> class Transport>
void add_one_cpu(std::vector<measurement>& all, const std::string& subject) {
  all.push_back({subject, group::one_cpu, [=](effort how) {
                   how.one_cpu = true;
                   sample result = measure_throughput<Transport<payload>>(subject, how);
                   const sample trips = measure_blocking_trips<Transport<payload>>(subject, how);
                   result.values.insert(result.values.end(), trips.values.begin(),
                                        trips.values.end());
                   for (value& one : result.values) one.of.metric += "_one_cpu";
                   return result;
                 }});
}

template <template <class> class Transport>
void add_many(std::vector<measurement>& all, const std::string& subject, std::size_t senders,
              std::size_t receivers) {
  all.push_back({subject, group::many, [=](const effort& how) {
                   return measure_many<Transport<payload>>(subject, senders, receivers, how);
                 }});
}

template <template <class> class Transport>
void add_many(std::vector<measurement>& all, const std::string& subject) {
  add_many<Transport>(all, subject, 2, 2);
  add_many<Transport>(all, subject, 4, 4);
  add_many<Transport>(all, subject, 8, 1);
}

/// Says that a peer was not there when this program was built.
inline void add_absent(std::vector<measurement>& all, const std::string& subject,
                       const std::string& package) {
  all.push_back({subject, group::throughput_64, [=](const effort&) -> sample {
                   throw not_available{"built without " + package +
                                       "; tools/bench --install-peers"};
                 }});
}

/// What a class template of two parameters carries in one way of using it.
template <template <class, class> class Transport, template <class> class Mode>
struct in_mode {
  template <class Message>
  using type = Transport<Mode<Message>, Message>;
};

}  // namespace hawser::bench
