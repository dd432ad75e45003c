/// Runs a sample in processes of its own, each pinned to one CPU.
///
/// The benchmark program itself stays single-threaded and never opens a channel, so that it may
/// fork; every sample gets fresh processes, and none outlives its sample.
#pragma once

#include "measurement.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hawser::bench {

/// Memory that the parent and all processes of one sample share, zero at the start.
/// Private to them: no name, gone with them.
class shared_bytes {
 public:
  explicit shared_bytes(std::size_t bytes);
  shared_bytes(const shared_bytes&) = delete;
  shared_bytes& operator=(const shared_bytes&) = delete;
  ~shared_bytes();

  std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// A `T` in memory shared with the processes forked later.
template <class T>
class shared {
 public:
  T& operator*() const { return *reinterpret_cast<T*>(bytes_.data()); }
  T* operator->() const { return &**this; }

 private:
  static_assert(alignof(T) <= 4096);
  shared_bytes bytes_{sizeof(T)};
};

/// Where the processes of a sample wait for each other.
class meeting_point {
 public:
  /// Returns when `participants` processes have called it as often as this one. Spins.
  void meet(std::uint32_t participants);
  /// The same, for whoever is done while others still work: sleeps.
  void part(std::uint32_t participants);

 private:
  template <class Pause>
  void meet(std::uint32_t participants, Pause pause);

  alignas(64) std::atomic<std::uint32_t> arrived_;
  alignas(64) std::atomic<std::uint32_t> round_;
};

/// The two CPUs a pair of processes runs on: the first two this program may use; or twice the first.
/// Throws `not_available` if there is only one.
struct cpu_pair {
  int first, second;
};
cpu_pair measuring_cpus(const effort& how = {});

/// Takes this process to `cpu`, in front of everything else there if we may.
void pin(int cpu);
/// Whether pin() can put processes in front of others; otherwise expect disturbed samples.
bool may_raise_priority();

/// Not pinned: a process of many threads.
inline constexpr int anywhere = -1;

struct process_role {
  const char* name;  // for messages
  int cpu;
  std::function<void()> body;
};

/// Forks one process a role and waits for all of them.
/// Returns whether one of them was kept off its CPU while it timed (see `timed_section`).
/// Throws `wrong_figure` if one throws, dies or is not done in time, `not_available` if one throws that,
/// `interrupted` after a signal; the others are killed.
bool run_processes(const std::vector<process_role>& roles,
                   std::chrono::milliseconds limit = std::chrono::seconds{60});

/// From now on SIGINT and SIGTERM end the sample that runs, and what it left is removed.
void end_samples_on_signals();
/// The signal that came, or 0. To be looked at where a sample waits.
int signal_received();

/// Brackets what a role times. If others had its CPU for more than a fiftieth of that, the sample
/// counts as disturbed; not if it shares its CPU anyhow.
class timed_section {
 public:
  explicit timed_section(const effort& how = {});
  ~timed_section();
  timed_section(const timed_section&) = delete;
  timed_section& operator=(const timed_section&) = delete;

 private:
  bool counts_;
  std::int64_t from_ns_, waited_ns_;
};

/// Forks `body` as a process of its own (pinned, killed with us). For samples that kill.
pid_t start_process(const process_role& role);

}  // namespace hawser::bench
