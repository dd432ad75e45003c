#include "producer_consumer/job.hpp"
#include "producer_consumer/ledger.hpp"
#include "producer_consumer/one_line.hpp"
#include "producer_consumer/sequence_set.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace producer_consumer {
namespace {

TEST(SequenceSetTest, TakesEachNumberOnce) {
  std::vector<std::uint64_t> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), 0U);
  numbers.insert(numbers.end(), numbers.begin(), numbers.begin() + 500);
  std::mt19937 random{5};
  for (int repeat = 0; repeat < 20; ++repeat) {
    std::shuffle(numbers.begin(), numbers.end(), random);
    sequence_set seen;
    std::vector<bool> expected(1000);
    for (const std::uint64_t number : numbers) {
      EXPECT_EQ(seen.insert(number), !expected[number]);
      expected[number] = true;
    }
    EXPECT_EQ(seen.size(), 1000U);
    EXPECT_TRUE(seen.complete());
    EXPECT_EQ(seen.ranges(), 1U);
  }
}

TEST(SequenceSetTest, IsCompleteOnlyWithoutAGap) {
  sequence_set seen;
  EXPECT_TRUE(seen.complete());
  seen.insert(1);
  EXPECT_FALSE(seen.complete());
  seen.insert(0);
  EXPECT_TRUE(seen.complete());
  seen.insert(3);
  EXPECT_FALSE(seen.complete());
}

TEST(SequenceSetTest, KeepsNoMoreThanTheGaps) {
  sequence_set seen;
  for (std::uint64_t number = 0; number < 100'000; ++number)
    if (number % 10'000 != 7) seen.insert(number);
  EXPECT_EQ(seen.ranges(), 11U);
}

outcome done(std::uint64_t sequence, std::uint64_t bytes, int error = 0) {
  return {sequence, 100 + sequence, {1, 2, bytes}, 1000, error};
}

TEST(LedgerTest, CountsAJobThatWasDoneTwiceOnce) {
  ledger book;
  EXPECT_TRUE(book.add(1, done(1, 20)));
  EXPECT_TRUE(book.add(1, done(0, 10)));
  EXPECT_FALSE(book.add(2, done(1, 20)));
  EXPECT_EQ(book.jobs(), 2U);
  EXPECT_TRUE(book.add(2, done(2, 30)));

  const progress now = book.so_far();
  EXPECT_EQ(now.files, 3U);
  EXPECT_EQ(now.counted, (totals{3, 6, 60}));
  ASSERT_EQ(now.consumers.size(), 2U);
  EXPECT_EQ(now.consumers[0].bytes, 30U);
  EXPECT_EQ(now.consumers[1].bytes, 30U);
  EXPECT_TRUE(book.complete());
  EXPECT_EQ(book.chain(), 102U);
}

TEST(LedgerTest, CountsAFileThatCannotBeReadApart) {
  ledger book;
  EXPECT_TRUE(book.add(1, done(0, 10)));
  EXPECT_TRUE(book.add(1, done(1, 0, EACCES)));
  EXPECT_FALSE(book.add(2, done(1, 0, EACCES)));
  EXPECT_EQ(book.files(), 1U);
  EXPECT_EQ(book.so_far().unreadable, 1U);
  EXPECT_EQ(book.so_far().counted, (totals{1, 2, 10}));
}

TEST(LedgerTest, TellsWhenTheWatchedJobWasTakenAgain) {
  ledger book;
  book.watch(1);
  book.add(1, done(0, 10));
  EXPECT_EQ(book.taken_again_ns(), std::nullopt);
  book.add(1, done(1, 10));
  EXPECT_EQ(book.taken_again_ns(), 1000);
}

TEST(JobTest, ComesOutOfItsCodecAsItWentIn) {
  const job before{7, chain(chain_start, "x"), EIO, true, std::string{"a\nb\0c\xff", 6}};
  std::vector<std::byte> bytes;
  hawser::shm::codec<job>::encode(before, bytes);
  const job after = hawser::shm::codec<job>::decode(bytes);
  EXPECT_EQ(after.sequence, before.sequence);
  EXPECT_EQ(after.chain, before.chain);
  EXPECT_EQ(after.error, before.error);
  EXPECT_EQ(after.hold, before.hold);
  EXPECT_EQ(after.path, before.path);
}

TEST(ReportTest, ComesOutOfItsCodecAsItWentInAndIsRefusedWhenCutShort) {
  const report before{report::kind::holding, 9, 12, done(3, 4, EIO), "path"};
  std::vector<std::byte> bytes;
  hawser::shm::codec<report>::encode(before, bytes);
  const report after = hawser::shm::codec<report>::decode(bytes);
  EXPECT_EQ(after.what, before.what);
  EXPECT_EQ(after.sender, 9);
  EXPECT_EQ(after.jobs, 12U);
  EXPECT_EQ(after.path, "path");
  EXPECT_EQ(after.of_job.sequence, 3U);
  EXPECT_EQ(after.of_job.chain, 103U);
  EXPECT_EQ(after.of_job.counted, (totals{1, 2, 4}));
  EXPECT_EQ(after.of_job.taken_ns, 1000);
  EXPECT_EQ(after.of_job.error, EIO);

  const std::span all{bytes};
  for (const std::size_t size : {0U, 8U, 23U, 60U})
    EXPECT_THROW(hawser::shm::codec<report>::decode(all.first(size)), std::exception) << size;
}

TEST(ChainTest, TellsWalksApart) {
  const auto walk = [](std::initializer_list<const char*> paths) {
    std::uint64_t hash = chain_start;
    for (const char* path : paths) hash = chain(hash, path);
    return hash;
  };
  EXPECT_EQ(walk({"a", "b"}), walk({"a", "b"}));
  EXPECT_NE(walk({"a", "b"}), walk({"b", "a"}));
  EXPECT_NE(walk({"ab", "c"}), walk({"a", "bc"}));
  EXPECT_NE(walk({"a"}), walk({"a", ""}));
}

TEST(OneLineTest, LeavesOrdinaryNamesAlone) {
  EXPECT_EQ(one_line("/usr/include/a b.h"), "/usr/include/a b.h");
  EXPECT_EQ(one_line("caf\xc3\xa9"), "caf\xc3\xa9");
}

TEST(OneLineTest, ShowsControlCharactersInsteadOfObeyingThem) {
  EXPECT_EQ(one_line("a\nb"), R"($'a\nb')");
  EXPECT_EQ(one_line("\x1b[2J'\\"), R"($'\033[2J\'\\')");
  EXPECT_EQ(one_line("\x9b"
                     "2J"),
            R"($'\2332J')");
  EXPECT_EQ(one_line("\xc2\x9b"), "$'\xc2\\233'");
  EXPECT_EQ(one_line(""), "$''");
}

}  // namespace
}  // namespace producer_consumer
