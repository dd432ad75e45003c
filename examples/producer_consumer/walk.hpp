#pragma once

#include <cstddef>
#include <string>

namespace producer_consumer {

/// What a walk tells of. Each function returns whether to go on.
class walk_visitor {
 public:
  virtual ~walk_visitor() = default;

  /// A regular file. The reference is good until the function returns.
  virtual bool file(const std::string& path) = 0;

  /// What could not be looked into, a directory as a rule, and the errno.
  virtual bool failed(const std::string& path, int error) = 0;
};

struct walk_limits {
  /// Directories held open at once, and with each a buffer of 32 KiB.
  std::size_t open_max = 32;
};

/// Visits every regular file at and below `root`, as `find ROOT -type f` does: symbolic links are
/// not followed, names may hold any byte, and trees may be deeper than PATH_MAX or the number of
/// descriptors allow. What is met is a matter of readdir's order, which is the same again for as
/// long as nobody changes the directories.
///
/// Memory does not depend on the number of files: it is that of the current path, and below
/// `open_max` levels also the names of directories still to be visited.
///
/// Returns    Whether it came to the end: false if the visitor stopped it.
bool walk(const std::string& root, walk_visitor& visitor, const walk_limits& limits = {});

}  // namespace producer_consumer
