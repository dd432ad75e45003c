// One process's use of a shared array, and every error it can give.

#include "segment_support.hpp"
#include <hawser/shm/array.hpp>
#include <hawser/shm/value.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <fcntl.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using test::child;
using test::exists_in_shm;
using test::path_of;
using test::unique_name;

template <class T>
std::vector<std::remove_const_t<T>> all(const shm::array<T>& a) {
  return {a.begin(), a.end()};
}

TEST(ArrayTest, IsZeroAlignedAndTheSameForEverybody) {
  const std::string name = unique_name();
  shm::array<int> a{create_only, name, 5};
  shm::array<int> b{open_only, name}, c{open_or_create, name, 5};
  EXPECT_EQ(all(a), std::vector<int>(5));
  a[2] = 7;
  EXPECT_EQ(all(b), (std::vector{0, 0, 7, 0, 0}));
  EXPECT_EQ(std::accumulate(c.begin(), c.end(), 0), 7);
  EXPECT_EQ(c.size(), 5U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b.data()) % 4096, 0U);
  std::sort(b.begin(), b.end(), std::greater<>{});
  EXPECT_EQ(a.span().front(), 7);
}

TEST(ArrayTest, RangesShareTheElementsFairlyAndInOrder) {
  for (std::size_t size = 1; size <= 23; ++size)
    for (std::size_t ranges = 1; ranges <= size; ++ranges) {
      shm::array<int> a{create_only, unique_name(), size, {.ranges = ranges}};
      std::size_t next = 0;
      for (std::size_t r = 0; r < ranges; ++r) {
        const auto part = a.range(r);
        ASSERT_EQ(part.data(), a.data() + next);
        ASSERT_TRUE(part.size() == size / ranges || part.size() == size / ranges + 1);
        for (std::size_t i = 0; i < part.size(); ++i) ASSERT_EQ(a.range_of(next + i), r);
        next += part.size();
      }
      ASSERT_EQ(next, size);
    }
}

TEST(ArrayTest, UpdateChangesOneOrManyAlsoAcrossRanges) {
  shm::array<int> a{create_only, unique_name(), 9, {.ranges = 4}};
  a.update(3, [](int& n) { n = 5; });
  a.update(0, 9, [](std::span<int> all) {
    for (int& n : all) n = 2 * n + 1;
  });
  EXPECT_EQ(all(a), (std::vector{1, 1, 1, 11, 1, 1, 1, 1, 1}));
  a.update(4, 3, [](std::span<int> some) { std::iota(some.begin(), some.end(), 0); });
  EXPECT_EQ(all(a), (std::vector{1, 1, 1, 11, 0, 1, 2, 1, 1}));
  a.update(9, 0, [](std::span<int>) { ADD_FAILURE(); });
  EXPECT_TRUE(a.update_for(1s, 8, 1, [](std::span<int> n) { n[0] = 3; }));
  EXPECT_EQ(a[8], 3);
}

TEST(ArrayTest, UpdateThatThrowsChangesNothing) {
  shm::array<int> a{create_only, unique_name(), 4, {.ranges = 2}};
  EXPECT_THROW(a.update(0, 4,
                        [](std::span<int> all) {
                          all[0] = all[3] = 1;
                          throw std::runtime_error{"no"};
                        }),
               std::runtime_error);
  EXPECT_EQ(all(a), std::vector<int>(4));
  EXPECT_TRUE(a.try_lock_range(0) && a.try_lock_range(1));  // and the locks are free
}

TEST(ArrayTest, UpdatesHaveALimitAndBounds) {
  const std::string name = unique_name();
  shm::array<int> a{create_only, name, 100, {.update_elements_max = 10}};
  EXPECT_EQ(a.update_elements_max(), 10U);
  const auto nothing = [](std::span<int>) { ADD_FAILURE(); };
  EXPECT_ERROR(errc::too_large, "11 elements in one update, it takes 10", a.update(0, 11, nothing));
  EXPECT_ERROR(errc::bad_argument, "it has 100 elements", a.update(95, 6, nothing));
  EXPECT_ERROR(errc::bad_argument, "none at 101", a.update(101, 1, nothing));
  EXPECT_ERROR(errc::bad_argument, "elements", a.update(1, ~std::size_t{0}, nothing));
  EXPECT_ERROR(errc::bad_argument, "elements", a.update(100, [](int&) {}));
  EXPECT_ERROR(errc::bad_argument, "no range 1 of 1", std::ignore = a.lock_range(1));
  EXPECT_EQ(shm::array<char>(create_only, name + ".b", 1 << 20).update_elements_max(), 4096U);
  EXPECT_EQ(shm::array<char>(create_only, name + ".c", 3).update_elements_max(), 3U);
  struct large {
    char bytes[10'000];
  };
  EXPECT_EQ(shm::array<large>(create_only, name + ".d", 3).update_elements_max(), 1U);
}

TEST(ArrayTest, HoldsExcludeEachOtherAndUpdates) {
  const std::string name = unique_name();
  shm::array<int> a{create_only, name, 10, {.ranges = 2}}, other{open_only, name};
  auto hold = a.lock_range(1);
  ASSERT_TRUE(hold);
  EXPECT_EQ(hold.size(), 5U);
  EXPECT_EQ(hold.index(), 1U);
  EXPECT_FALSE(hold.owner_died());
  hold[0] = 4;
  EXPECT_EQ(a[5], 4);
  EXPECT_FALSE(other.try_lock_range(1));
  EXPECT_TRUE(other.try_lock_range(1).span().empty());
  EXPECT_FALSE(other.lock_range_for(1, 1ms));
  EXPECT_FALSE(other.lock_range_until(1, std::chrono::system_clock::now() + 1ms));
  EXPECT_TRUE(other.try_lock_range(0));
  EXPECT_FALSE(other.update_for(1ms, 3, 3, [](std::span<int>) {}));
  EXPECT_TRUE(other.update_for(1ms, 3, 2, [](std::span<int>) {}));  // and range 0 was given back
  auto moved = std::move(hold);
  EXPECT_FALSE(hold);
  EXPECT_FALSE(other.try_lock_range(1));
  moved.unlock();
  EXPECT_FALSE(moved);
  moved = other.lock_range(0);
  moved = other.lock_range(1);
  EXPECT_TRUE(a.try_lock_range(0));
  EXPECT_FALSE(a.try_lock_range(1));
}

TEST(ArrayTest, ReadersOfConstElementsCannotWrite) {
  const std::string name = unique_name();
  shm::array<int> a{create_only, name, 5000};
  const shm::array<const int> reader{open_only, name};
  a[4999] = 3;
  EXPECT_EQ(reader[4999], 3);
  static_assert(std::is_same_v<decltype(reader[0]), const int&>);
  child writer{[&](const child::report&) {
    std::signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would exit instead
    const_cast<int&>(reader[0]) = 1;
    return 0;
  }};
  EXPECT_EQ(writer.join(), -SIGSEGV);
  EXPECT_EQ(a[0], 0);
}

TEST(ArrayTest, TypesKindsAndSizesMustMatch) {
  const std::string name = unique_name();
  shm::array<int> a{create_only, name, 8, {.ranges = 2}};
  EXPECT_ERROR(errc::already_exists, "cannot create array \"" + name + "\"",
               shm::array<int>(create_only, name, 8));
  EXPECT_ERROR(errc::type_mismatch, "it carries int, not unsigned int",
               shm::array<unsigned>(open_only, name));
  EXPECT_ERROR(errc::kind_mismatch, "not a value", shm::value<int>(open_only, name));
  EXPECT_ERROR(errc::not_found, "cannot open array", shm::array<int>(open_only, "nobody.made.me"));
  EXPECT_ERROR(errc::capacity_mismatch, "its size is 8, not 9",
               shm::array<int>(open_or_create, name, 9, {.ranges = 2}));
  EXPECT_ERROR(errc::capacity_mismatch, "its number of ranges is 2, not 1",
               shm::array<int>(open_or_create, name, 8));
  EXPECT_ERROR(errc::capacity_mismatch, "update_elements_max is 8, not 3",
               shm::array<int>(open_or_create, name, 8, {.ranges = 2, .update_elements_max = 3}));
}

TEST(ArrayTest, OptionsAreChecked) {
  const std::string name = unique_name();
  EXPECT_ERROR(errc::bad_argument, "no elements", shm::array<int>(create_only, name, 0));
  EXPECT_ERROR(errc::bad_argument, "0 ranges",
               shm::array<int>(create_only, name, 4, {.ranges = 0}));
  EXPECT_ERROR(errc::bad_argument, "5 ranges",
               shm::array<int>(create_only, name, 4, {.ranges = 5}));
  EXPECT_ERROR(errc::bad_argument, "65537 ranges",
               shm::array<int>(create_only, name, 1 << 20, {.ranges = 65537}));
  EXPECT_ERROR(errc::bad_argument, "size is out of range",
               shm::array<int>(create_only, name, ~std::size_t{0} / 4));
  EXPECT_ERROR(errc::bad_argument, "update_elements_max times ranges",
               shm::array<int>(create_only, name, std::size_t{1} << 59,
                               {.ranges = 8, .update_elements_max = ~std::size_t{0}}));
  EXPECT_ERROR(errc::bad_name, "only A-Z", shm::array<int>(create_only, "a/b", 4));
  EXPECT_FALSE(exists_in_shm(name));
}

TEST(ArrayTest, DamagedSizesAreAnError) {
  const std::string name = unique_name();
  for (const off_t field : {0, 8, 16, 24, 32, 40})
    for (const std::uint64_t wrong :
         {std::uint64_t{0}, std::uint64_t{3}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
      shm::array<int> a{create_only, name, 1000, {.ranges = 4}};
      const int fd = open(path_of(name).c_str(), O_RDWR);
      ASSERT_GE(fd, 0);
      ASSERT_EQ(
          pwrite(fd, &wrong, sizeof wrong, static_cast<off_t>(shm::detail::body_offset) + field),
          static_cast<ssize_t>(sizeof wrong));
      close(fd);
      EXPECT_ERROR(errc::damaged, "sizes do not fit", shm::array<int>(open_only, name));
    }
}

TEST(ArrayTest, IsGoneWithItsLastProcessUnlessKept) {
  const std::string name = unique_name();
  { shm::array<int> a{create_only, name, 4}; }
  EXPECT_FALSE(exists_in_shm(name));
  {
    shm::array<int> a{create_only, name, 4, {.keep = true}};
    a[1] = 5;
    a.sync();
  }
  EXPECT_EQ(shm::array<int>(open_only, name)[1], 5);
  EXPECT_TRUE(shm::remove(name));
}

}  // namespace
}  // namespace hawser
