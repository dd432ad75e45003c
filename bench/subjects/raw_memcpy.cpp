// What it costs to copy memory that lies in the caches: the limit of everything that copies messages.

#include "subjects/channel_measurements.hpp"
#include "subjects/subjects.hpp"

#include <cstring>

namespace hawser::bench {
namespace {

/// GB/s of one process that copies messages round a ring as large as the channels' are.
template <std::size_t Bytes>
sample measure(const effort& how) {
  const shared<double> result;
  const cpu_pair cpus = measuring_cpus();
  const auto copy = [&] {
    constexpr std::size_t room = room_for(Bytes);
    std::vector<message_of<Bytes>> from(room), to(room);
    std::uint64_t copies = 0;
    const auto copy_some = [&] {
      for (std::size_t i = 0; i < room; ++i, ++copies) {
        from[i].words.front() = copies;
        from[i].words.back() = ~copies;
        std::memcpy(&to[i], &from[i], Bytes);
        check_message(to[i], copies);
      }
    };
    copy_some();
    copy_some();
    copies = 0;
    const timed_section timed;
    const std::int64_t from_ns = now_ns(), end_ns = from_ns + sending_ns(how) / 2;
    std::int64_t now = from_ns;
    for (; now < end_ns; now = now_ns()) copy_some();
    *result = static_cast<double>(copies * Bytes) / static_cast<double>(now - from_ns);
  };
  const bool disturbed = run_processes({{"copying", cpus.first, copy}});
  return {{{{"raw.memcpy", "throughput", Bytes, "GB/s"}, *result}}, disturbed};
}

}  // namespace

double raw_copy_gb_per_s() { return measure<65'536>({.quick = true}).values.front().amount; }

void add_raw_memcpy(std::vector<measurement>& all) {
  all.push_back({"raw.memcpy", group::throughput_64k, measure<65'536>});
  all.push_back({"raw.memcpy", group::throughput_1m, measure<1'048'576>});
}

}  // namespace hawser::bench
