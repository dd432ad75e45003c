#pragma once

#include "count.hpp"

#include <string>
#include <vector>

namespace producer_consumer {

/// Reads files and counts what they hold.
class file_counter {
 public:
  explicit file_counter(word_rule rule);

  struct outcome {
    totals counted;
    int error = 0;  ///< an errno; 0 if the whole file was read
  };

  /// Counts the file at `path`, following no symbolic link in its last component.
  ///
  /// Blocks     For as long as the file system takes; never on a fifo or a device, which is an
  ///            error (EINVAL): it must have taken the place of a regular file.
  outcome count(const std::string& path);

 private:
  counter counter_;
  std::vector<char> buffer_;
};

}  // namespace producer_consumer
