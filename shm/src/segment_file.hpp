/// Files in /dev/shm: names, and the OFD locks that say who is alive.
#pragma once

#include <hawser/shm/detail/segment_layout.hpp>

#include <cstdint>
#include <string>
#include <string_view>

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

/// What the files of this user begin with.
std::string file_prefix(uid_t owner);

/// A descriptor that closes itself.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(other.release()) {}
  descriptor& operator=(descriptor&& other) noexcept;
  ~descriptor();
  int get() const noexcept { return fd_; }
  int release() noexcept;
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
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

/// Waits for the gate. Errors `busy`: its holder is stopped.
void pass_gate(int fd, std::string_view operation, std::string_view name);

}  // namespace hawser::shm::detail
