/// Root without its power over permissions: so that a mode of 000 means something to it, too.
#pragma once

#include <initializer_list>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hawser::test {

/// Gives up, for this process and what it executes, what lets root read everything. Nothing to do
/// for other users. False: root may not even give it up.
///
/// Async-signal-safe, to be called between fork and exec.
inline bool give_up_reading_everything() noexcept {
  if (geteuid() != 0) return true;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  for (const unsigned power : {unsigned{CAP_DAC_OVERRIDE}, unsigned{CAP_DAC_READ_SEARCH}}) {
    // From the bounding set first: exec would give it back to root.
    if (prctl(PR_CAPBSET_DROP, power, 0, 0, 0) != 0) return false;
    data[0].effective &= ~(1U << power);
    data[0].permitted &= ~(1U << power);
    data[0].inheritable &= ~(1U << power);
  }
  return syscall(SYS_capset, &header, data) == 0;
}

}  // namespace hawser::test
