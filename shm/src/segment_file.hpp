/// Files in /dev/shm: names, and the OFD locks that say who is alive.
#pragma once

#include <hawser/shm/detail/segment_layout.hpp>
#include <hawser/shm/error.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace hawser::shm::detail {

inline constexpr std::string_view directory = "/dev/shm";

/// A channel's name and where it lives.
struct segment_name {
  std::string file;  // below /dev/shm, without a slash
  uid_t owner = 0;
  std::string path() const { return std::string{directory} + "/" + file; }
};

/// Errors `bad_name`.
segment_name resolve(std::string_view name, std::string_view operation);

/// The names of the files in `directory` that begin with `prefix`, in order and each once: of a
/// directory that loses files while it is read, the kernel (6.18) names others twice.
/// Errors `no_resources`.
std::vector<std::string> files_named(std::string_view prefix);

/// A path as it stays valid when the working directory changes, symbolic links resolved.
/// Errors `bad_name`.
std::string absolute_path(const std::string& path, std::string_view operation);

/// Where the file of this absolute path lies.
std::string directory_of(const std::string& path);

/// What the files of this user begin with.
std::string file_prefix(uid_t owner);

/// Whether a system call failed for want of something that says nothing about its file.
bool out_of_resources(int error_number) noexcept;

/// A descriptor that closes itself.
class descriptor {
 public:
  descriptor() = default;
  /// Moves `fd` out of the range of the standard streams: a program that was started without them
  /// would print over the segment that took their numbers.
  explicit descriptor(int fd) noexcept;
  descriptor(descriptor&& other) noexcept : fd_(other.release()) {}
  descriptor& operator=(descriptor&& other) noexcept;
  ~descriptor();
  int get() const noexcept { return fd_; }
  int release() noexcept;
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// A description of the same file of its own: locks and mappings of one say nothing of the other.
/// Fails as open does.
descriptor reopen(int fd) noexcept;

/// A file in the making: nobody attaches to it before `publish`. Its descriptor holds the gate.
class unpublished_file {
 public:
  /// For a file that is to be `path`. Errors: of the file system, with `report(errno, call)`.
  using reporter = std::function<error(int number, const std::string& call)>;
  unpublished_file(std::string path, std::string_view operation, std::string_view name,
                   const reporter& report);
  unpublished_file(const unpublished_file&) = delete;
  unpublished_file& operator=(const unpublished_file&) = delete;
  ~unpublished_file();

  int get() const noexcept { return lock_.get(); }
  /// Gives it its name. False: there is another file of that name.
  bool publish(const reporter& report);
  int release() noexcept { return lock_.release(); }

 private:
  void make_with_name(std::string_view operation, std::string_view name, const reporter& report);

  std::string path_;
  std::string temporary_;  // its name until then, where a file must have one
  descriptor lock_;
};

/// Tries to write-lock `bytes` bytes at `first`. False: somebody else holds one of them.
bool try_lock(int fd, std::int64_t first) noexcept;
void unlock(int fd, std::int64_t first) noexcept;
/// Whether another open file description holds a lock in the range.
bool is_locked(int fd, std::int64_t first, std::int64_t bytes = 1) noexcept;

inline bool is_alive(int fd, std::uint32_t id) noexcept { return is_locked(fd, gate_byte + id); }
inline bool anybody_alive(int fd) noexcept {
  return is_locked(fd, gate_byte + 1, participants_max);
}

/// Gives the file its pages now: a full /dev/shm is an error here, never a SIGBUS later. Makes the
/// file longer where needed. Returns 0 or the error's number.
int allocate(int fd, std::size_t offset, std::size_t bytes) noexcept;

/// Waits for the gate. Errors `busy`: its holder is stopped.
void pass_gate(int fd, std::string_view operation, std::string_view name);

}  // namespace hawser::shm::detail
