#include "../support/own_dev_shm.hpp"
#include "../support/without_root_powers.hpp"
#include "run_program.hpp"
#include "temporary_directory.hpp"
#include "totals_line.hpp"
#include "traces.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <regex>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hawser::test {
namespace {

using clock = std::chrono::steady_clock;

const std::string program = example("producer_consumer");

void write_tree(const temporary_directory& tree) {
  std::mt19937 random{3};
  for (int i = 0; i < 300; ++i) {
    std::string text(random() % 5000, ' ');
    for (char& byte : text) byte = "ab c\n\t\x01\xa0\xff"[random() % 9];
    tree.write(
        "d" + std::to_string(i % 17) + "/e" + std::to_string(i % 5) + "/" + std::to_string(i),
        text);
  }
  tree.write("empty", "");
  tree.write("no newline", "x");
  tree.write("new\nline/a\n\nb", "three words here\n");
  tree.write("\xff\xfe", "not UTF-8");
  tree.write("-rf", "-");
  std::filesystem::create_symlink("empty", tree / "link");
  std::filesystem::create_directory_symlink("d1", tree / "linked directory");
  tree.write_chain("deep", "d", 500, 100, "deep\n");
}

/// A file that takes too long to be counted to the end.
std::string write_endless(const temporary_directory& tree) {
  const std::string path = tree.write("endless", "");
  EXPECT_EQ(::truncate(path.c_str(), off_t{1} << 42), 0);
  return path;
}

void expect_nothing_left(const running_program& ended) {
  EXPECT_TRUE(own_children().empty());
  EXPECT_EQ(shared_memory_of(ended.pid()), std::vector<std::string>{});
}

TEST(ProducerConsumerTest, CountsWhatWcCounts) {
  const temporary_directory tree;
  write_tree(tree);
  const total expected = wc_of({tree.path()});
  EXPECT_EQ(expected.files, 310U);
  for (const char* consumers : {"1", "2", "7"}) {
    const auto ended = run({program, "--consumers", consumers, tree.path()});
    EXPECT_EQ(ended.status, 0) << ended.errors;
    EXPECT_EQ(ended.errors, "");
    EXPECT_EQ(total_of(ended.output), expected) << ended.output;
  }
}

TEST(ProducerConsumerTest, CountsOverlappingPathsTwiceAndFollowsNoLinks) {
  const temporary_directory tree;
  write_tree(tree);
  const std::vector<std::string> roots{tree.path(),
                                       tree / "d1",
                                       tree / "empty",
                                       tree / "link",
                                       tree / "linked directory",
                                       tree / "linked directory/"};
  std::vector<std::string> arguments{program, "--quiet"};
  arguments.insert(arguments.end(), roots.begin(), roots.end());
  EXPECT_EQ(total_of(run(arguments).output), wc_of(roots));
}

TEST(ProducerConsumerTest, CountsTheSystemsHeaders) {
  EXPECT_EQ(total_of(run({program, "--quiet", "/usr/include"}).output), wc_of({"/usr/include"}));
}

TEST(ProducerConsumerTest, CountsNothingWhereThereIsNothing) {
  const temporary_directory tree;
  const auto ended = run({program, "--quiet", tree.path()});
  EXPECT_EQ(ended.status, 0);
  EXPECT_TRUE(ended.output.starts_with("total 0 files 0 lines 0 words 0 bytes in "));
}

TEST(ProducerConsumerTest, KillsOneAndLosesNothing) {
  const temporary_directory tree;
  write_tree(tree);
  const temporary_directory small;
  small.write("only", "one small file\n");
  static const std::regex form{
      R"(^killed consumer (\d+) holding (.+): redelivered after (\d+\.\d) ms\ntotal [^\n]*\n$)"};
  for (const std::string& root : {tree.path(), small.path(), small / "only", tree / "d1"})
    for (const char* consumers : {"1", "3"}) {
      const auto ended = run({program, "--quiet", "--kill-one", "--consumers", consumers, root});
      EXPECT_EQ(ended.status, 0) << ended.errors;
      std::smatch parts;
      ASSERT_TRUE(std::regex_match(ended.output, parts, form)) << ended.output << ended.errors;
      EXPECT_TRUE(parts[2].str().starts_with(root)) << "a file below the root was held";
      EXPECT_TRUE(std::filesystem::is_regular_file(parts[2].str()));
      EXPECT_EQ(total_of(ended.output), wc_of({root}));
    }
}

TEST(ProducerConsumerTest, SaysSoIfThereWasNobodyToKill) {
  const temporary_directory tree;
  const auto ended = run({program, "--quiet", "--kill-one", tree.path()});
  EXPECT_EQ(ended.status, 0);
  EXPECT_TRUE(ended.errors.starts_with("nobody was killed")) << ended.errors;
}

TEST(ProducerConsumerTest, NamesWhatCannotBeReadAndGoesOn) {
  const temporary_directory tree;
  tree.write("a", "one\n");
  tree.write("b/c", "two\n");
  // Opens, and fails to be read, whoever tries.
  const std::string memory = "/proc/" + std::to_string(::getpid()) + "/mem";
  const auto ended = run({program, "--quiet", tree.path(), memory});
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.errors, "cannot read " + memory +
                              ": Input/output error\n1 files or directories could not be read\n");
  EXPECT_EQ(total_of(ended.output), (total{2, 2, 2, 8}));
}

TEST(ProducerConsumerTest, NamesWhatItMayNotReadAndGoesOn) {
  const temporary_directory tree;
  tree.write("open", "one\n");
  tree.write("closed", "two\n");
  tree.write("closed directory/file", "three\n");
  std::filesystem::permissions(tree.path(), std::filesystem::perms{0755});
  std::filesystem::permissions(tree / "closed", std::filesystem::perms::none);
  std::filesystem::permissions(tree / "closed directory", std::filesystem::perms::none);
  const auto as_others = [] {
    if (!give_up_reading_everything()) ::_exit(126);
  };
  const auto ended = run({program, "--quiet", tree.path()}, {.before_exec = as_others});
  std::filesystem::permissions(tree / "closed directory", std::filesystem::perms{0755});
  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.errors.find("cannot read " + tree / "closed" + ": Permission denied\n"),
            std::string::npos);
  EXPECT_NE(ended.errors.find("cannot read " + tree / "closed directory" + ": Permission denied\n"),
            std::string::npos);
  EXPECT_NE(ended.errors.find("2 files or directories could not be read\n"), std::string::npos);
  EXPECT_EQ(total_of(ended.output), (total{1, 1, 1, 4}));
}

TEST(ProducerConsumerTest, RefusesAMissingPathBeforeAnythingStarts) {
  const temporary_directory tree;
  running_program started{{program, tree.path(), tree / "missing", tree / "gone\n"}};
  EXPECT_EQ(started.wait(), 2);
  EXPECT_EQ(started.output(), "");
  EXPECT_EQ(started.errors(), "producer_consumer: cannot count \"" + tree / "missing" +
                                  "\": No such file or directory; nothing was started\n" +
                                  "producer_consumer: cannot count \"$'" + tree / "gone\\n'" +
                                  "\": No such file or directory; nothing was started\n");
  expect_nothing_left(started);
}

TEST(ProducerConsumerTest, RefusesWrongOptions) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--consumers", "0"},
                                                {"--consumers", "many"},
                                                {"--consumers"},
                                                {"--consumers", "100000"},
                                                {"--nonsense"}}) {
    std::vector<std::string> arguments{program};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    const auto ended = run(arguments);
    EXPECT_EQ(ended.status, 2) << wrong.front();
    EXPECT_NE(ended.errors.find(wrong.front()), std::string::npos) << ended.errors;
    EXPECT_EQ(ended.output, "");
  }
  const auto help = run({program, "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.output.find("--kill-one"), std::string::npos);
}

TEST(ProducerConsumerTest, SaysHowFarItCameWhenItIsStopped) {
  const temporary_directory tree;
  tree.write("a", "one\n");
  const std::string endless = write_endless(tree);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    running_program started{{program, "--quiet", "--consumers", "2", tree / "a", endless}};
    ASSERT_TRUE(started.wait_until([&] { return started.children().size() >= 2; }));
    started.signal(signal);
    EXPECT_EQ(started.wait(), 128 + signal);
    EXPECT_TRUE(started.output().starts_with("stopped by signal " + std::to_string(signal)))
        << started.output();
    expect_nothing_left(started);
  }
}

TEST(ProducerConsumerTest, StopsWhileAProcessThatStartsIsStopped) {
  const temporary_directory tree;
  running_program started{{program, "--quiet", "--consumers", "50", write_endless(tree)}};
  // Each is stopped when it appears, until one of them was not through with its start. (Before it
  // is this program, its parent is held up in the kernel: that is not looked for here.)
  const auto is_ours = [](pid_t pid) {
    std::ifstream file{"/proc/" + std::to_string(pid) + "/cmdline"};
    const std::string arguments{std::istreambuf_iterator<char>{file}, {}};
    return arguments.find("--hawser-process") != std::string::npos;
  };
  std::set<pid_t> stopped;
  auto last = std::chrono::steady_clock::now();
  while (stopped.size() < 51 && std::chrono::steady_clock::now() < last + std::chrono::seconds{1})
    for (const pid_t pid : started.children()) {
      if (stopped.contains(pid) || !is_ours(pid)) continue;
      ::kill(pid, SIGSTOP);
      stopped.insert(pid);
      last = std::chrono::steady_clock::now();
    }
  started.signal(SIGINT);
  EXPECT_EQ(started.wait(std::chrono::seconds{20}), 130);
  expect_nothing_left(started);
}

// How soon, is a figure of the benchmarks.
TEST(ProducerConsumerTest, StopsInTheMiddleOfFilesEveryTime) {
  const temporary_directory tree;
  const std::string endless = write_endless(tree);
  for (int i = 0; i < 10; ++i) {
    running_program started{{program, "--consumers", "4", endless, endless, endless, endless}};
    ASSERT_TRUE(started.wait_until([&] { return started.children().size() >= 4; }));
    started.signal(SIGINT);
    ASSERT_EQ(started.wait(), 130);
    expect_nothing_left(started);
  }
}

TEST(ProducerConsumerTest, PrintsPlainLinesWithoutATerminal) {
  const temporary_directory tree;
  const std::string endless = write_endless(tree);
  running_program started{{program, endless}};
  EXPECT_TRUE(started.wait_until([&] { return started.output().find('\n') != std::string::npos; }));
  started.signal(SIGINT);
  EXPECT_EQ(started.wait(), 130);
  EXPECT_TRUE(started.output().starts_with("counted 0 of ")) << started.output();
  EXPECT_EQ(started.output().find('\x1b'), std::string::npos);
}

TEST(ProducerConsumerTest, EndsQuietlyWhenNobodyReadsItsOutput) {
  const temporary_directory tree;
  const std::string endless = write_endless(tree);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  running_program started{{program, endless}, {.output = ends[1]}};
  ::close(ends[1]);
  ::close(ends[0]);
  EXPECT_EQ(started.wait(), 128 + SIGPIPE);
  EXPECT_EQ(started.errors(), "");
  expect_nothing_left(started);
}

TEST(ProducerConsumerTest, SaysSoIfItsResultCannotBeWritten) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  running_program to_full{{program, "--quiet", "/usr/include/stdio.h"}, {.output = full}};
  ::close(full);
  EXPECT_EQ(to_full.wait(), 1);
  EXPECT_NE(to_full.errors().find("cannot write to standard output: No space left"),
            std::string::npos)
      << to_full.errors();

  const auto close_output = [] { ::close(STDOUT_FILENO); };
  const auto without =
      run({program, "--quiet", "/usr/include/stdio.h"}, {.before_exec = close_output});
  EXPECT_EQ(without.status, 1);
  EXPECT_NE(without.errors.find("cannot write to standard output"), std::string::npos)
      << without.errors;
}

TEST(ProducerConsumerTest, RunsTwiceAtTheSameTime) {
  running_program first{{program, "--quiet", "/usr/include"}};
  running_program second{{program, "--quiet", "/usr/include"}};
  EXPECT_EQ(first.wait(), 0) << first.errors();
  EXPECT_EQ(second.wait(), 0) << second.errors();
  EXPECT_NE(total_of(first.output()).files, 0U);
  EXPECT_EQ(total_of(first.output()), total_of(second.output()));
}

TEST(ProducerConsumerTest, SaysSoWhenThereIsNoSharedMemory) {
  const auto small_shared_memory = [] {
    if (!mount_own_dev_shm("size=1m")) ::_exit(126);
  };
  const auto ended =
      run({program, "--quiet", "/usr/include"}, {.before_exec = small_shared_memory});
  if (ended.status == 126) GTEST_SKIP() << "may not mount a small /dev/shm";
  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.errors.find("/dev/shm"), std::string::npos) << ended.errors;
  EXPECT_EQ(ended.output, "");
}

}  // namespace
}  // namespace hawser::test
