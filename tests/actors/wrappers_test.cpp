// Functions around functions, of tasks and of actors.

#include <hawser/actors/wrappers.hpp>

#include <caf/all.hpp>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace hawser::actors {
namespace {

using namespace std::chrono_literals;

int square(int x) { return x * x; }

TEST(WrappersTest, TimedTellsHowLongItTook) {
  std::vector<std::chrono::nanoseconds> times;
  auto f = timed(square, [&](auto took) { times.push_back(took); });
  static_assert(std::is_same_v<decltype(f(3)), int>);
  EXPECT_EQ(f(3), 9);
  auto slow =
      timed([] { std::this_thread::sleep_for(2ms); }, [&](auto took) { times.push_back(took); });
  slow();
  ASSERT_EQ(times.size(), 2U);
  EXPECT_GE(times[0], 0ns);
  EXPECT_GE(times[1], 2ms);
}

TEST(WrappersTest, TimedTellsOfWhatHasThrownToo) {
  int told = 0;
  auto f = timed([](int) -> int { throw std::runtime_error{"no"}; }, [&](auto) { ++told; });
  EXPECT_THROW(f(1), std::runtime_error);
  EXPECT_EQ(told, 1);
}

TEST(WrappersTest, LoggedShowsArgumentsAndResult) {
  std::vector<std::string> lines;
  const auto sink = [&](std::string line) { lines.push_back(line.substr(0, line.rfind(", "))); };
  auto f = logged("square", square, sink);
  EXPECT_EQ(f(3), 9);
  auto g = logged(
      "join", [](const std::string& a, int n) { return a + std::to_string(n); }, sink);
  EXPECT_EQ(g("x", 2), "x2");
  auto h = logged(
      "nothing", [] {}, sink);
  h();
  auto bad = logged(
      "open", [](const std::string&) -> int { throw std::runtime_error{"no such file"}; }, sink);
  EXPECT_THROW(bad("x"), std::runtime_error);
  EXPECT_EQ(lines, (std::vector<std::string>{"square(3) = 9", "join(\"x\", 2) = \"x2\"",
                                             "nothing()", "open(\"x\") failed: no such file"}));
}

TEST(WrappersTest, CountedCountsCallsAndFailures) {
  call_counts counts;
  auto f = counted(
      [](int x) -> caf::expected<int> {
        if (x < 0) return caf::error{caf::sec::invalid_argument};
        if (x == 0) throw std::domain_error{"zero"};
        return 10 / x;
      },
      counts);
  EXPECT_EQ(f(2), 5);
  EXPECT_FALSE(f(-1));
  EXPECT_THROW(f(0), std::domain_error);
  EXPECT_EQ(counts.calls, 3U);
  EXPECT_EQ(counts.failed, 2U);
}

TEST(WrappersTest, RetriedCallsAgainUntilItIsWell) {
  int calls = 0;
  auto f = retried(
      [&](const std::string& with) {
        if (++calls < 3) throw std::runtime_error{"not yet"};
        return with + "!";
      },
      {.attempts = 5});
  EXPECT_EQ(f("done"), "done!");
  EXPECT_EQ(calls, 3);
}

TEST(WrappersTest, TheLastFailureOfRetriedIsTheCallers) {
  int calls = 0;
  auto f = retried([&](int) -> int { throw std::runtime_error{std::to_string(++calls)}; },
                   {.attempts = 4});
  try {
    f(1);
    FAIL() << "it was well";
  } catch (const std::runtime_error& last) {
    EXPECT_STREQ(last.what(), "4");
  }
  int tries = 0;
  auto g =
      retried([&]() -> caf::error { return ++tries, caf::sec::runtime_error; }, {.attempts = 2});
  EXPECT_EQ(g(), caf::sec::runtime_error);
  EXPECT_EQ(tries, 2);
}

TEST(WrappersTest, RetriedPausesLongerAndLonger) {
  std::vector<std::chrono::steady_clock::time_point> calls;
  auto f = retried(
      [&] {
        calls.push_back(std::chrono::steady_clock::now());
        throw std::runtime_error{"never"};
      },
      {.attempts = 4, .pause = 2ms, .growth = 2, .pause_max = 3ms});
  EXPECT_THROW(f(), std::runtime_error);
  ASSERT_EQ(calls.size(), 4U);
  EXPECT_GE(calls[1] - calls[0], 2ms);
  EXPECT_GE(calls[2] - calls[1], 3ms);
  EXPECT_GE(calls[3] - calls[2], 3ms);
}

TEST(WrappersTest, OneMayBeInsideAnother) {
  call_counts counts;
  std::string line;
  int calls = 0;
  auto f = logged("f",
                  retried(counted(
                      [&](int x) {
                        if (++calls == 1) throw std::runtime_error{"once"};
                        return x;
                      },
                      counts)),
                  [&](std::string text) { line = std::move(text); });
  EXPECT_EQ(f(7), 7);
  EXPECT_EQ(counts.calls, 2U);
  EXPECT_EQ(counts.failed, 1U);
  EXPECT_EQ(line.substr(0, 9), "f(7) = 7,");
}

TEST(WrappersTest, AnActorsHandlersKeepTheirTypes) {
  using get = caf::get_atom;
  caf::actor_system_config config;
  caf::actor_system system{config};
  call_counts counts;
  const auto one = system.spawn([&]() -> caf::behavior {
    return wrapped_behavior([&](auto handler) { return counted(std::move(handler), counts); },
                            [](int x) { return x + 1; },
                            [](get, const std::string& name) -> caf::result<std::string> {
                              if (name.empty()) return caf::make_error(caf::sec::invalid_argument);
                              return "hello " + name;
                            },
                            [total = 0](double) mutable { return ++total; });
  });
  caf::scoped_actor self{system};
  const auto failed = [](const caf::error& why) { FAIL() << caf::to_string(why); };
  self->request(one, 10s, 41).receive([](int x) { EXPECT_EQ(x, 42); }, failed);
  self->request(one, 10s, get::value, std::string{"you"})
      .receive([](const std::string& text) { EXPECT_EQ(text, "hello you"); }, failed);
  self->request(one, 10s, 1.0).receive([](int n) { EXPECT_EQ(n, 1); }, failed);
  self->request(one, 10s, 1.0).receive([](int n) { EXPECT_EQ(n, 2); }, failed);
  bool refused = false;
  self->request(one, 10s, get::value, std::string{})
      .receive([](const std::string&) { FAIL() << "it was well"; },
               [&](const caf::error& why) { refused = why == caf::sec::invalid_argument; });
  EXPECT_TRUE(refused);
  caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
  self->wait_for(one);
  EXPECT_EQ(counts.calls, 5U);
  EXPECT_EQ(counts.failed, 1U);
}

}  // namespace
}  // namespace hawser::actors
