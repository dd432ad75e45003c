/// The clock all processes of a sample share.
#pragma once

#include <cstdint>
#include <ctime>

namespace hawser::bench {

/// CLOCK_MONOTONIC, the same in every process. Costs about 20 ns: time batches, not messages.
inline std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

}  // namespace hawser::bench
