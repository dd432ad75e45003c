// Whatever stands under a channel's name and is not an intact segment of ours is refused, each
// kind of damage by an error of its own, and never by a signal.

#include "../support/without_root_powers.hpp"
#include "segment_support.hpp"
#include <hawser/shm/queue.hpp>

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace hawser {
namespace {

using shm::detail::body_offset;
using test::child;
using test::error_of;
using test::path_of;
using test::unique_name;

/// Changes bytes of a segment's file from outside.
void overwrite(const std::string& name, off_t offset, const std::string& bytes) {
  const int fd = open(path_of(name).c_str(), O_RDWR);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(pwrite(fd, bytes.data(), bytes.size(), offset), static_cast<ssize_t>(bytes.size()));
  close(fd);
}

/// Puts a file with these bytes in the place of a segment, and a process behind it that lives in
/// it: nobody replaces a segment that is in use.
class impostor {
 public:
  impostor(const std::string& name, const std::vector<char>& bytes)
      : path_(path_of(name)), fd_(open(path_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
    EXPECT_EQ(write(fd_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    struct flock life {};
    life.l_type = F_WRLCK;
    life.l_start = shm::detail::gate_byte + 1;
    life.l_len = 1;
    EXPECT_EQ(fcntl(fd_, F_OFD_SETLK, &life), 0);
  }
  impostor(const impostor&) = delete;
  impostor& operator=(const impostor&) = delete;
  ~impostor() {
    unlink(path_.c_str());
    close(fd_);
  }

 private:
  std::string path_;
  int fd_;
};

std::vector<char> bytes_of(const std::string& name) {
  struct stat status {};
  const int fd = open(path_of(name).c_str(), O_RDONLY);
  EXPECT_EQ(fstat(fd, &status), 0);
  std::vector<char> bytes(static_cast<std::size_t>(status.st_size));
  EXPECT_EQ(read(fd, bytes.data(), bytes.size()), status.st_size);
  close(fd);
  return bytes;
}

TEST(SegmentDamageTest, DamagedHeadersAreEachTheirOwnError) {
  const std::string name = unique_name();
  const auto damaged = [&](off_t offset, const std::string& bytes, errc code, const char* part) {
    shm::queue<int> q{create_only, name, {.capacity = 8}};
    overwrite(name, offset, bytes);
    EXPECT_ERROR(code, part, shm::queue<int>(open_only, name));
    EXPECT_ERROR(code, part, shm::queue<int>(open_or_create, name, {.capacity = 8}));
  };
  using shm::detail::body_offset;
  damaged(0, "garbage!", errc::damaged, "not a Hawser segment");
  damaged(8, std::string("\x63\0\0\0", 4), errc::version_mismatch, "version 99");
  damaged(12, std::string("\1\2\3\4", 4), errc::version_mismatch, "byte order");
  damaged(16, std::string(8, '\x7f'), errc::damaged, "should have");
  damaged(16, std::string(8, '\0'), errc::damaged, "should have 0 bytes");
  damaged(24, std::string("\x09\0\0\0", 4), errc::kind_mismatch, "not a queue");
  damaged(24, std::string("\xFF\xFF\xFF\xFF", 4), errc::kind_mismatch, "not a queue");
  damaged(32, std::string(8, '\x7f'), errc::type_mismatch, "int of another size");
  damaged(body_offset, std::string(8, '\0'), errc::damaged, "sizes do not fit");  // slots
  damaged(body_offset, std::string(8, '\x7f'), errc::damaged, "sizes do not fit");
  damaged(body_offset + 8, std::string(8, '\x7f'), errc::damaged,
          "sizes do not fit");  // slot_bytes
  damaged(body_offset + 16, std::string(8, '\x7f'), errc::damaged, "sizes do not fit");
  damaged(body_offset + 24, std::string(8, '\x7f'), errc::damaged, "sizes do not fit");
}

TEST(SegmentDamageTest, AHostileTypeNameIsPrintedWithCare) {
  const std::string name = unique_name();
  const shm::queue<int> q{create_only, name, {.capacity = 8}};
  overwrite(name, 32, std::string(8, '\x7f'));
  // Not terminated, not printable; and one that unfolds to half a megabyte.
  std::string unfolding = "_Z1fPFvvE";
  for (const char* step = "S0_"; unfolding.size() < 110; step = "S2_")
    unfolding += std::string{"PFv"} + step + step + step + "E";
  for (const std::string& text : {std::string(128, '\x1b'), unfolding}) {
    overwrite(name, offsetof(shm::detail::segment_header, type_name), text);
    const error e = error_of([&] { shm::queue<int>(open_only, name); });
    const std::string what = e.what();
    EXPECT_EQ(e.code(), errc::type_mismatch);
    EXPECT_LT(what.size(), 1000U);
    EXPECT_EQ(what.find('\x1b'), std::string::npos);
  }
}

TEST(SegmentDamageTest, ATruncatedSegmentIsAnErrorNotASignal) {
  const std::string name = unique_name();
  const std::vector<char> whole = [&] {
    const shm::queue<int> q{create_only, name, {.capacity = 1000}};
    return bytes_of(name);
  }();
  const auto cut = [&](std::size_t size, const char* part) {
    const impostor segment{name, {whole.begin(), whole.begin() + static_cast<long>(size)}};
    EXPECT_ERROR(errc::damaged, part, shm::queue<int>(open_only, name));
    EXPECT_ERROR(errc::damaged, part, shm::queue<int>(open_or_create, name));
  };
  cut(0, "has only 0 bytes");
  cut(100, "has only 100 bytes");
  cut(body_offset - 1, "has only 16639 bytes");
  cut(body_offset, "and has 16640");
  cut(20'000, "and has 20000");
  cut(whole.size() - 1, "should have");
}

TEST(SegmentDamageTest, ABodyThatIsTooShortForItsKindIsRefused) {
  const std::string name = unique_name();
  std::vector<char> whole = [&] {
    const shm::queue<int> q{create_only, name, {.capacity = 1000}};
    return bytes_of(name);
  }();
  // The header agrees with the file: only the body's own sizes tell.
  for (const std::size_t size : {body_offset, body_offset + 100, body_offset + 1000}) {
    whole.resize(size);
    const std::uint64_t bytes = size;
    std::memcpy(whole.data() + 16, &bytes, sizeof bytes);
    const impostor segment{name, whole};
    EXPECT_ERROR(errc::damaged, "sizes do not fit", shm::queue<int>(open_only, name));
  }
}

TEST(SegmentDamageTest, ASegmentThatGrewIsRefusedAndItsViewsGoOn) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name, {.capacity = 8}};
  const std::size_t bytes = bytes_of(name).size();
  ASSERT_EQ(truncate(path_of(name).c_str(), static_cast<off_t>(bytes + 4096)), 0);
  EXPECT_ERROR(errc::damaged, "should have", shm::queue<int>(open_only, name));
  EXPECT_ERROR(errc::damaged, "should have", shm::queue<int>(open_or_create, name));
  ASSERT_EQ(q.try_push(1), shm::push_status::ok);
  EXPECT_EQ(q.try_pop(), 1);
}

// The one thing that nobody can be protected from (see docs/crash_model.md): what was cut off is
// gone, and the kernel tells whoever touches it by SIGBUS. Who comes later gets an error.
TEST(SegmentDamageTest, ASegmentThatWasCutWhileOpenIsRefusedAndThenReplaced) {
  const std::string name = unique_name();
  child holder{[&](const child::report& ready) {
    std::signal(SIGBUS, SIG_DFL);  // a sanitizer's would report it
    shm::queue<int> q{create_only, name, {.capacity = 1000}};
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(holder.await_report());
  ASSERT_EQ(truncate(path_of(name).c_str(), 20'000), 0);
  EXPECT_ERROR(errc::damaged, "and has 20000", shm::queue<int>(open_only, name));
  ASSERT_EQ(truncate(path_of(name).c_str(), 100), 0);
  EXPECT_ERROR(errc::damaged, "has only 100 bytes", shm::queue<int>(open_or_create, name));

  EXPECT_EQ(holder.kill_and_join(), -SIGKILL);
  EXPECT_ERROR(errc::stale, name, shm::queue<int>(open_only, name));
  shm::queue<int> next{open_or_create, name};
  EXPECT_EQ(next.try_push(1), shm::push_status::ok);
}

TEST(SegmentDamageTest, WhatIsNotAFileIsRefusedAndLeftAlone) {
  const std::string name = unique_name();
  const std::string path = path_of(name);
  const auto refused = [&](const char* part) {
    EXPECT_ERROR(errc::damaged, part, shm::queue<int>(open_or_create, name));
    EXPECT_ERROR(errc::damaged, part, shm::queue<int>(create_only, name));
    EXPECT_ERROR(errc::damaged, part, shm::queue<int>(open_only, name));
    EXPECT_EQ(shm::remove_stale(name), 0U);
    struct stat status {};
    EXPECT_EQ(lstat(path.c_str(), &status), 0) << part;
  };
  ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
  refused("is not a file");
  rmdir(path.c_str());
  ASSERT_EQ(symlink("/etc/passwd", path.c_str()), 0);
  refused("is not a file");
  unlink(path.c_str());
  ASSERT_EQ(symlink("/nowhere", path.c_str()), 0);
  refused("is not a file");
  unlink(path.c_str());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  refused("is not a regular file");
  unlink(path.c_str());

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::copy(path.begin(), path.end(), address.sun_path);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  refused("is not a file");
  close(listener);
  unlink(path.c_str());
}

TEST(SegmentDamageTest, AnUnreadableSegmentSaysSo) {
  constexpr int all_powers = 77;
  const std::string name = unique_name();
  const shm::queue<int> q{create_only, name};
  child other{[&](const child::report&) {
    if (!test::give_up_reading_everything()) return all_powers;
    for (const mode_t mode : {0000U, 0400U, 0200U}) {
      if (chmod(path_of(name).c_str(), mode) != 0) return 2;
      for (const bool creates : {false, true}) {
        const error e = error_of([&] {
          if (creates) shm::queue<int>(open_or_create, name);
          else shm::queue<int>(open_only, name);
        });
        if (e.code() != errc::permission_denied) return 3;
        if (std::string{e.what()}.find("ls -l /dev/shm") == std::string::npos) return 4;
      }
    }
    return 0;
  }};
  const int status = other.join();
  if (status == all_powers) GTEST_SKIP() << "root may not give up its powers here";
  EXPECT_EQ(status, 0);
}

TEST(SegmentDamageTest, ForeignSegmentsAreRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make files of two users";
  constexpr int not_reached = 77;
  const std::string name = unique_name();
  // Somebody squats on our name.
  const std::string path = path_of(name);
  close(open(path.c_str(), O_CREAT | O_RDWR, 0666));
  ASSERT_EQ(chown(path.c_str(), 12345, 12345), 0);
  EXPECT_ERROR(errc::foreign_owner, "12345", shm::queue<int>(open_or_create, name));
  unlink(path.c_str());

  shm::queue<int> closed_to_others{create_only, name};
  shm::queue<int> open_to_all{create_only, name + ".all", {.mode = 0666}};
  child other{[&](const child::report&) {
    if (setgid(12345) != 0 || setuid(12345) != 0) return 2;
    if (access("/dev/shm", X_OK) != 0) return not_reached;
    const error e = error_of([&] { shm::queue<int>(open_only, "~root/" + name); });
    if (e.code() != errc::permission_denied) return 3;
    shm::queue<int>{open_only, "~root/" + name + ".all"}.push(5);
    const error c = error_of([&] { shm::queue<int>(create_only, "~root/" + name + ".new"); });
    return c.code() == errc::permission_denied ? 0 : 4;
  }};
  const int status = other.join();
  if (status == not_reached) GTEST_SKIP() << "another user may not even enter /dev/shm here";
  EXPECT_EQ(status, 0);
  EXPECT_EQ(open_to_all.try_pop(), 5);
}

}  // namespace
}  // namespace hawser
