// Arrays in files: created whole or not at all, there again after their processes, never in the
// place of another file.

#include "../support/own_dev_shm.hpp"
#include "../support/without_root_powers.hpp"
#include "segment_support.hpp"
#include <hawser/shm/array.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace hawser {
namespace {

namespace fs = std::filesystem;
using test::child;
using test::error_of;

/// With and without O_TMPFILE.
class ArrayFileTest : public testing::TestWithParam<bool> {
 public:
  ArrayFileTest() {
    std::string pattern = (fs::temp_directory_path() / "hawser.XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"mkdtemp"};
    directory_ = fs::canonical(pattern);
    shm::detail::set_nameless_files(GetParam());
  }
  ~ArrayFileTest() override {
    shm::detail::set_nameless_files(true);
    fs::remove_all(directory_);
  }

 protected:
  const fs::path& directory() const { return directory_; }
  fs::path path(const char* name = "x.bin") const { return directory_ / name; }
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator{directory_})
      names.push_back(entry.path().filename().string());
    return names;
  }

 private:
  fs::path directory_;
};

TEST_P(ArrayFileTest, IsThereAgainAfterItsProcesses) {
  {
    shm::array<int> a{create_only, path(), 1000, {.ranges = 2}};
    std::iota(a.begin(), a.end(), 1);
    a.update(999, [](int& n) { n = -1; });
    EXPECT_EQ(a.name(), path().string());
  }
  EXPECT_EQ(entries(), std::vector<std::string>{"x.bin"});
  shm::array<int> again{open_only, path()}, same{open_or_create, path(), 1000, {.ranges = 2}};
  EXPECT_EQ(again.size(), 1000U);
  EXPECT_EQ(again.ranges(), 2U);
  EXPECT_EQ(again[998], 999);
  EXPECT_EQ(again[999], -1);
  same[0] = 5;
  EXPECT_EQ(again[0], 5);
  again.sync();
}

TEST_P(ArrayFileTest, OutlivesAProcessThatIsKilledInsideAnUpdate) {
  for (int round = 0; round < 20; ++round) {
    child updater{[&](const child::report& ready) {
      shm::array<std::uint64_t> a{
          open_or_create, path(), 300, {.ranges = 3, .update_elements_max = 300}};
      for (;;) {
        a.update(0, 300, [](std::span<std::uint64_t> all) {
          for (auto& n : all) ++n;
        });
        ready();
      }
      return 0;
    }};
    ASSERT_TRUE(updater.await_report());
    updater.kill_and_join();
    const shm::array<const std::uint64_t> a{open_only, path()};
    ASSERT_GT(a[0], 0U);
    for (const std::uint64_t n : a) ASSERT_EQ(n, a[0]);
  }
  EXPECT_EQ(entries(), std::vector<std::string>{"x.bin"});
}

TEST_P(ArrayFileTest, CreateOnlyRefusesAnyFileAndOpenOnlyAMissingOne) {
  EXPECT_ERROR(errc::not_found, "there is no such file", shm::array<int>(open_only, path()));
  shm::array<int> a{create_only, path(), 4};
  EXPECT_ERROR(errc::already_exists, "there is such a file",
               shm::array<int>(create_only, path(), 4));
  EXPECT_ERROR(errc::type_mismatch, "it carries int", shm::array<float>(open_only, path()));
  EXPECT_ERROR(errc::capacity_mismatch, "its size is 4, not 5",
               shm::array<int>(open_or_create, path(), 5));
}

TEST_P(ArrayFileTest, NoOtherFileIsEverReplaced) {
  for (const std::size_t bytes : {0U, 10U, 100'000U}) {
    std::ofstream{path()} << std::string(bytes, 'x');
    EXPECT_ERROR(errc::damaged, "x.bin", shm::array<int>(open_or_create, path(), 4));
    EXPECT_ERROR(errc::damaged, "; choose another path", shm::array<int>(open_only, path()));
    EXPECT_ERROR(errc::already_exists, "x.bin", shm::array<int>(create_only, path(), 4));
    EXPECT_EQ(fs::file_size(path()), bytes);
  }
  fs::remove(path());
  EXPECT_EQ(mkdir(path("sub").c_str(), 0700), 0);
  EXPECT_ERROR(errc::damaged, "is not a file", shm::array<int>(open_or_create, path("sub"), 4));
  EXPECT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_ERROR(errc::damaged, "not a regular file",
               shm::array<int>(open_or_create, path("fifo"), 4));
  EXPECT_EQ(symlink("x.bin", path("link").c_str()), 0);
  EXPECT_ERROR(errc::damaged, "is not a file", shm::array<int>(open_or_create, path("link"), 4));
  shm::array<int> a{create_only, path(), 4};
  EXPECT_EQ(shm::array<int>(open_or_create, path("link"), 4).size(), 4U);  // where it points to
}

TEST_P(ArrayFileTest, CutFileIsAnErrorNotASignal) {
  { shm::array<int> a{create_only, path(), 10'000}; }
  for (const std::uintmax_t bytes : {50'000U, 20'000U, 16'000U}) {
    fs::resize_file(path(), bytes);
    EXPECT_ERROR(errc::damaged, "bytes", shm::array<int>(open_only, path()));
  }
}

TEST_P(ArrayFileTest, RelativePathsStayTheSameFile) {
  child elsewhere{[&](const child::report&) {
    if (chdir(directory().c_str()) != 0) return 1;
    shm::array<int> a{create_only, fs::path{"rel.bin"}, 4};
    a[0] = 7;
    if (chdir("/") != 0) return 2;
    child fork_of_it{[&](const child::report&) { return a.try_lock_range(0) ? 0 : 1; }};
    return fork_of_it.join() == 0 ? 0 : 3;
  }};
  EXPECT_EQ(elsewhere.join(), 0);
  EXPECT_EQ(shm::array<int>(open_only, path("rel.bin"))[0], 7);
}

TEST_P(ArrayFileTest, PathsAreChecked) {
  EXPECT_ERROR(errc::not_found, "No such file", shm::array<int>(create_only, path("no/x"), 4));
  EXPECT_ERROR(errc::bad_name, "names no file", shm::array<int>(create_only, fs::path{"/"}, 4));
  EXPECT_ERROR(errc::bad_name, "array", shm::array<int>(create_only, fs::path{}, 4));
  EXPECT_ERROR(errc::bad_name, "File name too long",
               shm::array<int>(create_only, path(std::string(300, 'x').c_str()), 4));
  EXPECT_ERROR(errc::bad_name, "as any other file", shm::remove(path().string()));
}

TEST_P(ArrayFileTest, ModeIsAsAskedAndPermissionsAreKept) {
  shm::array<int> a{create_only, path(), 4, {.mode = 0640}};
  struct stat status {};
  ASSERT_EQ(stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640U);
  ASSERT_EQ(chmod(path().c_str(), 0400), 0);
  child other{[&](const child::report&) {
    if (!test::give_up_reading_everything()) return 1;
    const error e = error_of([&] { shm::array<int>(open_only, path()); });
    const bool clear =
        std::string{e.what()}.find("ls -l " + directory().string()) != std::string::npos;
    return e.code() == errc::permission_denied && clear ? 0 : 2;
  }};
  EXPECT_EQ(other.join(), 0);
}

TEST_P(ArrayFileTest, FullFileSystemIsAnErrorAndLeavesNothing) {
  constexpr int cannot_mount = 77;
  child small{[&](const child::report&) {
    if (!test::mount_own_dev_shm("size=1m")) return cannot_mount;
    const fs::path file{"/dev/shm/full.bin"};
    const error e = error_of([&] { shm::array<char>(create_only, file, 2'000'000); });
    if (e.code() != errc::no_space) return 1;
    if (std::string{e.what()}.find("df -h /dev/shm") == std::string::npos) return 2;
    if (!fs::is_empty("/dev/shm")) return 3;
    shm::array<char> fits{create_only, file, 100'000};
    return 0;
  }};
  const int status = small.join();
  if (status == cannot_mount) GTEST_SKIP() << "neither root nor user namespaces to mount anything";
  EXPECT_EQ(status, 0);
}

TEST_P(ArrayFileTest, FileSizeLimitIsAnErrorAndLeavesNothing) {
  child limited{[&](const child::report&) {
    const rlimit small{1 << 20, 1 << 20};
    setrlimit(RLIMIT_FSIZE, &small);
    const error e = error_of([&] { shm::array<char>(create_only, path(), 2'000'000); });
    return e.code() == errc::no_space && fs::is_empty(directory()) ? 0 : 1;
  }};
  EXPECT_EQ(limited.join(), 0);
}

TEST_P(ArrayFileTest, ManyCreatorsMakeOneFile) {
  for (int round = 0; round < 5; ++round) {
    std::vector<std::unique_ptr<child>> all;
    for (int p = 0; p < 6; ++p)
      all.push_back(std::make_unique<child>([&](const child::report&) {
        shm::array<std::uint64_t> a{open_or_create, path(), 100};
        for (int i = 0; i < 100; ++i) a.update(7, [](std::uint64_t& n) { ++n; });
        return 0;
      }));
    for (auto& one : all) ASSERT_EQ(one->join(), 0);
    EXPECT_EQ(shm::array<std::uint64_t>(open_only, path())[7], 600U);
    EXPECT_EQ(entries(), std::vector<std::string>{"x.bin"});
    fs::remove(path());
  }
}

class ArrayTemporaryFileTest : public ArrayFileTest {};

TEST_P(ArrayTemporaryFileTest, WhatAKilledCreatorLeftIsRemoved) {
  std::ofstream{path(".x.bin.hawser-new")} << "half of it";
  shm::array<int> a{create_only, path(), 4};
  EXPECT_EQ(entries(), std::vector<std::string>{"x.bin"});
}

INSTANTIATE_TEST_SUITE_P(WithATemporaryName, ArrayTemporaryFileTest, testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Creation, ArrayFileTest, testing::Values(true, false),
                         [](const auto& tested) {
                           return std::string{tested.param ? "Nameless" : "WithATemporaryName"};
                         });

}  // namespace
}  // namespace hawser
