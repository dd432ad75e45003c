/// Everything that is measured. One file a subject; each adds its measurements.
#pragma once

#include "measurement.hpp"

#include <vector>

namespace hawser::bench {

/// The raw cache-line round trip. Also tells how near the two CPUs are at the moment, so it
/// is measured around every other sample.
sample measure_raw_cacheline(const effort& how);

/// How fast a process copies messages of 64 KiB at the moment.
double raw_copy_gb_per_s();

/// Everything there is, in the order of the output.
std::vector<measurement> all_measurements();

void add_bare_ring(std::vector<measurement>& all);
void add_boost_message_queue(std::vector<measurement>& all);
void add_hawser_queue(std::vector<measurement>& all);
void add_permits(std::vector<measurement>& all);
void add_values(std::vector<measurement>& all);
void add_hawser_topic(std::vector<measurement>& all);
void add_hawser_pipe(std::vector<measurement>& all);
void add_hawser_payload(std::vector<measurement>& all);
void add_hawser_recovery(std::vector<measurement>& all);
void add_hawser_sweep(std::vector<measurement>& all);
void add_actors(std::vector<measurement>& all);
void add_actors_large(std::vector<measurement>& all);
void add_bank(std::vector<measurement>& all);
void add_patterns(std::vector<measurement>& all);
void add_channels(std::vector<measurement>& all);
void add_descriptors(std::vector<measurement>& all);
void add_iceoryx(std::vector<measurement>& all);
void add_nng(std::vector<measurement>& all);
void add_pool(std::vector<measurement>& all);
void add_posix_mqueue(std::vector<measurement>& all);
void add_producer_consumer(std::vector<measurement>& all);
void add_python(std::vector<measurement>& all);
void add_raw_futex(std::vector<measurement>& all);
void add_raw_memcpy(std::vector<measurement>& all);
void add_savina(std::vector<measurement>& all);
void add_zeromq(std::vector<measurement>& all);

}  // namespace hawser::bench
