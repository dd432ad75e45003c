#include <hawser/actors/progress_bar.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

namespace {

using hawser::actors::progress_bar;

std::string read_all(int descriptor) {
  std::string all;
  char some[4096];
  for (ssize_t got; (got = read(descriptor, some, sizeof some)) > 0;)
    all.append(some, static_cast<std::size_t>(got));
  return all;
}

TEST(ProgressBarTest, ElsewhereThanOnATerminalItIsPlainLines) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const progress_bar bar{"resize", ends[1]};
  for (std::size_t i = 1; i <= 1000; ++i) bar(i, 1000);
  bar(1000, 1000);
  close(ends[1]);
  const std::string text = read_all(ends[0]);
  close(ends[0]);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 10);
  EXPECT_NE(text.find("resize 1000/1000 (100 %)"), std::string::npos) << text;
  EXPECT_EQ(text.find("1000/1000", text.find("1000/1000") + 1), std::string::npos);
}

TEST(ProgressBarTest, OnATerminalItIsOneLine) {
  int controlling = -1, terminal = -1;
  ASSERT_EQ(openpty(&controlling, &terminal, nullptr, nullptr, nullptr), 0);
  const progress_bar bar{"resize", terminal};
  bar(1, 2);
  bar(2, 2);
  close(terminal);
  const std::string text = read_all(controlling);
  close(controlling);
  EXPECT_NE(text.find("\rresize [###############...............] 50 % 1/2"), std::string::npos)
      << text;
  EXPECT_NE(text.find("[##############################] 100 % 2/2"), std::string::npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST(ProgressBarTest, WhatComesLateIsNotShown) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const progress_bar bar{"", ends[1]};
  bar(10, 10);
  bar(9, 10);
  bar(0, 0);
  close(ends[1]);
  EXPECT_EQ(read_all(ends[0]).substr(0, 14), "10/10 (100 %),");
  close(ends[0]);
}

}  // namespace
