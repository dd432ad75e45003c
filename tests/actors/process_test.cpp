/// One child at a time: what it is given, how it ends, and how its parent learns of it.
#include "process_support.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/actors/this_process.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <future>
#include <map>
#include <thread>

#include <sys/resource.h>

using namespace std::chrono_literals;
using hawser::errc;
using hawser::actors::exit_status;
using hawser::actors::process;
using hawser::actors::process_options;
namespace this_process = hawser::actors::this_process;

namespace {

enum class colour { red, green };

struct point {
  int x;
  double y;
};

struct job {
  std::uint64_t id = 0;
  std::string what;
};
template <class Inspector>
auto inspect(Inspector& f, job& x) {
  HAWSER_INSPECT(f, "job", x.id, x.what);
}

int return_code(int code) { return code; }
HAWSER_PROCESS(return_code);

void write_arguments(std::filesystem::path file, const std::string& text, std::string_view view,
                     colour c, point p, job j, const std::vector<std::string>& list,
                     std::map<std::string, double> table, std::optional<std::int8_t> maybe,
                     std::optional<std::string> none, bool flag) {
  std::ostringstream out;
  out << text << '|' << view << '|' << (c == colour::green ? "green" : "red") << '|' << p.x << ','
      << p.y << '|' << j.id << j.what << '|';
  for (const auto& item : list) out << item << ';';
  for (const auto& [key, value] : table) out << key << '=' << value << ';';
  out << '|' << (maybe ? std::to_string(*maybe) : "-") << '|' << none.value_or("nothing") << '|'
      << flag;
  test::write_file(file, out.str());
}
HAWSER_PROCESS(write_arguments);

int checksum(const std::string& text) {
  unsigned sum = 0;
  for (const char c : text) sum = (sum * 31 + static_cast<unsigned char>(c)) & 0x7f;
  return static_cast<int>(sum);
}
HAWSER_PROCESS(checksum);

void wait_for_a_signal() {
  for (;;) pause();
}
HAWSER_PROCESS(wait_for_a_signal);

void ignore_terminate(std::filesystem::path ready) {
  std::signal(SIGTERM, SIG_IGN);
  test::write_file(ready, "ready");
  for (;;) pause();
}
HAWSER_PROCESS(ignore_terminate);

int take_time_to_terminate(std::filesystem::path ready) {
  sigset_t terminate;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  sigprocmask(SIG_BLOCK, &terminate, nullptr);
  test::write_file(ready, "ready");
  int number = 0;
  sigwait(&terminate, &number);
  std::this_thread::sleep_for(100ms);  // the time it takes: who did not wait would not see the 7
  return 7;
}
HAWSER_PROCESS(take_time_to_terminate);

void throw_runtime_error(std::string message) { throw std::runtime_error{message}; }
HAWSER_PROCESS(throw_runtime_error);

void throw_a_number() { throw 7; }
HAWSER_PROCESS(throw_a_number);

void leave_by_exit() { std::exit(9); }
HAWSER_PROCESS(leave_by_exit);

void write_identity(std::filesystem::path file) {
  std::ostringstream out;
  out << this_process::name() << ' ' << this_process::pid() << ' ' << this_process::parent_pid()
      << ' ' << this_process::thread_id() << ' ' << this_process::is_child();
  test::write_file(file, out.str());
}
HAWSER_PROCESS(write_identity);

int not_registered() { return 0; }

template <class... Args>
concept can_start_return_code = requires(Args... args) {
  process::spawn(&return_code, args...);
};
static_assert(can_start_return_code<int>);
static_assert(can_start_return_code<short>);
static_assert(!can_start_return_code<>);
static_assert(!can_start_return_code<std::string>);
static_assert(!can_start_return_code<int, int>);

template <class Call>
hawser::error failure_of(Call call) {
  try {
    call();
  } catch (const hawser::error& failed) {
    return failed;
  }
  return {errc::system, "nothing was thrown"};
}

}  // namespace

TEST(ProcessTest, ReportsTheExitCode) {
  EXPECT_EQ(process::spawn(return_code, 0).join(), exit_status::exited(0));
  EXPECT_EQ(process::spawn(return_code, 3).join(), exit_status::exited(3));
  EXPECT_EQ(process::spawn(return_code, 255).join(), exit_status::exited(255));
  EXPECT_EQ(process::spawn(leave_by_exit).join(), exit_status::exited(9));
}

TEST(ProcessTest, HandsOverArgumentsOfManyTypes) {
  const test::temporary_folder folder;
  auto child = process::spawn(
      write_arguments, folder / "out", "text", "view", colour::green, point{3, 0.5},
      job{7, "resize"}, std::vector<std::string>{"a", "", "c"},
      std::map<std::string, double>{{"pi", 3.25}}, std::int8_t{-5}, std::nullopt, true);
  EXPECT_EQ(child.join(), exit_status::exited(0));
  EXPECT_EQ(test::contents(folder / "out"),
            "text|view|green|3,0.5|7resize|a;;c;pi=3.25;|-5|nothing|1");
}

TEST(ProcessTest, HandsOverArgumentsLargerThanACommandLine) {
  std::string text(20'000'000, 'x');
  text[19'999'999] = 'y';
  EXPECT_EQ(process::spawn(checksum, text).join(), exit_status::exited(checksum(text)));
}

TEST(ProcessTest, StartsAnEntryByItsName) {
  EXPECT_EQ(process::spawn("return_code", 4).join(), exit_status::exited(4));
  EXPECT_EQ(process::spawn({.name = "named"}, "checksum", "abc").join(),
            exit_status::exited(checksum("abc")));
}

TEST(ProcessTest, RefusesAnUnknownEntry) {
  const auto failed = failure_of([] { auto child = process::spawn("no_such_entry"); });
  EXPECT_EQ(failed.code(), errc::not_found);
  EXPECT_NE(std::string{failed.what()}.find("cannot start process \"no_such_entry\": there is no "
                                            "entry of this name; registered are return_code"),
            std::string::npos)
      << failed.what();
}

TEST(ProcessTest, RefusesOtherArgumentsThanTheEntrys) {
  const auto failed = failure_of([] { auto child = process::spawn("return_code", "four", 4u); });
  EXPECT_EQ(failed.code(), errc::type_mismatch);
  EXPECT_STREQ(failed.what(),
               "cannot start process \"return_code\": its arguments are (int), not (std::string, "
               "unsigned int); pass exactly these types");
}

TEST(ProcessTest, RefusesAFunctionThatIsNotRegistered) {
  const auto failed = failure_of([] { auto child = process::spawn(not_registered); });
  EXPECT_EQ(failed.code(), errc::not_found);
  EXPECT_NE(std::string{failed.what()}.find("HAWSER_PROCESS"), std::string::npos);
}

TEST(ProcessTest, ReportsAnEscapedExceptionWithTypeAndMessage) {
  const auto status = process::spawn(throw_runtime_error, "disk full").join();
  EXPECT_EQ(status, exit_status::exited(1, {"std::runtime_error", "disk full"}));
  EXPECT_EQ(process::spawn(throw_a_number).join(), exit_status::exited(1, {"int", ""}));
}

TEST(ProcessTest, CutsTheMessageOfAnExceptionAtThirtyTwoKibibytes) {
  const auto status = process::spawn(throw_runtime_error, std::string(100'000, 'm')).join();
  ASSERT_TRUE(status.exception());
  EXPECT_EQ(status.exception()->type, "std::runtime_error");
  const std::size_t kept = 32 * 1024 - std::string{"std::runtime_error"}.size() - 1;
  EXPECT_EQ(status.exception()->message, std::string(kept, 'm'));
}

TEST(ProcessTest, JoinForReturnsNothingWhileItRuns) {
  auto child = process::spawn(wait_for_a_signal);
  EXPECT_EQ(child.join_for(10ms), std::nullopt);
  EXPECT_EQ(child.join_until(process::clock::now()), std::nullopt);
  EXPECT_TRUE(child.running());
  EXPECT_EQ(child.status(), std::nullopt);

  EXPECT_TRUE(child.kill());

  EXPECT_EQ(child.join_for(20s), exit_status::killed(SIGKILL));
  EXPECT_FALSE(child.running());
  EXPECT_EQ(child.join(), exit_status::killed(SIGKILL));
}

TEST(ProcessTest, SendsSignals) {
  auto terminated = process::spawn(wait_for_a_signal);
  EXPECT_TRUE(terminated.terminate());
  EXPECT_EQ(terminated.join(), exit_status::killed(SIGTERM));

  auto signalled = process::spawn(wait_for_a_signal);
  EXPECT_TRUE(signalled.signal(SIGUSR1));
  EXPECT_EQ(signalled.join(), exit_status::killed(SIGUSR1));
}

TEST(ProcessTest, SendsNoSignalToAProcessThatHasEnded) {
  auto child = process::spawn(return_code, 0);
  child.join();
  EXPECT_FALSE(child.kill());
  EXPECT_FALSE(child.terminate());
}

TEST(ProcessTest, TerminatesWhatNobodyJoined) {
  std::optional<exit_status> seen;
  {
    auto child = process::spawn(wait_for_a_signal);
    child.on_exit([&](const exit_status& status) { seen = status; });
  }
  EXPECT_EQ(seen, exit_status::killed(SIGTERM));
}

TEST(ProcessTest, KillsWhatDoesNotTerminate) {
  const test::temporary_folder folder;
  std::optional<exit_status> seen;
  {
    auto child = process::spawn({.stop_timeout = 50ms}, ignore_terminate, folder / "ready");
    child.on_exit([&](const exit_status& status) { seen = status; });
    ASSERT_TRUE(test::eventually([&] { return std::filesystem::exists(folder / "ready"); }));
  }
  EXPECT_EQ(seen, exit_status::killed(SIGKILL));
}

TEST(ProcessTest, TimeoutsAtTheEndOfTheirTypeLastForEver) {
  constexpr auto for_ever = std::chrono::milliseconds::max();
  const test::temporary_folder folder;
  std::optional<exit_status> seen;
  {
    auto child = process::spawn({.start_timeout = for_ever, .stop_timeout = for_ever},
                                take_time_to_terminate, folder / "ready");
    child.on_exit([&](const exit_status& status) { seen = status; });
    ASSERT_TRUE(test::eventually([&] { return std::filesystem::exists(folder / "ready"); }));
  }
  EXPECT_EQ(seen, exit_status::exited(7));
}

TEST(ProcessTest, CallsBackSoonOnItsOwnThreadWhenItHasEnded) {
  auto child = process::spawn(return_code, 5);
  child.join();
  std::promise<std::pair<exit_status, std::thread::id>> seen;
  child.on_exit([&](const exit_status& status) {
    seen.set_value({status, std::this_thread::get_id()});
  });
  const auto [status, thread] = seen.get_future().get();
  EXPECT_EQ(status, exit_status::exited(5));
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST(ProcessTest, JoinReturnsAfterTheExitCallbacks) {
  for (int i = 0; i < 20; ++i) {
    std::atomic<bool> returned = false;
    auto child = process::spawn(return_code, 0);
    child.on_exit([&](const exit_status&) {
      std::this_thread::sleep_for(1ms);  // a join that did not wait would be first
      returned = true;
    });
    if (i % 2 == 0) child.join();
    else child = {};
    EXPECT_TRUE(returned);
  }
}

TEST(ProcessTest, CanBeStartedAgainFromItsExitCallback) {
  std::promise<exit_status> second_ended;
  process second;
  auto first = process::spawn(return_code, 1);
  first.on_exit([&](const exit_status&) {
    second = process::spawn(return_code, 2);
    second.on_exit([&](const exit_status& status) { second_ended.set_value(status); });
  });
  EXPECT_EQ(second_ended.get_future().get(), exit_status::exited(2));
}

TEST(ProcessTest, RefusesToWaitInAnExitCallback) {
  auto running = process::spawn(wait_for_a_signal);
  std::promise<std::error_code> seen;
  auto child = process::spawn(return_code, 0);
  child.on_exit(
      [&](const exit_status&) { seen.set_value(failure_of([&] { running.join(); }).code()); });
  EXPECT_EQ(seen.get_future().get(), errc::not_supported);
}

TEST(ProcessTest, SurvivesAnExitCallbackThatThrows) {
  auto child = process::spawn(return_code, 0);
  child.on_exit([](const exit_status&) { throw std::runtime_error{"nobody catches this"}; });
  child.join();
  EXPECT_EQ(process::spawn(return_code, 6).join(), exit_status::exited(6));
}

TEST(ProcessTest, SendsAMessageToAnActorWhenItEnds) {
  caf::actor_system_config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  auto child = process::spawn({.name = "short-lived"}, return_code, 8);
  const pid_t pid = child.pid();
  child.on_exit(caf::actor_cast<caf::actor>(self));
  bool received = false;
  self->receive(
      [&](const hawser::actors::process_down& down) {
        received = true;
        EXPECT_EQ(down.pid, pid);
        EXPECT_EQ(down.name, "short-lived");
        EXPECT_EQ(down.status, exit_status::exited(8));
      },
      caf::after(20s) >> [] {});
  EXPECT_TRUE(received);
}

TEST(ProcessTest, KnowsWhoItIs) {
  const test::temporary_folder folder;
  auto child = process::spawn({.name = "reader-7"}, write_identity, folder / "out");
  EXPECT_EQ(child.name(), "reader-7");
  EXPECT_EQ(child.parent_pid(), getpid());
  child.join();
  const std::string pid = std::to_string(child.pid());
  EXPECT_EQ(test::contents(folder / "out"),
            "reader-7 " + pid + " " + std::to_string(getpid()) + " " + pid + " 1");
  EXPECT_FALSE(this_process::is_child());
  EXPECT_EQ(this_process::pid(), getpid());
}

TEST(ProcessTest, IsNamedAfterItsEntryAndReadableInPs) {
  auto child = process::spawn(wait_for_a_signal);
  EXPECT_EQ(child.name(), "wait_for_a_signal");
  const std::filesystem::path proc = "/proc/" + std::to_string(child.pid());
  const std::string command_line = test::contents(proc / "cmdline");
  const std::string expected{"\0--hawser-process\0wait_for_a_signal\0", 36};
  EXPECT_TRUE(command_line.ends_with(expected)) << command_line;
  EXPECT_EQ(test::contents(proc / "comm"), "wait_for_a_sign\n");
}

TEST(ProcessTest, AnEmptyOneHasNoProcess) {
  process empty;
  EXPECT_FALSE(empty);
  EXPECT_EQ(failure_of([&] { empty.join(); }).code(), errc::not_supported);
  EXPECT_EQ(failure_of([&] { empty.pid(); }).code(), errc::not_supported);

  auto child = process::spawn(return_code, 0);
  const process moved = std::move(child);
  EXPECT_FALSE(child);
  EXPECT_EQ(moved.join(), exit_status::exited(0));
}
