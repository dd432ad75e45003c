#include "producer_consumer/walk.hpp"

#include "../support/without_root_powers.hpp"
#include "run_program.hpp"
#include "temporary_directory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace producer_consumer {
namespace {

using hawser::test::run;
using hawser::test::temporary_directory;

class recorder : public walk_visitor {
 public:
  bool file(const std::string& path) override {
    files.push_back(path);
    if (on_file) on_file(path);
    return files.size() != stop_after;
  }
  bool failed(const std::string& path, int error) override {
    failures.emplace_back(path, error);
    return true;
  }

  std::vector<std::string> files;
  std::vector<std::pair<std::string, int>> failures;
  std::function<void(const std::string&)> on_file;
  std::size_t stop_after = 0;
};

using paths = std::vector<std::string>;

paths sorted(paths list) {
  std::sort(list.begin(), list.end());
  return list;
}

paths find_files(const std::string& root) {
  const std::string output = run({"find", root, "-type", "f", "-print0"}).output;
  paths found;
  for (std::size_t at = 0; at < output.size(); at = output.find('\0', at) + 1)
    found.emplace_back(output.c_str() + at);
  return sorted(found);
}

paths walked(const std::string& root, std::size_t open_max = 32) {
  recorder seen;
  EXPECT_TRUE(walk(root, seen, {.open_max = open_max}));
  EXPECT_TRUE(seen.failures.empty());
  return sorted(seen.files);
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST(WalkTest, FindsWhatFindFinds) {
  const temporary_directory tree;
  tree.write("a/b/c/file", "1");
  tree.write("a/b/other file", "2");
  tree.write("a/new\nline/x\ny", "3");
  tree.write("\xff\xfe/\x01", "4");
  tree.write("-rf", "5");
  std::filesystem::create_directory(tree / "empty");
  std::filesystem::create_symlink("a", tree / "link to directory");
  std::filesystem::create_symlink("-rf", tree / "link to file");
  std::filesystem::create_symlink("nowhere", tree / "dangling");
  ASSERT_EQ(::mkfifo((tree / "fifo").c_str(), 0600), 0);

  const paths expected = find_files(tree.path());
  EXPECT_EQ(expected.size(), 5U);
  EXPECT_EQ(walked(tree.path()), expected);
  for (const std::string& root :
       {tree / "", tree / "a", tree / "a//", tree / "-rf", tree / "fifo", tree / "link to file",
        tree / "link to directory", tree / "link to directory/", tree / "dangling"})
    EXPECT_EQ(walked(root), find_files(root)) << root;
}

TEST(WalkTest, FindsTheSameHoweverFewDirectoriesMayBeOpen) {
  const temporary_directory tree;
  for (const char* a : {"1", "2", "3"})
    for (const char* b : {"4", "5"})
      for (const char* c : {"6", "7", "8"}) {
        const std::string directory = std::string{a} + '/' + b + '/' + c;
        for (const char* file : {"/x", "/y", "/../x", "/../../y"})
          tree.write(directory + file, "text");
      }
  const paths expected = find_files(tree.path());
  for (std::size_t open_max = 1; open_max <= 5; ++open_max)
    EXPECT_EQ(walked(tree.path(), open_max), expected) << open_max;
}

TEST(WalkTest, GoesDeeperThanPathMaxAndTheLimitOnDescriptorsAllow) {
  const temporary_directory tree;
  tree.write_chain("", "directory", 3000, 10, "text");
  tree.write("directory/directory/aside/file", "text");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{open_descriptors() + 8, before.rlim_max};
  const std::size_t open_before = open_descriptors();

  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const paths found = walked(tree.path());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);

  EXPECT_EQ(found.size(), 301U);
  EXPECT_EQ(found, find_files(tree.path()));
  EXPECT_EQ(open_descriptors(), open_before);
}

TEST(WalkTest, NamesWhatIsMissing) {
  recorder seen;
  EXPECT_TRUE(walk("/nonexistent/path", seen));
  EXPECT_TRUE(walk("", seen));
  using failures = std::vector<std::pair<std::string, int>>;
  EXPECT_EQ(seen.failures, (failures{{"/nonexistent/path", ENOENT}, {"", ENOENT}}));
}

// Root may read everything, so this part of the test runs as somebody else.
TEST(WalkTest, NamesADirectoryThatMayNotBeReadAndGoesOn) {
  const temporary_directory tree;
  tree.write("open/1", "text");
  tree.write("closed/2", "text");
  tree.write("unlisted/3", "text");
  ASSERT_EQ(::chmod(tree.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod((tree / "closed").c_str(), 0000), 0);

  const pid_t child = ::fork();
  if (child == 0) {
    if (!hawser::test::give_up_reading_everything()) ::_exit(2);
    recorder seen;
    const bool good = walk(tree.path(), seen) && seen.files.size() == 2 &&
                      seen.failures.size() == 1 && seen.failures[0].first == tree / "closed" &&
                      seen.failures[0].second == EACCES;
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ASSERT_EQ(::chmod((tree / "closed").c_str(), 0755), 0);
}

TEST(WalkTest, NamesADirectoryThatIsGoneWhenItsTurnComes) {
  const temporary_directory tree;
  tree.write("a/file", "text");
  tree.write("b/file", "text");
  recorder seen;
  seen.on_file = [&](const std::string& path) {
    const bool first_a = path == tree / "a/file";
    std::filesystem::remove_all(tree / (first_a ? "b" : "a"));
  };
  EXPECT_TRUE(walk(tree.path(), seen));
  ASSERT_EQ(seen.files.size(), 1U);
  ASSERT_EQ(seen.failures.size(), 1U);
  EXPECT_EQ(seen.failures[0].second, ENOENT);
}

TEST(WalkTest, DoesNotLoseItsWayWhenADirectoryIsMovedMeanwhile) {
  const temporary_directory tree;
  tree.write("outside/not to be found", "text");
  for (const char* name : {"top/a/b/file", "top/a/c/file", "top/d/file"}) tree.write(name, "text");
  recorder seen;
  bool moved = false;
  seen.on_file = [&](const std::string& path) {
    if (moved || !path.starts_with(tree / "top/a/")) return;
    moved = true;
    std::filesystem::rename(std::filesystem::path{path}.parent_path(), tree / "outside/moved");
  };
  EXPECT_TRUE(walk(tree / "top", seen, {.open_max = 1}));
  EXPECT_TRUE(moved);
  EXPECT_EQ(seen.files.size(), 3U);
  EXPECT_TRUE(seen.failures.empty());
}

TEST(WalkTest, StopsWhenTheVisitorSaysSo) {
  const temporary_directory tree;
  for (const char* name : {"a/1", "a/2", "b/1", "b/2"}) tree.write(name, "text");
  for (const std::size_t open_max : {1U, 32U}) {
    recorder seen;
    seen.stop_after = 2;
    EXPECT_FALSE(walk(tree.path(), seen, {.open_max = open_max}));
    EXPECT_EQ(seen.files.size(), 2U);
  }
}

}  // namespace
}  // namespace producer_consumer
