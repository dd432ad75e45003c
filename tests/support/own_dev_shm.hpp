/// A /dev/shm of a process's own, as small as a test needs it.
#pragma once

#include <fstream>

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

namespace hawser::test {

/// Mounts a tmpfs with these options ("size=1m") over /dev/shm, for this process and its children
/// only. False: neither root nor user namespaces allow it here.
inline bool mount_own_dev_shm(const char* options) {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    // Without a mapping it could not own files.
    std::ofstream{"/proc/self/setgroups"} << "deny";
    std::ofstream{"/proc/self/uid_map"} << user << ' ' << user << " 1";
    std::ofstream{"/proc/self/gid_map"} << group << ' ' << group << " 1";
  }
  // In a chroot "/" is no mount point; it is enough that /dev/shm is one, and private.
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 &&
      mount(nullptr, "/dev/shm", nullptr, MS_PRIVATE, nullptr) != 0)
    return false;
  return mount("tmpfs", "/dev/shm", "tmpfs", 0, options) == 0;
}

}  // namespace hawser::test
