/// Starting a program image as a child: the system calls.
#pragma once

#include "descriptor.hpp"
#include "handshake.hpp"
#include <hawser/actors/exit_status.hpp>
#include <hawser/shm/error.hpp>

#include <sys/types.h>

namespace hawser::actors::detail {

struct launched {
  pid_t pid;
  descriptor pidfd;
  descriptor channel;
};

/// Executes this program again with `content`. The calling thread is the one whose death kills
/// the child.
/// Errors     hawser::error `no_resources`, `system`, `permission_denied`.
launched launch(const order& content);

/// Reaps an exited child, or asks the kernel how it ended if somebody else has reaped it.
exit_status reap(int pidfd) noexcept;

/// The program's own argv[0]; what ps shows first.
const std::string& program_path() noexcept;

}  // namespace hawser::actors::detail
