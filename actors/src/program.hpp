/// What this process knows about itself.
#pragma once

#include "descriptor.hpp"

#include <string>

#include <errno.h>

namespace hawser::actors::detail {

struct program {
  std::string path = program_invocation_name;  // argv[0]
  std::string name = program_invocation_short_name;
  bool asked = false;  // run_as_child has been called
  bool is_child = false;
  descriptor channel;  // to the parent
};

/// Written by run_as_child, before main() has threads.
program& the_program() noexcept;

}  // namespace hawser::actors::detail
