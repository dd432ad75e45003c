#include "producer_consumer/count.hpp"

#include "producer_consumer/count_file.hpp"
#include "run_program.hpp"
#include "temporary_directory.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <sstream>

#include <sys/stat.h>

namespace producer_consumer {

void PrintTo(const totals& value, std::ostream* out) {
  *out << value.lines << " lines " << value.words << " words " << value.bytes << " bytes";
}

namespace {

using hawser::test::run;
using hawser::test::temporary_directory;

std::vector<totals> machine_wc(const std::vector<std::string>& paths) {
  std::vector<std::string> arguments{"wc", "-lwc"};
  arguments.insert(arguments.end(), paths.begin(), paths.end());
  std::istringstream lines{run(arguments, {.environment = {"LC_ALL=C"}}).output};
  std::vector<totals> counted;
  for (std::string line; counted.size() < paths.size() && std::getline(lines, line);) {
    std::istringstream columns{line};
    totals& one = counted.emplace_back();
    columns >> one.lines >> one.words >> one.bytes;
  }
  return counted;
}

totals count(word_rule rule, std::string_view text, std::size_t piece_bytes, bool vectorised) {
  counter ours{rule, vectorised};
  for (; !text.empty(); text.remove_prefix(std::min(piece_bytes, text.size())))
    ours.add(text.substr(0, piece_bytes));
  return ours.finish();
}

/// Bytes of which `dense` in 256 are any, and the others of a text's few.
std::string random_bytes(std::mt19937& random, std::size_t size, unsigned long dense) {
  static constexpr std::string_view usual = "ab c\n\t \x01\xa0";
  std::string text(size, ' ');
  for (char& byte : text)
    byte = random() % 256 < dense ? static_cast<char>(random()) : usual[random() % usual.size()];
  return text;
}

void expect_as_machine_wc(const std::vector<std::string>& texts) {
  const temporary_directory directory;
  std::vector<std::string> paths;
  for (const std::string& text : texts)
    paths.push_back(directory.write(std::to_string(paths.size()), text));
  const std::vector<totals> expected = machine_wc(paths);
  ASSERT_EQ(expected.size(), texts.size());
  const word_rule rule = machine_rule();
  file_counter files{rule};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(files.count(paths[i]).counted, expected[i]) << "text " << i;
    EXPECT_EQ(count(rule, texts[i], texts[i].size(), false), expected[i]) << "text " << i;
  }
}

TEST(CountTest, ClassesEveryByteAsTheMachinesWc) {
  std::vector<std::string> texts;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto character = static_cast<char>(byte);
    texts.emplace_back(1, character);
    texts.push_back({'a', character, 'a'});
  }
  expect_as_machine_wc(texts);
}

TEST(CountTest, CountsRandomBytesAsTheMachinesWc) {
  std::mt19937 random{20261121};
  std::vector<std::string> texts;
  for (const unsigned dense : {0U, 8U, 128U, 256U})
    for (int i = 0; i < 50; ++i) texts.push_back(random_bytes(random, random() % 3000, dense));
  texts.push_back(random_bytes(random, 5'000'003, 64));
  expect_as_machine_wc(texts);
}

TEST(CountTest, CountsEdgeFilesAsTheMachinesWc) {
  std::string binary;
  for (unsigned i = 0; i < 70000; ++i) binary += static_cast<char>(i * i / 7);
  expect_as_machine_wc({"", "\n", " ", "a", "no newline", "one\n", "\n\n\n", "a\0b",
                        std::string(64, 'x'), std::string(65, ' '), std::string(300'000, 'x'),
                        std::string(131'072, ' '), binary,
                        std::string(131'071, ' ') + "across the buffer's end\n"});
}

TEST(CountTest, DoesNotDependOnWhereThePiecesEnd) {
  std::mt19937 random{7};
  const std::string text = random_bytes(random, 1000, 16);
  for (const word_rule rule : word_rules) {
    const totals whole = count(rule, text, text.size(), false);
    for (std::size_t piece = 1; piece <= 300; ++piece)
      for (const bool vectorised : {false, true})
        EXPECT_EQ(count(rule, text, piece, vectorised), whole) << "pieces of " << piece;
  }
}

TEST(CountTest, GivesTheSameWithAndWithoutVectorInstructions) {
  std::mt19937 random{11};
  for (int i = 0; i < 300; ++i) {
    const std::string text = random_bytes(random, random() % 700, random() % 257);
    for (const word_rule rule : word_rules)
      EXPECT_EQ(count(rule, text, 1000, true), count(rule, text, 1000, false)) << i;
  }
}

class WordRuleTest : public testing::Test {
 protected:
  WordRuleTest() : path_(std::getenv("PATH")) { ::setenv("PATH", directory_.path().c_str(), 1); }
  ~WordRuleTest() override { ::setenv("PATH", path_.c_str(), 1); }

  void put_wc(const std::string& script) {
    const std::string wc =
        directory_.write("wc", "#!/bin/sh\nPATH='" + path_ + "'; export PATH\n" + script + '\n');
    ASSERT_EQ(::chmod(wc.c_str(), 0755), 0);
  }

 private:
  std::string path_;
  temporary_directory directory_;
};

TEST_F(WordRuleTest, IsTheOneThatGivesWhatTheMachinesWcPrints) {
  // Wrappers that make any wc count by each of the rules, by what they feed it.
  const std::string open_bytes = R"('\000-\010\016-\037\177-\377')";
  put_wc("tr -d " + open_bytes + " | wc \"$@\"");
  EXPECT_EQ(machine_rule(), word_rule::printable);
  put_wc("tr " + open_bytes + " a | wc \"$@\"");
  EXPECT_EQ(machine_rule(), word_rule::non_space);
  put_wc("tr '\\240' ' ' | tr " + open_bytes + " a | wc \"$@\"");
  EXPECT_EQ(machine_rule(), word_rule::non_blank);
}

TEST_F(WordRuleTest, IsTheNewestWithoutWcOrWithOneOfItsOwn) {
  EXPECT_EQ(machine_rule(), word_rule::non_blank);
  put_wc("echo 12345");
  EXPECT_EQ(machine_rule(), word_rule::non_blank);
}

TEST(CountFileTest, SaysWhyAFileCannotBeCounted) {
  const temporary_directory directory;
  file_counter files{word_rule::printable};
  directory.write("file", "text");
  std::filesystem::create_symlink("file", directory / "link");
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);

  EXPECT_EQ(files.count(directory / "missing").error, ENOENT);
  EXPECT_EQ(files.count(directory / "link").error, ELOOP);
  EXPECT_EQ(files.count(directory / "fifo").error, EINVAL);
  EXPECT_EQ(files.count(directory.path()).error, EINVAL);
  EXPECT_EQ(files.count("/proc/self/mem").error, EIO) << "opens, and fails to be read";
  EXPECT_EQ(files.count(directory / "file").counted, (totals{0, 1, 4}));
}

TEST(CountFileTest, ReadsAFileWhosePathIsLongerThanPathMax) {
  const temporary_directory directory;
  const std::string name(200, 'd');
  directory.write_chain("", name, 60, 60, "two words\n");
  std::string path = directory.path();
  for (int i = 0; i < 60; ++i) path += '/' + name;

  file_counter files{word_rule::printable};
  const auto counted = files.count(path + "/file");

  EXPECT_EQ(counted.error, 0);
  EXPECT_EQ(counted.counted, (totals{1, 2, 10}));
  EXPECT_EQ(files.count(path + "/none").error, ENOENT);
  EXPECT_EQ(files.count(directory / std::string(5000, 'n')).error, ENAMETOOLONG);
}

}  // namespace
}  // namespace producer_consumer
