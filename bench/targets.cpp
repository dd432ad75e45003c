#include "targets.hpp"

namespace hawser::bench {

std::vector<target> targets() {
  using enum target::direction;
  const auto rate = [](const char* subject, std::size_t bytes = 64) {
    return figure{subject, "throughput", bytes, "Mmsg/s"};
  };
  const auto trip = [](const char* subject) { return figure{subject, "round_trip_p50", 64, "us"}; };
  const auto op = [](const char* subject) { return figure{subject, "op", 0, "ns"}; };
  const auto recovery = [](const char* metric) {
    return figure{"hawser.queue.lease", metric, 0, "ms"};
  };
  const auto publishing = [](const char* subject) { return figure{subject, "op", 64, "ns"}; };
  constexpr std::size_t mib = std::size_t{1} << 20;
  const auto wall = [](const char* subject) { return figure{subject, "wall", 0, "s"}; };
  const auto actors = [](const char* subject, const char* metric, const char* unit) {
    return figure{subject, metric, 24, unit};
  };
  const auto memory = [](const char* subject) { return figure{subject, "memory", 0, "MB"}; };
  const auto pool = [](const char* subject, const char* metric, const char* unit) {
    return figure{subject, metric, 0, unit};
  };
  return {
      {"hawser.queue.lease / boost.message_queue, throughput", rate("hawser.queue.lease"),
       rate("boost.message_queue"), at_least, 1.8, 1.2},
      {"hawser.queue.lease / bare.ring, throughput", rate("hawser.queue.lease"), rate("bare.ring"),
       at_least, 0.7, 0.7},
      {"hawser.queue.batch16 / boost.message_queue, throughput", rate("hawser.queue.batch16"),
       rate("boost.message_queue"), at_least, 4, 1.8},
      {"hawser.queue.lease / raw.cacheline, round trip", trip("hawser.queue.lease"),
       trip("raw.cacheline"), at_most, 2.5, 2.5},
      {"hawser.semaphore / sem_t, acquire + release", op("hawser.semaphore"), op("sem_t"), at_most,
       2.5, 2.5},
      {"hawser.lock / pthread_mutex, lock + unlock", op("hawser.lock"), op("pthread_mutex"),
       at_most, 2.5, 2.5},
      {"hawser.topic, publisher, 4 subscribers / 1", publishing("hawser.topic.4"),
       publishing("hawser.topic.1"), at_most, 1.25, 1.25},
      {"hawser.pipe / bare.ring, throughput", rate("hawser.pipe"), rate("bare.ring"), at_least,
       0.85, 0.85},
      {"hawser.pipe / bare.ring, throughput of 8 bytes", rate("hawser.pipe", 8),
       rate("bare.ring", 8), at_least, 0.4, 0.4},
      {"hawser.pipe / raw.cacheline, round trip", trip("hawser.pipe"), trip("raw.cacheline"),
       at_most, 1.7, 1.7},
      {"hawser.pipe.batch16, messages in a raw round trip",
       {"hawser.pipe.batch16", "per_raw_round_trip", 64, "messages"},
       {},
       at_least,
       3,
       3},
      {"hawser.payload 1 MiB / hawser.payload 64 B, round trip",
       {"hawser.payload", "round_trip_p50", mib, "us"},
       trip("hawser.payload"),
       at_most,
       1.3,
       1.3},
      {"hawser.payload, 1 MiB untouched, us",
       {"hawser.payload", "untouched", mib, "us"},
       {},
       at_most,
       0.3,
       0.3},
      {"kill to redelivery, median, ms", recovery("recovery_p50"), {}, at_most, 1, 1},
      {"kill to redelivery, 99th percentile, ms", recovery("recovery_p99"), {}, at_most, 10, 10},
      {"sweep of a dead process with 1,000 channels, ms",
       {"hawser.wait_set", "sweep", 0, "ms"},
       {},
       at_most,
       20,
       20},
      {"actors.hawser / actors.caf_tcp, throughput",
       actors("actors.hawser", "throughput", "Mmsg/s"),
       actors("actors.caf_tcp", "throughput", "Mmsg/s"), at_least, 8, 8},
      {"actors.hawser / actors.caf_tcp, throughput, 1,000 under way",
       actors("actors.hawser", "throughput_windowed", "Mmsg/s"),
       actors("actors.caf_tcp", "throughput_windowed", "Mmsg/s"), at_least, 8, 8},
      {"actors.hawser / actors.caf_tcp, throughput of 16 clients",
       actors("actors.hawser.16", "throughput", "Mmsg/s"),
       actors("actors.caf_tcp.16", "throughput", "Mmsg/s"), at_least, 5, 5},
      {"actors.hawser / actors.caf_tcp_tuned, round trip, median",
       actors("actors.hawser", "round_trip_p50", "us"),
       actors("actors.caf_tcp_tuned", "round_trip_p50", "us"), at_most, 0.125, 0.125},
      {"actors.hawser / actors.caf_tcp_tuned, round trip, 99th percentile",
       actors("actors.hawser", "round_trip_p99", "us"),
       actors("actors.caf_tcp_tuned", "round_trip_p99", "us"), at_most, 0.25, 0.25},
      {"actors.hawser / actors.caf_tcp, CPU per message",
       actors("actors.hawser", "cpu_per_message", "us"),
       actors("actors.caf_tcp", "cpu_per_message", "us"), at_most, 0.333, 0.333},
      {"actors.hawser, kill to the last of 100 errors, ms",
       {"actors.hawser", "pending_failed_after_kill", 0, "ms"},
       {},
       at_most,
       5,
       5},
      {"producer_consumer / xargs.wc, wall", wall("producer_consumer"), wall("xargs.wc"), at_most,
       1.3, 1.3},
      {"producer_consumer, Ctrl-C to its end, ms",
       {"producer_consumer", "stop", 0, "ms"},
       {},
       at_most,
       200,
       200},
      {"producer_consumer, memory / the same for one file", memory("producer_consumer"),
       memory("producer_consumer.one_file"), at_most, 1.25, 1.25},
      {"hawser.pool / python.pool, map", pool("hawser.pool", "map", "Mtask/s"),
       pool("python.pool", "map", "Mtask/s"), at_least, 2, 2},
      {"hawser.pool, map one by one, us a task",
       pool("hawser.pool", "map_chunk1", "us"),
       {},
       at_most,
       2,
       2},
      {"hawser.pool / python.pool, submit + get", pool("hawser.pool", "submit_get_p50", "us"),
       pool("python.pool", "submit_get_p50", "us"), at_most, 0.2, 0.2},
      {"hawser.pool, start of a worker, ms",
       pool("hawser.pool", "start", "ms"),
       {},
       at_most,
       20,
       20},
      {"hawser.resource_manager / python.manager, acquire + release",
       pool("hawser.resource_manager", "acquire_release_p50", "us"),
       pool("python.manager", "acquire_release_p50", "us"), at_most, 0.2, 0.2},
      {"hawser.supervisor, kill to working again, ms",
       pool("hawser.supervisor", "restart_p50", "ms"),
       {},
       at_most,
       50,
       50},
      {"bank, durable transfers a second",
       {"bank", "throughput", 0, "transfers/s"},
       {},
       at_least,
       20'000,
       20'000},
      {"hawser.pool, uneven tasks, of the best possible time",
       pool("hawser.pool", "uneven", "of_best"),
       {},
       at_most,
       1.1,
       1.1},
  };
}

}  // namespace hawser::bench
