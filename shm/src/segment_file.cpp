#include "segment_file.hpp"

#include <hawser/shm/detail/futex.hpp>
#include <hawser/shm/error.hpp>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace hawser::shm::detail {
namespace {

constexpr std::size_t name_max = 200;

bool allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

uid_t uid_of(const std::string& user, std::string_view operation, std::string_view name) {
  if (!user.empty() &&
      std::all_of(user.begin(), user.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
      user.size() < 10)
    return static_cast<uid_t>(std::stoul(user));
  passwd entry{};
  passwd* found = nullptr;
  std::string buffer(16384, '\0');
  getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr)
    throw make_error(errc::bad_name, operation, name, "there is no user \"" + user + "\"");
  return found->pw_uid;
}

struct flock lock_request(short type, std::int64_t first, std::int64_t bytes) noexcept {
  struct flock request {};
  request.l_type = type;
  request.l_whence = SEEK_SET;
  request.l_start = first;
  request.l_len = bytes;
  return request;
}

}  // namespace

std::vector<std::string> files_named(std::string_view prefix) {
  std::vector<std::string> names;
  std::error_code failure;
  std::filesystem::directory_iterator entry{directory, failure}, end;
  for (; !failure && entry != end; entry.increment(failure)) {
    std::string name = entry->path().filename().string();
    if (name.starts_with(prefix)) names.push_back(std::move(name));
  }
  // No list is better than one that says there is nothing.
  if (failure) throw make_system_error(failure.value(), "list", directory, "opendir");
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string absolute_path(const std::string& path, std::string_view operation) {
  std::error_code failure;
  const auto absolute = std::filesystem::weakly_canonical(std::filesystem::path{path}, failure);
  if (failure || path.empty() || !absolute.has_filename())
    throw make_error(errc::bad_name, operation, path,
                     failure ? failure.message() : "the path names no file");
  // An unnoticed relative path would be another file after a chdir.
  return (std::filesystem::current_path(failure) / absolute).string();
}

std::string directory_of(const std::string& path) {
  return std::filesystem::path{path}.parent_path().string();
}

std::string file_prefix(uid_t owner) { return "hawser." + std::to_string(owner) + "."; }

segment_name resolve(std::string_view name, std::string_view operation) {
  segment_name result;
  result.owner = geteuid();
  std::string_view rest = name;
  if (rest.starts_with('~')) {
    const auto slash = rest.find('/');
    if (slash == std::string_view::npos)
      throw make_error(errc::bad_name, operation, name, "a name with \"~\" reads \"~user/name\"");
    result.owner = uid_of(std::string{rest.substr(1, slash - 1)}, operation, name);
    rest.remove_prefix(slash + 1);
  }
  if (rest.empty()) throw make_error(errc::bad_name, operation, name, "the name is empty");
  if (rest.size() > name_max)
    throw make_error(errc::bad_name, operation, name,
                     "the name has " + std::to_string(rest.size()) + " characters; use at most " +
                         std::to_string(name_max));
  if (rest.front() == '.' || !std::all_of(rest.begin(), rest.end(), allowed))
    throw make_error(errc::bad_name, operation, name,
                     "only A-Z a-z 0-9 . _ - are allowed in a name, and no dot in front");
  result.file = file_prefix(result.owner).append(rest);
  return result;
}

bool out_of_resources(int error_number) noexcept {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM;
}

descriptor::descriptor(int fd) noexcept : fd_(fd) {
  if (fd < 0 || fd > STDERR_FILENO) return;
  fd_ = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int error = errno;
  ::close(fd);
  errno = error;
}

descriptor& descriptor::operator=(descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

descriptor::~descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

int descriptor::release() noexcept { return std::exchange(fd_, -1); }

bool try_lock(int fd, std::int64_t first) noexcept {
  struct flock request = lock_request(F_WRLCK, first, 1);
  int result;
  do result = fcntl(fd, F_OFD_SETLK, &request);
  while (result != 0 && errno == EINTR);
  return result == 0;
}

void unlock(int fd, std::int64_t first) noexcept {
  struct flock request = lock_request(F_UNLCK, first, 1);
  fcntl(fd, F_OFD_SETLK, &request);
}

bool is_locked(int fd, std::int64_t first, std::int64_t bytes) noexcept {
  struct flock request = lock_request(F_WRLCK, first, bytes);
  // If the kernel will not say, the owner counts as alive: nothing is taken from the living.
  return fcntl(fd, F_OFD_GETLK, &request) != 0 || request.l_type != F_UNLCK;
}

int allocate(int fd, std::size_t offset, std::size_t bytes) noexcept {
  rlimit limit{};
  // Beyond the limit the kernel would also send SIGXFSZ.
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      offset + bytes > limit.rlim_cur)
    return EFBIG;
  // What cannot fit is refused before it takes everybody's memory to find that out.
  struct statvfs space {};
  if (fstatvfs(fd, &space) == 0 && space.f_blocks != 0 && bytes / space.f_frsize > space.f_bavail)
    return ENOSPC;
  // Piece by piece: a periodic signal interrupts a long call before it gets anywhere.
  constexpr std::size_t piece = std::size_t{16} << 20;
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t next = std::min(piece, bytes - done);
    const int result =
        posix_fallocate(fd, static_cast<off_t>(offset + done), static_cast<off_t>(next));
    if (result == 0) done += next;
    else if (result != EINTR) return result;
  }
  return 0;
}

void pass_gate(int fd, std::string_view operation, std::string_view name) {
  // The holder makes a few system calls and leaves; if it dies, the kernel opens the gate.
  // F_OFD_SETLKW has no deadline, and a stopped holder must become an error, not a hang.
  const auto until = clock::now() + std::chrono::seconds{10};
  for (long pause_ns = 20'000; !try_lock(fd, gate_byte);
       pause_ns = std::min(2 * pause_ns, 2'000'000L)) {
    if (clock::now() > until)
      throw make_error(errc::busy, operation, name,
                       "another process has been attaching or leaving for 10 s; it is stopped "
                       "(continue or kill it)");
    const timespec pause{0, pause_ns};
    nanosleep(&pause, nullptr);
  }
}

}  // namespace hawser::shm::detail
