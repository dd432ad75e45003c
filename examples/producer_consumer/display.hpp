#pragma once

#include "progress.hpp"
#include "terminal.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace producer_consumer {

/// What the user sees: live lines on a terminal, else a plain line every second, and at the end
/// what there is to say. Only `result` and `note` are printed if it is `quiet`.
///
/// A reader that is slow, or has stopped its terminal, holds up nothing: lines of progress are
/// left out then.
class display {
 public:
  explicit display(bool quiet);

  /// How often `show` is to be called.
  std::chrono::milliseconds interval() const;

  void show(const progress& now);

  /// Says something beside the result, on standard error.
  void note(const std::string& text);

  /// Prints a line of the result on standard output.
  void result(const std::string& text);

  /// Whether standard output has gone: nobody reads it any more, or its disk is full.
  /// Returns the errno, or 0.
  int broken() const { return broken_; }

 private:
  std::vector<terminal::line> live_lines(const progress& now);
  void update_rates(const progress& now);
  void write(int fd, const std::string& text);

  bool quiet_;
  std::optional<terminal> terminal_;
  int broken_ = 0;
  double shown_at_ = 0;
  std::uint64_t shown_bytes_ = 0;
  double rate_ = 0;  ///< bytes a second, lately
  struct consumer_rate {
    std::uint64_t bytes = 0;
    double rate = 0;
  };
  std::map<pid_t, consumer_rate> rates_;
};

}  // namespace producer_consumer
