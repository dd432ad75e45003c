#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace hawser::test {

/// The path of a program of examples/.
std::string example(std::string_view name);

/// What a program with this pid has in /dev/shm: whatever carries its pid as a part of the name,
/// as the examples' names do. So other programs, and other tests, do not disturb.
std::vector<std::string> shared_memory_of(pid_t program);

/// What the command name of a process is; empty if there is no such process.
std::string command_name(pid_t process);

/// The descriptors this process has open.
std::size_t open_descriptors();

}  // namespace hawser::test
