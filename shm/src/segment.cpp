#include "segment_file.hpp"
#include <hawser/shm/segment.hpp>

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hawser::shm {
namespace {

bool is_kept(int fd) {
  detail::segment_header header{};
  const auto got = pread(fd, &header, sizeof header, 0);
  return got == sizeof header && header.magic == detail::segment_magic &&
         (header.flags & detail::flag_keep) != 0;
}

}  // namespace

bool remove(std::string_view name) {
  if (name.find('/') != std::string_view::npos && !name.starts_with('~'))
    throw make_error(
        errc::bad_name, "remove", name,
        "it is a path and no channel's name; remove an array's file as any other file");
  const auto target = detail::resolve(name, "remove");
  const detail::descriptor file{::open(target.path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
  if (!file) {
    if (errno == ENOENT) return false;
    throw make_system_error(errno, "remove", name, "open");
  }
  // Inside the gate nobody is half-way through attaching or leaving.
  detail::pass_gate(file.get(), "remove", name);
  struct stat status {};
  if (fstat(file.get(), &status) != 0 || status.st_nlink == 0) return false;
  if (::unlink(target.path().c_str()) != 0)
    throw make_system_error(errno, "remove", name, "unlink");
  return true;
}

std::size_t remove_stale(std::string_view name_prefix) {
  std::size_t removed = 0;
  for (const std::string& name :
       detail::files_named(detail::file_prefix(geteuid()).append(name_prefix))) {
    const std::string path = std::string{detail::directory} + "/" + name;
    const detail::descriptor file{
        ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    if (!file && detail::out_of_resources(errno))
      throw make_system_error(errno, "remove stale", path, "open");
    struct stat status {};
    // A gate that is held belongs to a process: not stale.
    if (!file || !detail::try_lock(file.get(), detail::gate_byte) ||
        fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink == 0 ||
        detail::anybody_alive(file.get()) || is_kept(file.get()))
      continue;
    if (::unlink(path.c_str()) == 0) ++removed;
  }
  return removed;
}

}  // namespace hawser::shm
