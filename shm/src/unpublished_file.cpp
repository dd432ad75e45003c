// Files that appear complete or not at all.

#include "segment_file.hpp"
#include <hawser/shm/detail/attachment.hpp>

#include <atomic>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hawser::shm::detail {
namespace {

std::atomic<bool> nameless_files{true};

std::string link_of(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

bool has_no_name(int fd) {
  struct stat status {};
  return fstat(fd, &status) != 0 || status.st_nlink == 0;
}

}  // namespace

void set_nameless_files(bool on) noexcept { nameless_files.store(on, std::memory_order_relaxed); }

descriptor reopen(int fd) noexcept {
  return descriptor{::open(link_of(fd).c_str(), O_RDWR | O_CLOEXEC)};
}

unpublished_file::unpublished_file(std::string path, std::string_view operation,
                                   std::string_view name, const reporter& report)
    : path_(std::move(path)) {
  if (nameless_files.load(std::memory_order_relaxed)) {
    // A file without a name: if we die before it is linked, nothing is left.
    const std::string in = directory_of(path_);
    lock_ = descriptor{::open(in.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    if (lock_) {
      pass_gate(lock_.get(), operation, name);  // nobody else can be in it
      return;
    }
    if (errno != EOPNOTSUPP && errno != EISDIR) throw report(errno, "open in " + in);
  }
  make_with_name(operation, name, report);
}

void unpublished_file::make_with_name(std::string_view operation, std::string_view name,
                                      const reporter& report) {
  // The file system has none (NFS, some FUSE). There is one such name for each path, so that the
  // next creator of it finds what a killed one has left.
  const std::size_t slash = path_.rfind('/');
  const std::string temporary =
      path_.substr(0, slash + 1) + "." + path_.substr(slash + 1) + ".hawser-new";
  for (int turn = 0; turn < 1000; ++turn) {
    descriptor made{
        ::open(temporary.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!made && errno != EEXIST) throw report(errno, "open " + temporary);
    if (!made) {
      // Of another creator: it is at work as long as it holds the gate, and removes the name.
      const descriptor others{::open(temporary.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
      if (!others && errno == ENOENT) continue;
      if (!others) throw report(errno, "open " + temporary);
      pass_gate(others.get(), operation, name);
      // Dead, or not in its gate yet: then it sees that the name is gone, and begins anew. So does
      // a third one that has made this name meanwhile: it cannot link what has none.
      if (!has_no_name(others.get())) ::unlink(temporary.c_str());
      continue;
    }
    pass_gate(made.get(), operation, name);
    if (has_no_name(made.get())) continue;
    lock_ = std::move(made);
    temporary_ = temporary;
    return;
  }
  throw make_error(errc::busy, operation, name,
                   "other processes keep creating it; look for a restart loop");
}

bool unpublished_file::publish(const reporter& report) {
  if (linkat(AT_FDCWD, link_of(lock_.get()).c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) ==
      0)
    return true;
  if (errno == EEXIST || (errno == ENOENT && !temporary_.empty())) return false;
  throw report(errno, "linkat");
}

unpublished_file::~unpublished_file() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

}  // namespace hawser::shm::detail
