/// What the benchmark is made of: measurements that yield samples of figures, and targets that
/// compare two figures.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace hawser::bench {

/// A figure's identity; what a line of output starts with.
struct figure {
  std::string subject;  // "hawser.queue.lease"
  std::string metric;   // "throughput"
  std::size_t bytes = 0;
  std::string unit;
  friend bool operator==(const figure&, const figure&) = default;
};

struct value {
  figure of;
  double amount = 0;
};

/// One run of one measurement.
struct sample {
  std::vector<value> values;
  /// A process was kept off its CPU for long while it was being timed: others ran there.
  bool disturbed = false;
};

/// How much work a sample is.
struct effort {
  bool quick = false;
  bool one_cpu = false;  // both processes of a pair on the same one
};

/// Measurements of one group run side by side: a block holds one sample of each. See `plan.cpp`.
enum class group {
  round_trip,
  throughput_8,
  throughput_64,
  throughput_1k,
  throughput_64k,
  throughput_1m,
  many,
  blocking,
  one_cpu,
  op,
  contended,
  channels,
  recovery,
  wall,
  actors,
  savina,
  patterns
};

struct measurement {
  std::string subject;
  group in = group::round_trip;
  std::function<sample(const effort&)> run;
};

/// What arrived was not what was sent, or a process of a sample failed. Fails the whole run.
class wrong_figure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a measurement needs is not on this machine; it is skipped, and the output says so.
class not_available : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The user wants it to end.
class interrupted : public std::exception {};

/// A bound on the ratio of a figure to the best of others that were sampled in the same blocks, or, without
/// any, on one figure.
struct target {
  std::string text;
  figure subject;
  std::vector<figure> references;
  enum class direction { at_least, at_most } bound = direction::at_least;
  double near = 0, far = 0;  // the floor in either placement
};

}  // namespace hawser::bench
