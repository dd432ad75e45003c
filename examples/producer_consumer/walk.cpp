#include "walk.hpp"

#include "descriptor.hpp"
#include "open_file.hpp"

#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace producer_consumer {

namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

struct close_directory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

enum class kind { file, directory, other };

kind kind_of(mode_t mode) {
  return S_ISREG(mode) ? kind::file : S_ISDIR(mode) ? kind::directory : kind::other;
}

/// One directory between the root and where the walk is. It is read from `stream`, until it has to
/// make room for deeper ones: then its files are visited at once and the names of its directories
/// kept, and `again` is opened when the walk comes back to it.
struct level {
  std::unique_ptr<DIR, close_directory> stream;
  descriptor again;
  std::size_t path_bytes = 0;
  std::vector<std::string> directories;
  dev_t device = 0;
  ino_t inode = 0;

  int fd() const { return stream ? ::dirfd(stream.get()) : again.get(); }
};

class walker {
 public:
  walker(walk_visitor& visitor, const walk_limits& limits) : visitor_(visitor), limits_(limits) {}

  bool run(const std::string& root) {
    struct stat status {};
    if (::fstatat(AT_FDCWD, root.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return visitor_.failed(root, errno);
    path_ = root;
    if (kind_of(status.st_mode) == kind::file) return visitor_.file(path_);
    if (kind_of(status.st_mode) == kind::other) return true;
    bool going = enter(AT_FDCWD, root.c_str());
    while (going && !levels_.empty()) going = step();
    return going;
  }

 private:
  // Takes the next entry of the deepest level.
  bool step() {
    level& here = levels_.back();
    path_.resize(here.path_bytes);
    if (!here.stream) {
      if (here.directories.empty()) return leave();
      const std::string name = std::move(here.directories.back());
      here.directories.pop_back();
      append(name);
      return enter(here.fd(), name.c_str());
    }
    errno = 0;
    const dirent* const entry = ::readdir(here.stream.get());
    if (entry == nullptr) {
      const bool going = errno == 0 || visitor_.failed(path_, errno);
      return going && leave();
    }
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") return true;
    append(name);
    switch (kind_at(here.fd(), *entry)) {
      case kind::file: return visitor_.file(path_);
      case kind::directory: return enter(here.fd(), entry->d_name);
      case kind::other: break;
    }
    return true;
  }

  // Opens the directory `name` in `parent`, whose path is path_, and makes it the deepest level.
  bool enter(int parent, const char* name) {
    int fd = ::openat(parent, name, directory_flags);
    while (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
      if (open_ <= 1) return visitor_.failed(path_, EMFILE);
      if (!make_room()) return false;
      fd = ::openat(parent, name, directory_flags);
    }
    if (fd < 0) return visitor_.failed(path_, errno);
    DIR* const stream = ::fdopendir(fd);
    if (stream == nullptr) {
      const int error = errno;
      ::close(fd);
      return visitor_.failed(path_, error);
    }
    level next;
    next.stream.reset(stream);
    next.path_bytes = path_.size();
    levels_.push_back(std::move(next));
    ++open_;
    return open_ <= limits_.open_max || make_room();
  }

  // Closes the open level nearest to the root, never the deepest one.
  bool make_room() {
    level& oldest = levels_[first_open_];
    struct stat status {};
    if (::fstat(oldest.fd(), &status) != 0) return false;
    oldest.device = status.st_dev;
    oldest.inode = status.st_ino;
    const bool going = !oldest.stream || read_rest(oldest);
    oldest.stream.reset();
    oldest.again.reset();
    ++first_open_;
    --open_;
    return going;
  }

  bool read_rest(level& from) {
    const std::string current = std::exchange(path_, path_.substr(0, from.path_bytes));
    bool going = true;
    while (going) {
      path_.resize(from.path_bytes);
      errno = 0;
      const dirent* const entry = ::readdir(from.stream.get());
      if (entry == nullptr) {
        going = errno == 0 || visitor_.failed(path_, errno);
        break;
      }
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      append(name);
      const kind what = kind_at(from.fd(), *entry);
      if (what == kind::directory) from.directories.emplace_back(name);
      if (what == kind::file) going = visitor_.file(path_);
    }
    path_ = current;
    return going;
  }

  // Ends the deepest level, and opens the one above it again if it had made room.
  bool leave() {
    level done = std::move(levels_.back());
    levels_.pop_back();
    --open_;
    if (levels_.empty() || levels_.size() > first_open_) return true;
    level& above = levels_.back();
    first_open_ = levels_.size() - 1;
    ++open_;
    path_.resize(above.path_bytes);
    // By `..`, or by its path if `done` was moved elsewhere meanwhile: the level must be itself.
    above.again.reset(::openat(done.fd(), "..", directory_flags));
    if (is_itself(above)) return true;
    above.again = open_path(path_, directory_flags);
    if (is_itself(above)) return true;
    const bool missed = !std::exchange(above.directories, {}).empty();
    return !missed || visitor_.failed(path_, ESTALE);
  }

  static bool is_itself(const level& here) {
    struct stat status {};
    return ::fstat(here.fd(), &status) == 0 && status.st_dev == here.device &&
           status.st_ino == here.inode;
  }

  static kind kind_at(int directory, const dirent& entry) {
    if (entry.d_type == DT_REG) return kind::file;
    if (entry.d_type == DT_DIR) return kind::directory;
    if (entry.d_type != DT_UNKNOWN) return kind::other;
    struct stat status {};
    if (::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
      return kind::directory;  // which fails to open, and is named then
    return kind_of(status.st_mode);
  }

  void append(std::string_view name) {
    if (!path_.ends_with('/')) path_ += '/';
    path_ += name;
  }

  walk_visitor& visitor_;
  const walk_limits& limits_;
  std::string path_;
  std::vector<level> levels_;
  std::size_t first_open_ = 0;  ///< levels before this one have made room
  std::size_t open_ = 0;
};

}  // namespace

bool walk(const std::string& root, walk_visitor& visitor, const walk_limits& limits) {
  return walker{visitor, limits}.run(root);
}

}  // namespace producer_consumer
