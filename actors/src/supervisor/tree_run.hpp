/// A supervisor as a child of a supervisor.
#pragma once

#include "supervisor_core.hpp"

#include <string>

namespace hawser::actors::detail {

child_spec tree_child(std::string name, supervisor_plan plan, restart_when restart);

}  // namespace hawser::actors::detail
