/// Shows how far a call of a pool is.
///
/// ```cpp
/// pool.map(resize, files, {.progress = progress_bar{"resize"}});
/// ```
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace hawser::actors {

/// On a terminal a bar in one line, which is drawn anew; elsewhere a plain line for each tenth. To
/// standard error, ten times a second at most.
///
/// Threads    Any.
class progress_bar {
 public:
  explicit progress_bar(std::string label = "");
  /// The same to another descriptor.
  progress_bar(std::string label, int descriptor);

  void operator()(std::size_t done, std::size_t of) const;

 private:
  struct state;
  std::shared_ptr<state> state_;  // of all copies
};

}  // namespace hawser::actors
