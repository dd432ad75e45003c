// The codecs of standard types: everything comes back, and damaged bytes are an error.

#include "segment_support.hpp"
#include <hawser/shm/codecs.hpp>
#include <hawser/shm/pipe.hpp>
#include <hawser/shm/queue.hpp>

#include <gtest/gtest.h>

#include <random>

namespace hawser {
namespace {

using test::unique_name;
using words = std::map<std::string, std::string>;
using mixed = std::variant<std::string, int, words, std::vector<int>>;

template <class T>
std::vector<std::byte> encoded(const T& value) {
  std::vector<std::byte> out;
  shm::codec<T>::encode(value, out);
  return out;
}
template <class T>
void expect_same(const T& value) {
  EXPECT_EQ(shm::codec<T>::decode(encoded(value)), value);
}

struct nested {
  int number = 0;
  std::string text;
  friend bool operator==(const nested&, const nested&) = default;
};

}  // namespace
}  // namespace hawser

template <>
struct hawser::shm::codec<hawser::nested> {
  static void encode(const nested& value, std::vector<std::byte>& out) {
    detail::put(value.number, out);
    detail::put(value.text, out);
  }
  static nested decode(std::span<const std::byte> bytes) {
    detail::byte_reader in{bytes};
    nested value;
    value.number = detail::get<int>(in);
    value.text = detail::get<std::string>(in);
    return value;
  }
};

namespace hawser {
namespace {

// What needs no codec gets none, so that it is the same with and without this header.
static_assert(shm::in_place_message<std::optional<int>>);
static_assert(shm::in_place_message<std::variant<int, double>>);
static_assert(shm::in_place_message<std::array<int, 3>>);
static_assert(shm::range_message<std::vector<int>>);
static_assert(shm::range_message<std::string>);
static_assert(shm::encoded_message<mixed>);
static_assert(!shm::message<std::variant<std::string, int*>>);

TEST(CodecsTest, EveryTypeComesBack) {
  expect_same(mixed{"Hello"});
  expect_same(mixed{42});
  expect_same(mixed{words{{"key", "value"}, {"", ""}}});
  expect_same(mixed{std::vector{1, 2, 3}});
  expect_same(std::pair{1, 2.5});
  expect_same(std::pair{std::string{"a"}, 'b'});
  expect_same(std::tuple{std::string{"a"}, 1, std::vector<double>{1, 2}});
  expect_same(std::optional<std::string>{});
  expect_same(std::optional<std::string>{"text"});
  expect_same(std::vector<std::string>{"", "one", "two"});
  expect_same(std::array<std::string, 2>{"one", "two"});
  expect_same(std::deque<int>{1, 2});
  expect_same(std::list<std::string>{"x"});
  expect_same(std::set<std::string>{"b", "a"});
  expect_same(std::unordered_set<int>{3, 1});
  expect_same(
      std::unordered_map<std::string, std::vector<std::string>>{{"k", {"a", "b"}}, {"", {}}});
  expect_same(std::map<int, std::optional<mixed>>{{1, mixed{7}}, {2, {}}, {3, mixed{words{}}}});
  expect_same(std::vector<nested>{{1, "one"}, {2, ""}});
  expect_same(std::variant<std::monostate, nested>{});
  expect_same(std::vector<std::vector<double>>{{}, {1, 2}, {3}});
}

TEST(CodecsTest, TravelThroughAPipeAndAQueue) {
  const std::string name = unique_name();
  shm::pipe<mixed> a{create_only, name};
  shm::pipe<mixed> b{open_only, name};
  const std::vector<mixed> all{"Hello", 42, words{{"key", "value"}}, std::vector{1, 2, 3}};
  EXPECT_EQ(a.send_batch(all), 4U);
  EXPECT_EQ(b.receive(), all[0]);
  EXPECT_EQ(*b.read(), all[1]);
  EXPECT_EQ(b.read_batch(5, [&](const mixed& m) { EXPECT_TRUE(m == all[2] || m == all[3]); }), 2U);
  shm::queue<std::vector<std::string>> q{create_only, unique_name()};
  q.push({"one", "two"});
  EXPECT_EQ(q.pop(), (std::vector<std::string>{"one", "two"}));
}

TEST(CodecsTest, CutOffBytesAreAnError) {
  const mixed value{words{{"key", "value"}, {"and", "so on"}}};
  const auto whole = encoded(value);
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
    EXPECT_ERROR(errc::damaged, "cannot decode \"message\"",
                 shm::codec<mixed>::decode(std::span{whole}.first(bytes)));
  auto longer = whole;
  longer.push_back({});
  EXPECT_ERROR(errc::damaged, "bytes are left over", shm::codec<mixed>::decode(longer));
}

TEST(CodecsTest, DamagedCountsAreAnErrorAndTakeNoMemory) {
  auto bytes = encoded(std::vector<std::string>{"one"});
  bytes[7] = std::byte{0x7F};  // 2^62 strings
  EXPECT_ERROR(errc::damaged, "more values than it has bytes",
               shm::codec<std::vector<std::string>>::decode(bytes));
  bytes = encoded(mixed{std::vector{1, 2, 3}});
  bytes[15] = std::byte{0x40};  // 2^62 ints
  EXPECT_ERROR(errc::damaged, "more values than it has bytes", shm::codec<mixed>::decode(bytes));
  bytes = encoded(mixed{1});
  bytes[0] = std::byte{4};
  EXPECT_ERROR(errc::damaged, "an alternative that there is not", shm::codec<mixed>::decode(bytes));
  bytes = encoded(std::optional<std::string>{"x"});
  bytes[0] = std::byte{2};
  EXPECT_ERROR(errc::damaged, "neither there nor not",
               shm::codec<std::optional<std::string>>::decode(bytes));
  std::vector<std::byte> truth(sizeof(std::uint64_t) + 1);
  truth[0] = std::byte{1};
  truth.back() = std::byte{7};
  EXPECT_ERROR(errc::damaged, "neither", shm::codec<std::set<bool>>::decode(truth));
}

TEST(CodecsTest, RandomDamageIsAnErrorOrAnotherMessage) {
  using type = std::map<std::string, std::variant<std::string, int, std::vector<std::string>>>;
  const type value{{"a", "text"}, {"b", 5}, {"c", std::vector<std::string>{"x", "yy", ""}}};
  const auto whole = encoded(value);
  std::minstd_rand random{7};
  int errors = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = whole;
    for (int n = 0; n < 1 + i % 3; ++n)
      bytes[random() % bytes.size()] = static_cast<std::byte>(random() >> 8);
    try {
      (void)shm::codec<type>::decode(bytes);
    } catch (const error& e) {
      EXPECT_EQ(e.code(), errc::damaged);
      ++errors;
    }
  }
  EXPECT_GT(errors, 10'000);
}

}  // namespace
}  // namespace hawser
