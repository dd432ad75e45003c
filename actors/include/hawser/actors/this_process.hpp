/// Who am I, and who started me?
#pragma once

#include <string>

#include <sys/types.h>

namespace hawser::actors::this_process {

/// The name it was started with; for a process not started by `process::spawn`, the program's.
/// Threads    Any, once `run_as_child` has been called.
const std::string& name() noexcept;

/// Whether `process::spawn` started this process.
bool is_child() noexcept;

pid_t pid() noexcept;

/// Tells the parent that all is prepared: see process_options::await_ready. Again: does nothing.
/// Blocks     Never.
/// Threads    Any.
void ready() noexcept;

/// Tells the parent that work goes on: see process_child_options::hang_timeout. To be called by what
/// would stop if the process hung, a few times within that time.
/// Blocks     Never.
/// Threads    Any.
void alive() noexcept;

/// The process that started this one. A detached process whose parent is gone has another one
/// (as a rule 1).
pid_t parent_pid() noexcept;

/// The kernel's id of the calling thread; in the main thread it equals `pid()`.
pid_t thread_id() noexcept;

}  // namespace hawser::actors::this_process
