// The shared array between threads of one process: the twin that ThreadSanitizer can judge.

#include "../support/child.hpp"
#include <hawser/shm/array.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace hawser {
namespace {

using test::unique_name;

/// Without slices: a lost wake-up is a hang here, not a delay.
class ArrayThreadTest : public testing::Test {
 public:
  ArrayThreadTest() { shm::detail::set_wait_slices(false); }
  ~ArrayThreadTest() override { shm::detail::set_wait_slices(true); }
};

/// Runs `work(array, number)` in threads, every other one with an object, so a participant, of its
/// own.
template <class Work>
void in_threads(shm::array<std::uint64_t>& a, int count, Work work) {
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t)
    threads.emplace_back([&, t] {
      shm::array<std::uint64_t> own{open_only, a.name()};
      work(t % 2 == 0 ? a : own, t);
    });
  for (auto& thread : threads) thread.join();
}

TEST_F(ArrayThreadTest, HoldersOfARangeHaveItForThemselves) {
  shm::array<std::uint64_t> a{create_only, unique_name(), 60, {.ranges = 3}};
  constexpr std::uint64_t turns = 5000;
  in_threads(a, 4, [](auto& mine, int t) {
    for (std::uint64_t i = 0; i < turns; ++i) {
      const auto hold = mine.lock_range((static_cast<std::uint64_t>(t) + i) % 3);
      ASSERT_FALSE(hold.owner_died());
      const std::uint64_t now = hold[0];
      for (std::uint64_t& element : hold) {
        ASSERT_EQ(element, now);
        element = now + 1;
      }
    }
  });
  std::uint64_t sum = 0;
  for (std::size_t r = 0; r < 3; ++r) sum += a.range(r)[0];
  EXPECT_EQ(sum, 4 * turns);
}

TEST_F(ArrayThreadTest, UpdatesAcrossRangesNeverMixWithOthers) {
  shm::array<std::uint64_t> a{create_only, unique_name(), 30, {.ranges = 5}};
  constexpr std::uint64_t turns = 5000;
  in_threads(a, 3, [](auto& mine, int t) {
    for (std::uint64_t i = 0; i < turns; ++i) {
      if (t == 2) {
        // A reader, and a writer of one range after the other.
        const auto first = mine.lock_range(2), second = mine.lock_range(3);
        ASSERT_EQ(first[0], second[0]);
        continue;
      }
      mine.update(3, 24, [](std::span<std::uint64_t> some) {
        const std::uint64_t now = some[0];
        for (std::uint64_t& element : some) {
          ASSERT_EQ(element, now);
          element = now + 1;
        }
      });
    }
  });
  EXPECT_EQ(a[2], 0U);
  EXPECT_EQ(a[3], 2 * turns);
  EXPECT_EQ(a[26], 2 * turns);
  EXPECT_EQ(a[27], 0U);
}

TEST_F(ArrayThreadTest, SingleElementsAreCountedExactly) {
  shm::array<std::uint64_t> a{create_only, unique_name(), 4, {.ranges = 2}};
  constexpr std::uint64_t turns = 10'000;
  in_threads(a, 3, [](auto& mine, int) {
    for (std::uint64_t i = 0; i < turns; ++i) mine.update(i % 4, [](std::uint64_t& n) { ++n; });
  });
  for (const std::uint64_t n : a) EXPECT_EQ(n, 3 * turns / 4);
}

}  // namespace
}  // namespace hawser
