#pragma once

#include "run_program.hpp"

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace hawser::test {

/// What a total line says, or wc.
struct total {
  std::uint64_t files = 0;
  std::uint64_t lines = 0;
  std::uint64_t words = 0;
  std::uint64_t bytes = 0;

  friend bool operator==(const total&, const total&) = default;
  friend std::ostream& operator<<(std::ostream& out, const total& x) {
    return out << x.files << " files " << x.lines << " lines " << x.words << " words " << x.bytes
               << " bytes";
  }
};

/// Reads the last line of `output`, "total F files L lines W words B bytes in S s, R MB/s". All
/// zero if it is another line.
total total_of(const std::string& output);

/// What the machine's own find and wc say of `roots`.
total wc_of(const std::vector<std::string>& roots);

}  // namespace hawser::test
