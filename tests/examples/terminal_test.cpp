#include "producer_consumer/terminal.hpp"

#include "run_program.hpp"
#include "temporary_directory.hpp"
#include "totals_line.hpp"
#include "traces.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <optional>

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace producer_consumer {
namespace {

using namespace hawser::test;

/// Both ends of a terminal that nobody looks at.
class fake_terminal {
 public:
  fake_terminal(unsigned short rows, unsigned short columns) {
    EXPECT_EQ(::openpty(&user_, &program_, nullptr, nullptr, nullptr), 0);
    ::fcntl(user_, F_SETFL, O_NONBLOCK);
    ::fcntl(user_, F_SETFD, FD_CLOEXEC);
    ::fcntl(program_, F_SETFD, FD_CLOEXEC);
    resize(rows, columns);
  }
  fake_terminal(const fake_terminal&) = delete;
  fake_terminal& operator=(const fake_terminal&) = delete;
  ~fake_terminal() {
    ::close(user_);
    ::close(program_);
  }

  void resize(unsigned short rows, unsigned short columns) const {
    const winsize size{rows, columns, 0, 0};
    EXPECT_EQ(::ioctl(user_, TIOCSWINSZ, &size), 0);
  }
  int program_end() const { return program_; }

  /// Reads on until the program has ended. Returns its exit status.
  std::optional<int> watch(running_program& running) {
    running.wait_until([this] {
      screen();
      return false;
    });
    return running.wait();
  }

  /// All that was written so far.
  const std::string& screen() {
    char buffer[4096];
    for (ssize_t got; (got = ::read(user_, buffer, sizeof buffer)) > 0;)
      screen_.append(buffer, static_cast<std::size_t>(got));
    return screen_;
  }

 private:
  int user_ = -1;
  int program_ = -1;
  std::string screen_;
};

class TerminalTest : public testing::Test {
 protected:
  TerminalTest() { ::setenv("NO_COLOR", "1", 1); }
  ~TerminalTest() override { ::unsetenv("NO_COLOR"); }
};

TEST_F(TerminalTest, WritesOverTheLinesItHasDrawn) {
  const fake_terminal screen{24, 80};
  terminal lines{screen.program_end()};
  EXPECT_EQ(lines.draw({{"one"}, {"two"}}), "\r\x1b[Jone\x1b[K\ntwo\x1b[K\n");
  EXPECT_EQ(lines.draw({{"3"}, {"4"}}), "\r\x1b[2A3\x1b[K\n4\x1b[K\n");
  EXPECT_EQ(lines.draw({{"5"}}), "\r\x1b[2A\x1b[J5\x1b[K\n");
  EXPECT_EQ(lines.erase(), "\r\x1b[1A\x1b[J");
  EXPECT_EQ(lines.erase(), "\r\x1b[J");
}

TEST_F(TerminalTest, NeverFillsALineOrTheScreen) {
  const fake_terminal screen{3, 10};
  terminal lines{screen.program_end()};
  EXPECT_EQ(lines.draw({{"0123456789"}, {"b"}, {"c"}, {"d"}}),
            "\r\x1b[J012345678\x1b[K\nb\x1b[K\n");
}

TEST_F(TerminalTest, FindsItsLinesAgainWhenTheTerminalWasMadeNarrower) {
  const fake_terminal screen{24, 80};
  terminal lines{screen.program_end()};
  EXPECT_NE(lines.draw({{std::string(50, 'a')}, {"b"}}), "");
  screen.resize(24, 20);
  EXPECT_TRUE(lines.draw({{"a"}, {"b"}}).starts_with("\r\x1b[4A\x1b[J")) << "50 = 20 + 20 + 10";
}

TEST_F(TerminalTest, HighlightsOnlyWithColours) {
  const fake_terminal screen{24, 20};
  EXPECT_EQ(terminal{screen.program_end()}.draw({{"abcd", 1, 3}}), "\r\x1b[Jabcd\x1b[K\n");
  ::unsetenv("NO_COLOR");
  EXPECT_EQ(terminal{screen.program_end()}.draw({{"abcd", 1, 3}}),
            "\r\x1b[Ja\x1b[1;32mbc\x1b[0md\x1b[K\n");
}

TEST_F(TerminalTest, IsNotLiveWhereLinesCannotBeWrittenOver) {
  const fake_terminal screen{24, 80};
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const std::string kind = std::getenv("TERM") == nullptr ? "" : std::getenv("TERM");
  ::setenv("TERM", "xterm", 1);
  EXPECT_TRUE(terminal::is_live(screen.program_end()));
  EXPECT_FALSE(terminal::is_live(ends[1]));
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(terminal::is_live(screen.program_end()));
  ::setenv("TERM", kind.c_str(), 1);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(ProducerConsumerTerminalTest, ShowsABarAndALineForEachConsumer) {
  const temporary_directory tree;
  const std::string endless = tree.write("endless", "");
  ASSERT_EQ(::truncate(endless.c_str(), off_t{1} << 42), 0);
  fake_terminal screen{24, 80};
  running_program running{
      {example("producer_consumer"), "--consumers", "2", endless},
      {.environment = {"TERM=xterm", "NO_COLOR="}, .output = screen.program_end()}};
  const auto seen = [&](std::string_view text) {
    return running.wait_until([&] { return screen.screen().find(text) != std::string::npos; });
  };
  EXPECT_TRUE(seen("] "));
  EXPECT_TRUE(seen("0 of 1"));
  EXPECT_TRUE(seen("\x1b[")) << "it is drawn again";
  screen.resize(10, 40);
  running.signal(SIGINT);
  EXPECT_EQ(screen.watch(running), 128 + SIGINT);
  EXPECT_NE(screen.screen().find("stopped by signal 2"), std::string::npos);
  EXPECT_EQ(screen.screen().find("\x1b[?25l"), std::string::npos) << "the cursor stays as it is";
}

TEST(ProducerConsumerTerminalTest, ShowsEveryConsumerByItsPid) {
  fake_terminal screen{24, 80};
  running_program running{{example("producer_consumer"), "--consumers", "2", "/usr/include"},
                          {.environment = {"TERM=xterm"}, .output = screen.program_end()}};
  EXPECT_EQ(screen.watch(running), 0);
  const std::string& text = screen.screen();
  EXPECT_NE(text.find("100%"), std::string::npos);
  EXPECT_NE(text.find("  consumer "), std::string::npos);
  EXPECT_NE(text.find("\r\ntotal "), std::string::npos);
}

}  // namespace
}  // namespace producer_consumer
