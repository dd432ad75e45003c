#include "targets.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace hawser::bench {
namespace {

using enum target::direction;

constexpr std::size_t kib64 = 65'536, mib = 1'048'576;

figure rate(const std::string& subject, std::size_t bytes = 64) {
  return {subject, "throughput", bytes, bytes >= kib64 ? "GB/s" : "Mmsg/s"};
}
figure trip(const std::string& subject, const std::string& metric = "round_trip_p50") {
  return {subject, metric, 64, "us"};
}
figure op(const std::string& subject) { return {subject, "op", 0, "ns"}; }

/// What one would use instead, and what copies messages as Hawser's channels do.
const std::vector<std::string> copying_peers = {
    "boost.message_queue", "posix.mqueue", "pipe",   "unix.stream",
    "unix.seqpacket",      "tcp",          "zeromq", "nng",
    "python.queue",        "python.pipe"};

template <class Figure>
std::vector<figure> of_peers(Figure figure_of) {
  std::vector<figure> all;
  for (const std::string& peer : copying_peers) all.push_back(figure_of(peer));
  return all;
}

void add_limits(std::vector<target>& all) {
  all.push_back({"hawser.queue.lease / bare.ring, throughput",
                 rate("hawser.queue.lease"),
                 {rate("bare.ring")},
                 at_least,
                 0.9,
                 0.9});
  all.push_back({"hawser.queue.batch16 / bare.ring, throughput",
                 rate("hawser.queue.batch16"),
                 {rate("bare.ring")},
                 at_least,
                 2,
                 2});
  all.push_back({"hawser.pipe / bare.ring, throughput",
                 rate("hawser.pipe"),
                 {rate("bare.ring")},
                 at_least,
                 0.95,
                 0.95});
  all.push_back({"hawser.pipe / bare.ring, throughput of 8 bytes",
                 rate("hawser.pipe", 8),
                 {rate("bare.ring", 8)},
                 at_least,
                 0.4,
                 0.4});
  all.push_back({"hawser.pipe.batch16, messages in a raw round trip",
                 {"hawser.pipe.batch16", "per_raw_round_trip", 64, "messages"},
                 {},
                 at_least,
                 3,
                 3});
  all.push_back({"hawser.pipe / raw.cacheline, round trip",
                 trip("hawser.pipe"),
                 {trip("raw.cacheline")},
                 at_most,
                 1.5,
                 1.5});
  all.push_back({"hawser.queue.lease / raw.cacheline, round trip",
                 trip("hawser.queue.lease"),
                 {trip("raw.cacheline")},
                 at_most,
                 2,
                 2});
  for (const std::string subject : {"hawser.pipe", "hawser.queue.lease"})
    for (const std::string metric : {"blocking_trip_p50", "sleeping_trip_p50"})
      all.push_back({subject + " / raw.futex, " + metric,
                     trip(subject, metric),
                     {trip("raw.futex", metric)},
                     at_most,
                     1.15,
                     1.15});
  for (const std::string subject : {"hawser.pipe", "hawser.queue.lease"})
    all.push_back({subject + " / raw.memcpy, 64 KiB",
                   rate(subject, kib64),
                   {rate("raw.memcpy", kib64)},
                   at_least,
                   0.8,
                   0.8});
  all.push_back({"hawser.payload 1 MiB / hawser.payload 64 B, round trip",
                 {"hawser.payload", "round_trip_p50", mib, "us"},
                 {trip("hawser.payload")},
                 at_most,
                 1.2,
                 1.2});
  all.push_back({"hawser.payload, 1 MiB untouched, us",
                 {"hawser.payload", "untouched", mib, "us"},
                 {},
                 at_most,
                 0.3,
                 0.3});
  all.push_back({"hawser.topic, publisher, 4 subscribers / 1",
                 {"hawser.topic.4", "op", 64, "ns"},
                 {{"hawser.topic.1", "op", 64, "ns"}},
                 at_most,
                 1.25,
                 1.25});
}

/// Ahead of whichever peer is the fastest.
void add_peers(std::vector<target>& all) {
  for (const std::size_t bytes : {std::size_t{8}, std::size_t{64}, std::size_t{1'024}, kib64, mib})
    for (const std::string subject : {"hawser.pipe", "hawser.queue.lease"})
      all.push_back({subject + " / fastest copying peer, " + std::to_string(bytes) + " bytes",
                     rate(subject, bytes),
                     of_peers([&](const std::string& peer) { return rate(peer, bytes); }), at_least,
                     1, 1});
  for (const std::string metric : {"throughput_2_to_2", "throughput_4_to_4", "throughput_8_to_1"}) {
    const auto of = [&](const std::string& subject) {
      return figure{subject, metric, 64, "Mmsg/s"};
    };
    all.push_back({"hawser.queue.lease / fastest copying peer, " + metric, of("hawser.queue.lease"),
                   of_peers(of), at_least, 1, 1});
  }
  for (const std::string subject : {"hawser.pipe", "hawser.queue.lease"}) {
    for (const std::string metric :
         {"blocking_trip_p50", "blocking_trip_p99", "sleeping_trip_p50", "sleeping_trip_p99",
          "blocking_trip_p50_one_cpu", "sleeping_trip_p50_one_cpu"})
      all.push_back({subject + " / fastest copying peer, " + metric, trip(subject, metric),
                     of_peers([&](const std::string& peer) { return trip(peer, metric); }), at_most,
                     1, 1});
    const auto one_cpu = [](const std::string& of) {
      return figure{of, "throughput_one_cpu", 64, "Mmsg/s"};
    };
    all.push_back({subject + " / fastest copying peer, throughput_one_cpu", one_cpu(subject),
                   of_peers(one_cpu), at_least, 1, 1});
  }
  all.push_back({"hawser.payload / iceoryx, 1 MiB",
                 rate("hawser.payload", mib),
                 {rate("iceoryx", mib)},
                 at_least,
                 1,
                 1});
}

void add_permit_targets(std::vector<target>& all) {
  all.push_back({"hawser.semaphore / sem_t, acquire + release",
                 op("hawser.semaphore"),
                 {op("sem_t")},
                 at_most,
                 2.5,
                 2.5});
  all.push_back({"hawser.lock / pthread_mutex, lock + unlock",
                 op("hawser.lock"),
                 {op("pthread_mutex")},
                 at_most,
                 2.5,
                 2.5});
  const auto contended = [](const std::string& of) {
    return figure{of, "contended", 0, "Mpairs/s"};
  };
  all.push_back({"hawser.semaphore / faster of sem_t, boost.semaphore, contended",
                 contended("hawser.semaphore"),
                 {contended("sem_t"), contended("boost.semaphore")},
                 at_least,
                 1,
                 1});
  all.push_back({"hawser.lock / faster of pthread_mutex, boost.mutex, contended",
                 contended("hawser.lock"),
                 {contended("pthread_mutex"), contended("boost.mutex")},
                 at_least,
                 1,
                 1});
}

void add_whole(std::vector<target>& all) {
  const auto recovery = [](const char* metric) {
    return figure{"hawser.queue.lease", metric, 0, "ms"};
  };
  const auto wall = [](const char* subject) { return figure{subject, "wall", 0, "s"}; };
  const auto memory = [](const char* subject) { return figure{subject, "memory", 0, "MB"}; };
  all.push_back({"hawser.wait_set, 1,000 idle channels, us of CPU a second",
                 {"hawser.wait_set.1000", "idle", 0, "us/s"},
                 {},
                 at_most,
                 2'000,
                 2'000});
  all.push_back({"hawser.wait_set, wake-up with 1,000 channels, us",
                 {"hawser.wait_set.1000", "wake_up_p50", 64, "us"},
                 {},
                 at_most,
                 200,
                 200});
  all.push_back({"kill to redelivery, median, ms", recovery("recovery_p50"), {}, at_most, 1, 1});
  all.push_back(
      {"kill to redelivery, 99th percentile, ms", recovery("recovery_p99"), {}, at_most, 10, 10});
  all.push_back({"sweep of a dead process with 1,000 channels, ms",
                 {"hawser.wait_set", "sweep", 0, "ms"},
                 {},
                 at_most,
                 20,
                 20});
  all.push_back({"producer_consumer / xargs.wc, wall",
                 wall("producer_consumer"),
                 {wall("xargs.wc")},
                 at_most,
                 1.3,
                 1.3});
  all.push_back({"producer_consumer, Ctrl-C to its end, ms",
                 {"producer_consumer", "stop", 0, "ms"},
                 {},
                 at_most,
                 200,
                 200});
  all.push_back({"producer_consumer, memory / the same for one file",
                 memory("producer_consumer"),
                 {memory("producer_consumer.one_file")},
                 at_most,
                 1.25,
                 1.25});
}

void add_actors(std::vector<target>& all) {
  const auto of = [](const std::string& subject, const char* metric, const char* unit) {
    return figure{subject, metric, 24, unit};
  };
  const std::string ours = "actors.hawser", tcp = "actors.caf_tcp", tuned = "actors.caf_tcp_tuned";
  all.push_back({ours + " / " + tcp + ", throughput",
                 of(ours, "throughput", "Mmsg/s"),
                 {of(tcp, "throughput", "Mmsg/s")},
                 at_least,
                 10,
                 10});
  all.push_back({ours + " / " + tcp + ", throughput, 1,000 under way",
                 of(ours, "throughput_windowed", "Mmsg/s"),
                 {of(tcp, "throughput_windowed", "Mmsg/s")},
                 at_least,
                 8,
                 8});
  all.push_back({ours + " / " + tcp + ", throughput of 16 clients",
                 of(ours + ".16", "throughput", "Mmsg/s"),
                 {of(tcp + ".16", "throughput", "Mmsg/s")},
                 at_least,
                 5,
                 5});
  all.push_back({ours + " / " + tuned + ", round trip, median",
                 of(ours, "round_trip_p50", "us"),
                 {of(tuned, "round_trip_p50", "us")},
                 at_most,
                 0.1,
                 0.1});
  all.push_back({ours + " / " + tuned + ", round trip, 99th percentile",
                 of(ours, "round_trip_p99", "us"),
                 {of(tuned, "round_trip_p99", "us")},
                 at_most,
                 0.25,
                 0.25});
  all.push_back({ours + " / " + tcp + ", CPU per message",
                 of(ours, "cpu_per_message", "us"),
                 {of(tcp, "cpu_per_message", "us")},
                 at_most,
                 0.333,
                 0.333});
  all.push_back({ours + ", kill to the last of 100 errors, ms",
                 {ours, "pending_failed_after_kill", 0, "ms"},
                 {},
                 at_most,
                 5,
                 5});
  all.push_back({ours + ", two idle processes, us of CPU a second",
                 {ours, "idle", 0, "us/s"},
                 {},
                 at_most,
                 2'000,
                 2'000});
  struct savina_figure {
    const char *name, *unit;
    target::direction bound = at_least;
  };
  for (const std::string processes : {".2", ".4"})
    for (const auto& [name, unit, bound] :
         {savina_figure{"ping_pong", "us", at_most}, savina_figure{"thread_ring", "us", at_most},
          savina_figure{"counting", "Mmsg/s"}, savina_figure{"fork_join", "Mmsg/s"},
          savina_figure{"big", "Mmsg/s"}, savina_figure{"chameneos", "Mmeetings/s"},
          savina_figure{"bank_transaction", "Mtransfers/s"}})
      all.push_back({"savina.hawser" + processes + " / faster CAF TCP, " + name,
                     {"savina.hawser" + processes, name, 0, unit},
                     {{"savina.caf_tcp" + processes, name, 0, unit},
                      {"savina.caf_tcp_tuned" + processes, name, 0, unit}},
                     bound,
                     1,
                     1});
}

void add_patterns(std::vector<target>& all) {
  const auto of = [](const char* subject, const char* metric, const char* unit) {
    return figure{subject, metric, 0, unit};
  };
  all.push_back({"hawser.pool / python.pool, map",
                 of("hawser.pool", "map", "Mtask/s"),
                 {of("python.pool", "map", "Mtask/s")},
                 at_least,
                 2,
                 2});
  all.push_back({"hawser.pool, map one by one, us a task",
                 of("hawser.pool", "map_chunk1", "us"),
                 {},
                 at_most,
                 2,
                 2});
  all.push_back({"hawser.pool / python.pool, submit + get",
                 of("hawser.pool", "submit_get_p50", "us"),
                 {of("python.pool", "submit_get_p50", "us")},
                 at_most,
                 0.2,
                 0.2});
  all.push_back({"hawser.pool, start of a worker, ms",
                 of("hawser.pool", "start", "ms"),
                 {},
                 at_most,
                 20,
                 20});
  all.push_back({"hawser.pool, uneven tasks, of the best possible time",
                 of("hawser.pool", "uneven", "of_best"),
                 {},
                 at_most,
                 1.1,
                 1.1});
  all.push_back({"hawser.resource_manager / python.manager, acquire + release",
                 of("hawser.resource_manager", "acquire_release_p50", "us"),
                 {of("python.manager", "acquire_release_p50", "us")},
                 at_most,
                 0.2,
                 0.2});
  all.push_back({"hawser.supervisor, kill to working again, ms",
                 of("hawser.supervisor", "restart_p50", "ms"),
                 {},
                 at_most,
                 50,
                 50});
  all.push_back({"bank, durable transfers a second",
                 of("bank", "throughput", "transfers/s"),
                 {},
                 at_least,
                 20'000,
                 20'000});
}

}  // namespace

std::vector<target> targets() {
  std::vector<target> all;
  add_limits(all);
  add_peers(all);
  add_permit_targets(all);
  add_whole(all);
  add_actors(all);
  add_patterns(all);
  return all;
}

}  // namespace hawser::bench
