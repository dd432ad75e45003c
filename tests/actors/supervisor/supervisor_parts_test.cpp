/// What the supervisor is made of: the last lines, the kernel's counters, the words.
#include "supervisor/last_lines.hpp"
#include "supervisor/oom_kills.hpp"
#include <hawser/actors/supervisor_event.hpp>

#include <gtest/gtest.h>

using namespace std::chrono_literals;
using namespace hawser::actors;
using detail::counter_in;
using detail::last_lines;
using lines = std::vector<std::string>;

TEST(LastLinesTest, KeepsTheLastOnesAndTheOneThatHasNoEndYet) {
  last_lines kept{2};
  EXPECT_EQ(kept.lines(), lines{});
  kept.add(0, "one\ntwo\nthr");
  EXPECT_EQ(kept.lines(), (lines{"two", "thr"}));
  kept.add(0, "ee\n");
  EXPECT_EQ(kept.lines(), (lines{"two", "three"}));
  kept.add(0, "\n");
  EXPECT_EQ(kept.lines(), (lines{"three", ""}));
}

TEST(LastLinesTest, TwoStreamsAreNotMixedWithinALine) {
  last_lines kept{4};
  kept.add(0, "out");
  kept.add(1, "err\n");
  kept.add(0, "put\n");
  EXPECT_EQ(kept.lines(), (lines{"err", "output"}));
}

TEST(LastLinesTest, ItsMemoryIsBounded) {
  last_lines kept{1'000'000};
  for (int i = 0; i < 1000; ++i) kept.add(0, std::string(10'000, 'x') + "\n");
  std::size_t bytes = 0;
  for (const auto& line : kept.lines()) {
    EXPECT_LE(line.size(), last_lines::line_bytes_max);
    bytes += line.size();
  }
  EXPECT_LE(bytes, last_lines::bytes_max);
  EXPECT_GT(bytes, last_lines::bytes_max / 2);
}

TEST(OomKillsTest, ReadsOneCounterOfMany) {
  const std::string_view text = "low 0\noom 7\noom_kill 3\noom_group_kill 1\n";
  EXPECT_EQ(counter_in(text, "oom_kill"), 3U);
  EXPECT_EQ(counter_in(text, "oom"), 7U);
  EXPECT_EQ(counter_in(text, "max"), std::nullopt);
  EXPECT_EQ(counter_in("oom_kill", "oom_kill"), std::nullopt);
  EXPECT_EQ(counter_in("oom_kill x\n", "oom_kill"), std::nullopt);
  EXPECT_EQ(counter_in("", "oom_kill"), std::nullopt);
}

TEST(SupervisorEventTest, ReadsWell) {
  supervisor_event event;
  event.child = "indexer";
  event.pid = 123;
  EXPECT_EQ(to_string(event), "indexer (pid 123) has started");

  event.what = supervisor_event::kind::ended;
  event.end = {"indexer", end_kind::signal, "killed by signal 9 (Killed)", 123,
               {},        {"last", "words"}};
  EXPECT_EQ(to_string(event),
            "indexer (pid 123): killed by signal 9 (Killed)\n  | last\n  | words");

  event.what = supervisor_event::kind::restarting;
  event.restarts = 1;
  event.restarts_max = 5;
  event.within = 10s;
  event.delay = 1500ms;
  EXPECT_EQ(to_string(event), "indexer: restart in 1.5 s, 1 of 5 restarts within 10 s");

  event.what = supervisor_event::kind::gave_up;
  event.child = "storage";
  EXPECT_EQ(
      to_string(event),
      "storage gives up: more than 5 restarts within 10 s; the last was for indexer (pid 123): "
      "killed by signal 9 (Killed)");
}
