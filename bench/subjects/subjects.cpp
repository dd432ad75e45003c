#include "subjects/subjects.hpp"

namespace hawser::bench {

std::vector<measurement> all_measurements() {
  std::vector<measurement> all;
  all.push_back({"raw.cacheline", group::round_trip, measure_raw_cacheline});
  add_bare_ring(all);
  add_boost_message_queue(all);
  add_hawser_queue(all);
  add_permits(all);
  add_values(all);
  add_hawser_topic(all);
  add_hawser_pipe(all);
  add_hawser_payload(all);
  add_hawser_recovery(all);
  add_hawser_sweep(all);
  add_producer_consumer(all);
  add_actors(all);
  return all;
}

}  // namespace hawser::bench
