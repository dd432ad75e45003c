// Creating, publishing, opening and checking segments: the half of `attachment` that runs once.

#include "channel_reader.hpp"
#include "segment_file.hpp"
#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/mutant.hpp>
#include <hawser/shm/segment.hpp>

#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/shared_memory_object.hpp>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hawser::shm::detail {
namespace {

namespace bi = boost::interprocess;

/// Lets Boost map a file that has no name yet.
class nameless_file {
 public:
  explicit nameless_file(int fd) : fd_(fd) {}
  bi::mapping_handle_t get_mapping_handle() const {
    return bi::ipcdetail::mapping_handle_from_file_handle(fd_);
  }
  bi::mode_t get_mode() const { return bi::read_write; }

 private:
  int fd_;
};

/// How much of a file is mapped. A pool's goes on behind its segment (see pool_layout).
std::size_t bytes_to_map(int fd, std::size_t file_bytes) {
  segment_header header{};
  if (pread(fd, &header, sizeof header, 0) != sizeof header || header.magic != segment_magic ||
      header.kind != channel_kind::payload_pool || header.segment_bytes < sizeof(segment_layout))
    return file_bytes;
  return std::min<std::uint64_t>(file_bytes, header.segment_bytes);
}

}  // namespace

void attachment::attach(const attach_request& request) {
  const bool creates = request.how != opening::open_only;
  const std::string what = operation(creates ? "create" : "open");
  users_file_ = !request.file.empty();
  if (users_file_) {
    path_ = absolute_path(request.file, what);
    owner_uid_ = geteuid();
  } else {
    const segment_name target = resolve(request.name, what);
    path_ = target.path();
    owner_uid_ = target.owner;
  }
  if ((request.mode & ~0777U) != 0 || (request.mode & 0600U) != 0600U)
    throw make_error(errc::bad_argument, what, name_,
                     "a mode must let its user read and write (0600, 0660, 0666)");

  // Every turn either ends or follows somebody else's creating or leaving: bounded for honest
  // neighbours, and a clear error otherwise.
  for (int turn = 0; turn < 1000; ++turn) {
    if (open_existing(request) == found::attached) return;
    if (!creates)
      throw make_error(errc::not_found, what, name_,
                       users_file_ ? "there is no such file; start its creator first"
                                   : "no segment of this name; start its creator first");
    if (owner_uid_ != geteuid())
      throw make_error(errc::permission_denied, what, name_,
                       "only its user can create it; let them start first");
    if (create_new(request)) return;
  }
  throw make_error(errc::busy, what, name_,
                   "other processes keep creating and leaving it; look for a restart loop");
}

attachment::found attachment::open_existing(const attach_request& request) {
  const bool creates = request.how != opening::open_only;
  const std::string what = operation(creates ? "create" : "open");
  const std::string& path = path_;
  for (;;) {
    descriptor lock{::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
    if (!lock) {
      if (errno == ENOENT) return found::nothing;
      if (errno == ELOOP || errno == EISDIR || errno == ENXIO)  // ENXIO: a socket
        throw make_error(errc::damaged, what, name_,
                         "what stands at " + path + " is not a file; " + remedy_for_strangers());
      throw failure(errno, creates ? "create" : "open", "open");
    }
    struct stat status {};
    if (fstat(lock.get(), &status) != 0) throw make_system_error(errno, what, name_, "fstat");
    if (!S_ISREG(status.st_mode))
      throw make_error(
          errc::damaged, what, name_,
          "what stands at " + path + " is not a regular file; " + remedy_for_strangers());
    if (!users_file_ && status.st_uid != owner_uid_)
      throw make_error(errc::foreign_owner, what, name_,
                       "the file belongs to user " + std::to_string(status.st_uid) +
                           "; ask them to remove " + path);
    pass_gate(lock.get(), what, name_);
    if (fstat(lock.get(), &status) != 0) throw make_system_error(errno, what, name_, "fstat");
    if (status.st_nlink == 0) continue;  // I2: left by everybody while we waited

    auto file_bytes = static_cast<std::size_t>(status.st_size);
    const bool alive = anybody_alive(lock.get());
    // A file of the user's is never replaced, whatever is in it.
    bool keep = users_file_;
    if (file_bytes >= sizeof(segment_layout)) {
      try {
        file_bytes = bytes_to_map(lock.get(), file_bytes);
        if (users_file_) {
          const descriptor mapped = reopen(lock.get());
          if (!mapped) throw make_system_error(errno, what, name_, "open /proc/self/fd");
          map(mapped.get(), file_bytes);
        } else {
          const bi::shared_memory_object object{bi::open_only, path.c_str() + directory.size() + 1,
                                                bi::read_write};
          struct stat mapped {};
          const int handle = object.get_mapping_handle().handle;
          if (fstat(handle, &mapped) != 0 || mapped.st_ino != status.st_ino) continue;
          map(handle, file_bytes);
        }
      } catch (const bi::interprocess_exception& e) {
        throw make_system_error(e.get_native_error(), what, name_, "mmap");
      }
      keep |= layout().header.magic == segment_magic && (layout().header.flags & flag_keep) != 0;
    }
    if (!alive && !keep) {  // I4
      if (!creates)
        throw make_error(errc::stale, what, name_,
                         "its last process was killed and nobody is attached; start its "
                         "creator, which replaces it");
      if (::unlink(path.c_str()) != 0) throw make_system_error(errno, what, name_, "unlink");
      return found::nothing;
    }
    if (request.how == opening::create_only)
      throw make_error(errc::already_exists, what, name_,
                       users_file_      ? "there is such a file; open it, or remove it"
                       : keep && !alive ? "a kept segment has this name; open or remove it"
                                        : "a live segment has this name; open it, or choose "
                                          "another name");
    check(request, file_bytes);
    inode_ = status.st_ino;
    lock_fd_ = lock.get();
    try {
      claim();
    } catch (...) {
      lock_fd_ = -1;
      throw;
    }
    unlock(lock.release(), gate_byte);
    return found::attached;
  }
}

bool attachment::create_new(const attach_request& request) {
  const std::string what = operation("create");
  const auto report = [this](int number, const std::string& call) {
    return failure(number, "create", call);
  };
  unpublished_file file{path_, what, name_, report};  // I1: holds the gate
  HAWSER_MUTATE(file_linked_before_it_is_filled, void(), (void)file.publish(report));
  const std::size_t bytes = body_offset + request.body_bytes;
  if (fchmod(file.get(), request.mode) != 0) throw report(errno, "fchmod");
  if (const int number = allocate(file.get(), 0, bytes); number != 0)
    throw report(number, "allocate " + std::to_string(bytes) + " bytes");
  // A description of its own: the mapping pins it, and the other one carries our locks.
  const descriptor mapped = reopen(file.get());
  if (!mapped) throw report(errno, "open /proc/self/fd");
  try {
    map(mapped.get(), bytes);
  } catch (const bi::interprocess_exception& e) {
    throw make_system_error(e.get_native_error(), what, name_, "mmap");
  }
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  segment_header& header = layout().header;
  header.magic = segment_magic;
  header.version = layout_version;
  header.byte_order = byte_order_mark;
  header.segment_bytes = bytes;
  header.kind = ops_.kind;
  header.flags = request.keep || users_file_ ? flag_keep : 0;
  header.type_fingerprint = request.type_fingerprint;
  header.created_ns = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
                      static_cast<std::uint64_t>(now.tv_nsec);
  std::copy_n(request.type_name.data(),
              std::min(request.type_name.size(), header.type_name.size() - 1),
              header.type_name.data());
  request.initialise(body());

  struct stat status {};
  if (fstat(file.get(), &status) != 0) throw report(errno, "fstat");
  if (!file.publish(report)) return false;
  inode_ = status.st_ino;
  lock_fd_ = file.get();
  try {
    claim();
  } catch (...) {
    ::unlink(path_.c_str());
    lock_fd_ = -1;
    throw;
  }
  unlock(file.release(), gate_byte);
  return true;
}

void attachment::map(int fd, std::size_t bytes) {
  mapping_ = std::make_unique<bi::mapped_region>(nameless_file{fd}, bi::read_write, 0, bytes);
  base_ = static_cast<std::byte*>(mapping_->get_address());
  bytes_ = bytes;
}

const std::byte* attachment::map_read_only() {
  const descriptor file = reopen(lock_fd_);
  if (!file) throw failure(errno, "open", "open /proc/self/fd");
  try {
    reading_ =
        std::make_unique<bi::mapped_region>(nameless_file{file.get()}, bi::read_only, 0, bytes_);
  } catch (const bi::interprocess_exception& e) {
    throw failure(e.get_native_error(), "open", "mmap");
  }
  return static_cast<const std::byte*>(reading_->get_address()) + body_offset;
}

// A user's file that is no array may be anything: nobody is told to remove it.
std::string attachment::remedy_for_strangers() const {
  return users_file_ ? "choose another path" : "remove it or choose another name";
}

void attachment::check(const attach_request& request, std::size_t file_bytes) {
  const std::string what = operation("open");
  const auto refuse = [&](errc code, const std::string& reason) {
    throw make_error(code, what, name_, reason);
  };
  if (file_bytes < sizeof(segment_layout))
    refuse(errc::damaged,
           "the file has only " + std::to_string(file_bytes) + " bytes; " +
               (users_file_ ? remedy_for_strangers() : "remove it and start its creator again"));
  // Read once: what is checked is what is used.
  const segment_header& header = layout().header;
  if (header.magic != segment_magic)
    refuse(errc::damaged, "it is not a Hawser segment; " + remedy_for_strangers());
  if (header.byte_order != byte_order_mark)
    refuse(errc::version_mismatch, "it was written with another byte order");
  if (const auto version = header.version; version != layout_version)
    refuse(errc::version_mismatch, "its layout has version " + std::to_string(version) +
                                       ", this program's " + std::to_string(layout_version) +
                                       "; build both with the same Hawser");
  if (header.segment_bytes != file_bytes)
    refuse(errc::damaged, "it should have " + std::to_string(header.segment_bytes) +
                              " bytes and has " + std::to_string(file_bytes) +
                              "; remove it and start its creator again");
  if (const channel_kind kind = header.kind; kind != ops_.kind)
    refuse(errc::kind_mismatch, "it is " + with_article(kind) + ", not " + with_article(ops_.kind) +
                                    "; open it with the class it was created with");
  if (header.type_fingerprint != request.type_fingerprint) {
    std::array<char, sizeof header.type_name> theirs = header.type_name;
    theirs.back() = '\0';
    const std::string mine = readable_type(request.type_name);
    std::string its = readable_type(theirs.data());
    if (its == mine) its += " of another size";
    refuse(errc::type_mismatch,
           "it carries " + its + ", not " + mine + "; use the same type on both sides");
  }
  request.check(body(), bytes_ - body_offset);
}

}  // namespace hawser::shm::detail
