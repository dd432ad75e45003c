/// Reads what supervised processes write: two threads of this process, of which one only waits for
/// our own output, so that nobody else ever does.
///
/// ```
/// child -> pipe -> reader thread -> last_lines of the child
///                                -> backlog, bounded -> relay thread -> our standard output, error
/// ```
#pragma once

#include "../descriptor.hpp"
#include "last_lines.hpp"

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::actors::detail {

/// The output of one process: standard output is stream 0, standard error 1.
struct kept_output {
  explicit kept_output(std::size_t lines) : kept(lines) {}

  std::mutex mutex;
  std::array<descriptor, 2> ends;  // for reading; empty at end of file
  last_lines kept;
  bool pass_on = false;
};

/// Writes to our standard output and error, and never has anybody wait.
class output_relay {
 public:
  static constexpr std::size_t backlog_bytes_max = std::size_t{1} << 20;

  static output_relay& instance();
  void write(std::size_t stream, std::string_view bytes);
  /// Waits until all is written, but not for ever.
  void flush(std::chrono::milliseconds timeout);

 private:
  void run();

  struct piece {
    std::size_t stream;
    std::string bytes;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<piece> backlog_;
  std::size_t backlog_bytes_ = 0;  // what is being written included
  std::size_t dropped_bytes_ = 0;
  bool running_ = false;
};

class output_reader {
 public:
  static output_reader& instance();

  /// Writes go to `theirs`, which is for the child alone.
  /// Errors     hawser::error `no_resources`.
  std::shared_ptr<kept_output> open(const std::string& name, std::size_t lines, bool pass_on,
                                    std::array<descriptor, 2>& theirs);
  /// Takes what is still there, and closes: processes that the child has left behind have nobody to
  /// write to.
  std::vector<std::string> finish(const std::shared_ptr<kept_output>& output);

 private:
  void start_thread();
  void run();
  static void read_some(kept_output& output);

  std::mutex mutex_;
  std::vector<std::shared_ptr<kept_output>> outputs_;
  descriptor wake_;
  bool running_ = false;
};

}  // namespace hawser::actors::detail
