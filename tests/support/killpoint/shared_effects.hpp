/// What a process has done that outlives it.
///
/// A killed process leaves behind what it wrote to shared memory and what it asked of the
/// kernel; everything else dies with it. So two kill points between which neither happened are
/// one and the same for the survivors, and it is enough to try one of them.
#pragma once

#include "process_state.hpp"
#include "traced_child.hpp"

#include <cstddef>
#include <vector>

namespace hawser::test::killpoint {

class shared_effects {
 public:
  explicit shared_effects(const traced_child& child) : pid_(child.pid()) { find_mappings(); }

  /// Whether the step just made was a system call or changed shared memory since the last call.
  /// A change by another process in between counts as well: one point more, never one less.
  bool after_step(bool was_system_call);

 private:
  void find_mappings();
  void read(std::vector<std::byte>& into) const;

  pid_t pid_;
  std::vector<address_range> ranges_;
  std::vector<std::byte> seen_, now_;
};

}  // namespace hawser::test::killpoint
