/// What /proc says of other processes: who sleeps, which threads there are, what they share.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include <sys/types.h>

namespace hawser::test::killpoint {

/// Whether the thread sleeps inside a system call.
bool is_asleep(pid_t thread);

/// Whether the thread sleeps on a futex that lies in memory it shares with other processes.
bool is_asleep_on_shared_futex(pid_t thread);

/// Waits until `holds()`. False: not within `limit`.
bool wait_until(const std::function<bool()>& holds, std::chrono::milliseconds limit);
/// Waits until `is_asleep_on_shared_futex`. False: not within `limit`.
bool wait_until_asleep_on_shared_futex(pid_t thread, std::chrono::milliseconds limit);

/// All threads of the process but its first one.
std::vector<pid_t> other_threads(pid_t process);

struct address_range {
  std::uint64_t begin = 0, end = 0;
};

/// The writable mappings of the process that other processes share.
std::vector<address_range> shared_mappings(pid_t process);

/// Stops the threads a process runs beside its first one, for as long as this lives. What they
/// would have done, the first one has to do, or it is left undone.
class frozen_threads {
 public:
  frozen_threads() = default;
  frozen_threads(frozen_threads&& other) noexcept : threads_(std::move(other.threads_)) {
    other.threads_.clear();
  }
  frozen_threads& operator=(frozen_threads&&) = delete;
  explicit frozen_threads(pid_t process);
  ~frozen_threads();

 private:
  std::vector<pid_t> threads_;
};

}  // namespace hawser::test::killpoint
