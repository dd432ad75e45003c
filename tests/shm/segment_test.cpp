// Names, options, and every error that creating and opening can give.

#include "../support/own_dev_shm.hpp"
#include "segment_support.hpp"
#include <hawser/shm/queue.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace hawser {
namespace {

using test::child;
using test::error_of;
using test::exists_in_shm;
using test::path_of;
using test::unique_name;

TEST(SegmentTest, CreateOnlyRefusesALiveName) {
  const std::string name = unique_name();
  shm::queue<int> first{create_only, name};
  EXPECT_ERROR(errc::already_exists, "cannot create queue \"" + name + "\"",
               shm::queue<int>(create_only, name));
}

TEST(SegmentTest, OpenOnlyNamesWhatIsMissingAndTheRemedy) {
  EXPECT_ERROR(errc::not_found, "start its creator", shm::queue<int>(open_only, "nobody.made.me"));
  EXPECT_EQ(error_of([] { shm::queue<int>(open_only, "nobody.made.me"); }).code(),
            std::errc::no_such_file_or_directory);
}

TEST(SegmentTest, NamesAreChecked) {
  for (const std::string bad : {"", ".hidden", "a/b", "../x", "sp ace", "caf\xc3\xa9", "~me"})
    EXPECT_ERROR(errc::bad_name, "cannot create queue", shm::queue<int>(create_only, bad));
  EXPECT_ERROR(errc::bad_name, "201 characters",
               shm::queue<int>(create_only, std::string(201, 'x')));
  EXPECT_ERROR(errc::bad_name, "no user", shm::queue<int>(open_only, "~no_such_user/x"));
  EXPECT_ERROR(errc::bad_name, ".dead", shm::queue<int>(create_only, "letters.dead"));
  const std::string longest = (unique_name() + std::string(200, 'x')).substr(0, 200);
  EXPECT_NO_THROW(shm::queue<int>(create_only, longest));
}

TEST(SegmentTest, MessagesAreOneLineWhateverTheName) {
  using namespace std::string_literals;
  EXPECT_ERROR(errc::bad_name, "\"a\\x0ab\\x00c\\x1b[31m\": only A-Z",
               shm::queue<int>(create_only, "a\nb\0c\033[31m"s));
  EXPECT_LT(
      std::string{error_of([] { shm::queue<int>(open_only, std::string(1'000'000, '\n')); }).what()}
          .size(),
      20'000U);
}

TEST(SegmentTest, NothingTakesTheNumbersOfTheStandardStreams) {
  const std::string name = unique_name();
  child without_streams{[&](const child::report&) {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(fd);
    shm::queue<int> a{create_only, name + ".a"}, b{create_only, name + ".b"},
        c{create_only, name + ".c"};
    b.push(7);
    const std::string line(20'000, 'x');
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
      if (::write(fd, line.data(), line.size()) >= 0) return 1;
    return shm::queue<int>{open_only, name + ".b"}.pop() == 7 ? 0 : 2;
  }};
  EXPECT_EQ(without_streams.join(), 0);
}

TEST(SegmentTest, OptionsAreChecked) {
  const std::string name = unique_name();
  EXPECT_ERROR(errc::bad_argument, "capacity is 0",
               shm::queue<int>(create_only, name, {.capacity = 0}));
  EXPECT_ERROR(errc::bad_argument, "attempts_max",
               shm::queue<int>(create_only, name, {.attempts_max = 127}));
  EXPECT_ERROR(errc::bad_argument, "capacity",
               shm::queue<int>(create_only, name, {.capacity = ~std::size_t{0}}));
  EXPECT_ERROR(errc::bad_argument, "mode", shm::queue<int>(create_only, name, {.mode = 0444}));
  EXPECT_FALSE(exists_in_shm(name));
}

TEST(SegmentTest, ModeIsAsAskedWhateverTheUmask) {
  const std::string name = unique_name();
  const mode_t before = umask(0077);
  shm::queue<int> q{create_only, name, {.mode = 0660}};
  shm::queue<int> other{create_only, name + ".b"};
  umask(before);
  struct stat status {};
  ASSERT_EQ(stat(path_of(name).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660U);
  ASSERT_EQ(stat(path_of(name + ".b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST(SegmentTest, AllBytesAreAllocatedAtCreation) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name, {.capacity = 100'000}};
  struct stat status {};
  ASSERT_EQ(stat(path_of(name).c_str(), &status), 0);
  EXPECT_GE(status.st_blocks * 512, status.st_size);
}

TEST(SegmentTest, TypesKindsAndSizesMustMatch) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name, {.capacity = 8}};
  EXPECT_ERROR(errc::type_mismatch, "it carries int, not unsigned int",
               shm::queue<unsigned>(open_only, name));
  EXPECT_ERROR(errc::type_mismatch, "int", shm::queue<std::string>(open_only, name));
  EXPECT_ERROR(errc::capacity_mismatch, "its capacity is 8, not 16",
               shm::queue<int>(open_or_create, name, {.capacity = 16}));
  EXPECT_ERROR(errc::capacity_mismatch, "attempts_max",
               shm::queue<int>(open_or_create, name, {.capacity = 8, .attempts_max = 1}));
  EXPECT_NO_THROW(shm::queue<int>(open_or_create, name, {.capacity = 8}));
}

TEST(SegmentTest, FileSizeLimitIsAnErrorNotASignal) {
  child limited{[&](const child::report&) {
    const rlimit small{1 << 20, 1 << 20};
    setrlimit(RLIMIT_FSIZE, &small);
    const std::string name = unique_name();
    const error e = error_of([&] { shm::queue<int>(create_only, name, {.capacity = 1 << 20}); });
    return e.code() == errc::no_space && !exists_in_shm(name) ? 0 : 1;
  }};
  EXPECT_EQ(limited.join(), 0);
}

TEST(SegmentTest, DescriptorLimitIsAClearErrorAndLeavesNothing) {
  child limited{[&](const child::report&) {
    const std::string name = unique_name();
    shm::queue<int> before{create_only, name};
    const rlimit few{static_cast<rlim_t>(test::open_descriptors()),
                     static_cast<rlim_t>(test::open_descriptors())};
    setrlimit(RLIMIT_NOFILE, &few);
    std::vector<int> taken;
    for (int fd = dup(0); fd >= 0; fd = dup(0)) taken.push_back(fd);
    const error a = error_of([&] { shm::queue<int>(open_only, name); });
    const error b = error_of([&] { shm::queue<int>(create_only, name + ".b"); });
    const bool clear = std::string{a.what()}.find("ulimit -n") != std::string::npos;
    return a.code() == errc::no_resources && b.code() == errc::no_resources && clear &&
                   !exists_in_shm(name + ".b")
               ? 0
               : 1;
  }};
  EXPECT_EQ(limited.join(), 0);
}

TEST(SegmentTest, FullDevShmIsAnErrorAtCreation) {
  constexpr int cannot_mount = 77;
  child small{[&](const child::report&) {
    if (!test::mount_own_dev_shm("size=1m")) return cannot_mount;
    const std::string name = unique_name();
    shm::queue<int> fits{create_only, name + ".fits", {.capacity = 16}};
    const error e = error_of([&] { shm::queue<int>(create_only, name, {.capacity = 1 << 20}); });
    const bool clear = std::string{e.what()}.find("df -h /dev/shm") != std::string::npos;
    struct statvfs space {};
    statvfs("/dev/shm", &space);  // nothing of the attempt is left
    fits.push(1);
    return e.code() == errc::no_space && clear && space.f_bavail > 200 && fits.pop() == 1 ? 0 : 1;
  }};
  const int status = small.join();
  if (status == cannot_mount)
    GTEST_SKIP() << "neither root nor user namespaces to mount a small /dev/shm";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace hawser
