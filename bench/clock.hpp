/// The clock all processes of a sample share, and what of the CPUs this one has used.
#pragma once

#include <cstdint>
#include <ctime>

#include <sys/resource.h>

namespace hawser::bench {

/// CLOCK_MONOTONIC, the same in every process. Costs about 20 ns: time batches, not messages.
inline std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

/// CPU time of this process and the kernel on its behalf, in microseconds.
inline double cpu_us() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto us = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return us(used.ru_utime) + us(used.ru_stime);
}

}  // namespace hawser::bench
