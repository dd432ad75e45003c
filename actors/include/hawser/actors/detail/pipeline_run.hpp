/// A pipeline that runs, without the types of what goes through it.
#pragma once

#include <hawser/actors/detail/arguments.hpp>
#include <hawser/actors/pipeline_metrics.hpp>
#include <hawser/actors/pipeline_options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hawser::actors::detail {

/// Works on one message: reads it, and appends the result. Throws what the stage throws.
using stage_function = std::function<void(byte_source given, byte_buffer& result)>;

struct stage_plan {
  std::string name;
  stage_options options;
  std::string given;   // the type of what it is given
  std::string task;    // run by processes; empty: by threads
  stage_function run;  // by threads
};

struct pipeline_plan {
  pipeline_options options;
  std::vector<stage_plan> stages;
};

/// What has become of an input.
struct raw_outcome {
  std::uint64_t index = 0;
  std::exception_ptr failed;
  byte_buffer value;  // the result; or, if it failed, what the stage was given
  std::string stage;  // that failed
  std::string given;  // the type of its value
};

using pipeline_deadline = std::optional<std::chrono::steady_clock::time_point>;

/// All member functions: any threads.
class pipeline_run {
 public:
  explicit pipeline_run(pipeline_plan plan);
  pipeline_run(const pipeline_run&) = delete;
  ~pipeline_run();

  /// Room for what stands before a message.
  static void begin(byte_buffer& message);
  /// Its number; nothing: not in time.
  std::optional<std::uint64_t> push(byte_buffer& message, const pipeline_deadline& until);
  std::optional<std::uint64_t> try_push(byte_buffer& message);
  /// Nothing: all have been taken, or none came in time.
  std::optional<raw_outcome> pop(const pipeline_deadline& until);
  /// The same, and nothing also when something has come that is not next: then there may be room.
  std::optional<raw_outcome> pop_or_progress();
  bool is_over() const;
  void close();
  void terminate();

  pipeline_metrics metrics() const;
  pipeline_metrics recent_metrics();
  std::vector<pid_t> worker_pids(const std::string& stage) const;

 private:
  class engine;
  std::unique_ptr<engine> engine_;
};

}  // namespace hawser::actors::detail
