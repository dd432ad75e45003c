#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hawser::test {

/// A program of its own that is being watched. Whatever its processes leave behind becomes a child
/// of the test, which can so tell that nothing was left.
class running_program {
 public:
  struct options {
    std::vector<std::string> environment{};  ///< "NAME=value", on top of the test's own
    int output = -1;                         ///< a descriptor for its standard output; else a file
    std::function<void()> before_exec{};     ///< in the child: async-signal-safe calls only
  };

  explicit running_program(const std::vector<std::string>& arguments);
  running_program(const std::vector<std::string>& arguments, const options& with);
  running_program(const running_program&) = delete;
  running_program& operator=(const running_program&) = delete;

  /// Kills it, and what it has left, if it still runs.
  ~running_program();

  pid_t pid() const { return pid_; }
  void signal(int number) const;

  /// The processes below it, not those of its children's children; empty once it has ended.
  std::vector<pid_t> children() const;

  /// Waits for its end. Returns its exit status, 128 + n after signal n, or nothing in time.
  std::optional<int> wait(std::chrono::milliseconds limit = std::chrono::seconds{100});

  /// Waits until `met` returns true. Returns whether it did before the end and the limit.
  bool wait_until(const std::function<bool()>& met,
                  std::chrono::milliseconds limit = std::chrono::seconds{30});

  std::string output() const;
  std::string errors() const;

 private:
  void reap();

  pid_t pid_ = -1;
  int output_ = -1;
  int errors_ = -1;
  std::optional<int> status_;
};

struct finished_program {
  int status = -1;
  std::string output;
  std::string errors;
};

/// Runs a program to its end.
finished_program run(const std::vector<std::string>& arguments,
                     const running_program::options& with = {});

/// The processes whose parent is this process: also those whose own parent has died.
std::vector<pid_t> own_children();

/// Takes leave of children that have ended.
void reap_orphans();

}  // namespace hawser::test
