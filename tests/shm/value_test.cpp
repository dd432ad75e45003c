// One process's use of a shared value, and every error it can give.

#include "segment_support.hpp"
#include <hawser/shm/condition.hpp>
#include <hawser/shm/queue.hpp>
#include <hawser/shm/value.hpp>

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>
#include <vector>

#include <fcntl.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using test::exists_in_shm;
using test::path_of;
using test::unique_name;

struct no_default {
  explicit no_default(int n) : a(n), b(-n) {}
  int a, b;
  bool operator==(const no_default&) const = default;
};

/// Of no whole number of words.
struct odd {
  std::array<char, 13> text{};
  bool operator==(const odd&) const = default;
};

TEST(ValueTest, IsWhatItWasCreatedWith) {
  const std::string name = unique_name();
  shm::value<int> v{create_only, name, 7};
  EXPECT_EQ(v.load(), 7);
  EXPECT_EQ(v.version(), 0U);
  EXPECT_EQ(shm::value<int>(open_only, name).load(), 7);
  shm::value<int> again{open_or_create, name, 9};
  EXPECT_EQ(again.load(), 7);
  EXPECT_EQ(shm::value<double>(create_only, name + ".zero").load(), 0.0);
}

TEST(ValueTest, StoreExchangeAndCompareExchange) {
  const std::string name = unique_name();
  shm::value<int> v{create_only, name}, other{open_only, name};
  v.store(3);
  EXPECT_EQ(other.load(), 3);
  EXPECT_EQ(other.exchange(4), 3);
  EXPECT_EQ(v.load(), 4);
  int expected = 5;
  EXPECT_FALSE(v.compare_exchange(expected, 6));
  EXPECT_EQ(expected, 4);
  EXPECT_EQ(v.version(), 2U);  // what did not happen is no change
  EXPECT_TRUE(v.compare_exchange(expected, 6));
  EXPECT_EQ(other.load(), 6);
  EXPECT_EQ(other.version(), 3U);
}

TEST(ValueTest, UpdateTakesBothFormsOfFunctions) {
  shm::value<int> v{create_only, unique_name(), 1};
  EXPECT_EQ(v.update([](int& n) { n += 2; }), 3);
  EXPECT_EQ(v.update([](int n) { return n * 2; }), 6);
  EXPECT_EQ(v.fetch_update([](int& n) { ++n; }), 6);
  EXPECT_EQ(v.fetch_update([](auto n) { return n + 1L; }), 7);
  EXPECT_EQ(v.load(), 8);
  EXPECT_EQ(v.version(), 4U);
  static_assert(!shm::value_update<int (*)(int&), int>);  // the old or the new one?
}

TEST(ValueTest, UpdateThatThrowsChangesNothing) {
  shm::value<std::array<int, 8>> v{create_only, unique_name()};
  EXPECT_THROW(v.update([](auto& all) {
    all[3] = 1;
    throw std::runtime_error{"no"};
  }),
               std::runtime_error);
  EXPECT_EQ(v.load()[3], 0);
  EXPECT_EQ(v.version(), 0U);
  v.store({1});  // and the lock is free
  EXPECT_EQ(v.load()[0], 1);
}

TEST(ValueTest, HoldsAnySizeAndTypesWithoutDefault) {
  shm::value<no_default> v{create_only, unique_name(), no_default{5}};
  EXPECT_EQ(v.update([](no_default& n) { n = no_default{n.a + 1}; }), no_default{6});
  EXPECT_EQ(v.load(), no_default{6});
  const std::string name = unique_name();
  shm::value<odd> text{create_only, name, {{"twelve chars"}}};
  EXPECT_STREQ(text.load().text.data(), "twelve chars");
  text.store({{"other"}});
  EXPECT_EQ(shm::value<odd>(open_only, name).load(), odd{{"other"}});
  using page = std::array<std::uint64_t, 4096>;
  shm::value<page> large{create_only, unique_name()};
  large.update([](page& p) { p.fill(3); });
  EXPECT_EQ(large.load().back(), 3U);
  shm::value<bool> flag{create_only, unique_name(), true};
  EXPECT_TRUE(flag.exchange(false));
  EXPECT_FALSE(flag.load());
}

TEST(ValueTest, WaitsForAChangeUntilTheDeadline) {
  shm::value<int> v{create_only, unique_name(), 1};
  EXPECT_EQ(v.wait_change_for(0, 1ms), std::nullopt);
  EXPECT_EQ(v.wait_change_until(0, std::chrono::system_clock::now() - 1s), std::nullopt);
  v.store(2);
  const auto changed = v.wait_change(0);
  EXPECT_EQ(changed.value, 2);
  EXPECT_EQ(changed.version, 1U);
  EXPECT_EQ(v.wait_change_for(1, 1ms), std::nullopt);
  v.store(3);
  v.store(4);
  EXPECT_EQ(v.wait_change_for(1, 0s)->value, 4);
}

TEST(ValueTest, CallsBackAfterAChange) {
  shm::value<int> v{create_only, unique_name()};
  std::atomic<int> calls{0};
  shm::value<int> other{open_only, v.name()};
  const auto next = v.async_wait(shm::ready::readable, [&] { ++calls; });
  v.store(1);  // one's own changes are no news
  other.store(2);
  EXPECT_TRUE(test::eventually([&] { return calls == 1; }));
  const auto already = v.async_wait(0, [&] { ++calls; });
  EXPECT_TRUE(test::eventually([&] { return calls == 2; }));
  const auto never = v.async_wait(v.version(), [&] { ++calls; });
  EXPECT_EQ(calls, 2);
}

TEST(ValueTest, IsReadableOnceItWasChangedSinceTheLastLook) {
  const std::string name = unique_name();
  shm::value<int> v{create_only, name}, other{open_only, name};
  const shm::condition changed{v}, writable{v, shm::ready::writable};
  EXPECT_FALSE(changed.holds());
  EXPECT_TRUE(writable.holds());
  other.store(1);
  EXPECT_TRUE(changed.holds());
  EXPECT_EQ(v.load(), 1);
  EXPECT_FALSE(changed.holds());
  v.update([](int& n) { ++n; });
  EXPECT_FALSE(changed.holds());
  EXPECT_EQ(other.wait_change(1).value, 2);
}

TEST(ValueTest, ReadingWithTheLockIsTheSame) {
  const std::string name = unique_name();
  shm::value<int> v{create_only, name, 3};
  shm::detail::value_request request;
  request.name = name;
  request.value_bytes = sizeof(int);
  request.type_fingerprint = shm::detail::type_fingerprint<int>();
  request.type_name = typeid(int).name();
  shm::detail::value_core core{request};
  int got = 0;
  EXPECT_EQ(core.load_among_writers(reinterpret_cast<std::byte*>(&got), sizeof got), 0U);
  EXPECT_EQ(got, 3);
  v.store(4);
  EXPECT_EQ(core.load_among_writers(reinterpret_cast<std::byte*>(&got), sizeof got), 1U);
  EXPECT_EQ(got, 4);
}

TEST(ValueTest, TypesAndKindsMustMatch) {
  const std::string name = unique_name();
  shm::value<int> v{create_only, name};
  EXPECT_ERROR(errc::already_exists, "cannot create value \"" + name + "\"",
               shm::value<int>(create_only, name));
  EXPECT_ERROR(errc::type_mismatch, "it carries int, not unsigned int",
               shm::value<unsigned>(open_only, name));
  EXPECT_ERROR(errc::kind_mismatch, "not a queue", shm::queue<int>(open_only, name));
  EXPECT_ERROR(errc::not_found, "cannot open value", shm::value<int>(open_only, "nobody.made.me"));
  EXPECT_ERROR(errc::bad_argument, "mode",
               shm::value<int>(create_only, name + ".b", 0, {.mode = 0444}));
}

TEST(ValueTest, DamagedSizesAreAnError) {
  const std::string name = unique_name();
  for (const off_t offset : {0, 8}) {
    shm::value<int> v{create_only, name};
    const int fd = open(path_of(name).c_str(), O_RDWR);
    ASSERT_GE(fd, 0);
    const std::uint64_t wrong = 1'000'000;
    ASSERT_EQ(
        pwrite(fd, &wrong, sizeof wrong, static_cast<off_t>(shm::detail::body_offset) + offset),
        static_cast<ssize_t>(sizeof wrong));
    close(fd);
    EXPECT_ERROR(errc::damaged, "sizes do not fit", shm::value<int>(open_only, name));
  }
}

TEST(ValueTest, IsGoneWithItsLastProcessUnlessKept) {
  const std::string name = unique_name();
  { shm::value<int> v{create_only, name, 1}; }
  EXPECT_FALSE(exists_in_shm(name));
  { shm::value<int> v{create_only, name, 1, {.keep = true}}, moved{std::move(v)}; }
  EXPECT_EQ(shm::value<int>(open_only, name).load(), 1);
  EXPECT_TRUE(shm::remove(name));
}

}  // namespace
}  // namespace hawser
