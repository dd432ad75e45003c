/// Processes that keep the measuring CPUs from halting, and give way to everybody.
#pragma once

#include <vector>

#include <sys/types.h>

namespace hawser::bench {

/// On a virtual machine, a halted CPU takes some 20 us to come back; on real machines it depends on how
/// deeply it sleeps. With one such process on each measuring CPU, what wakes costs what the kernel does.
class awake_cpus {
 public:
  awake_cpus();
  awake_cpus(const awake_cpus&) = delete;
  awake_cpus& operator=(const awake_cpus&) = delete;
  ~awake_cpus();

 private:
  std::vector<pid_t> spinning_;
};

}  // namespace hawser::bench
