#include "subjects/subjects.hpp"

namespace hawser::bench {

std::vector<measurement> all_measurements() {
  std::vector<measurement> all;
  all.push_back({"raw.cacheline", group::round_trip, measure_raw_cacheline});
  add_raw_memcpy(all);
  add_raw_futex(all);
  add_bare_ring(all);
  add_hawser_queue(all);
  add_permits(all);
  add_values(all);
  add_hawser_topic(all);
  add_hawser_pipe(all);
  add_hawser_payload(all);
  add_boost_message_queue(all);
  add_posix_mqueue(all);
  add_descriptors(all);
  add_zeromq(all);
  add_nng(all);
  add_iceoryx(all);
  add_python(all);
  add_channels(all);
  add_hawser_recovery(all);
  add_hawser_sweep(all);
  add_producer_consumer(all);
  add_actors(all);
  add_actors_large(all);
  add_savina(all);
  add_pool(all);
  add_patterns(all);
#ifdef HAWSER_BENCH_BANK
  add_bank(all);
#endif
  return all;
}

}  // namespace hawser::bench
