/// A failed system call on the way to a process.
#pragma once

#include <hawser/shm/error.hpp>

#include <string>

namespace hawser::actors::detail {

error start_error(int error_number, const std::string& name, const char* call);

}  // namespace hawser::actors::detail
