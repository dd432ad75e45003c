/// In what state a child starts, and what keeps it from starting.
#include "process_support.hpp"
#include <hawser/actors/process.hpp>

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <stop_token>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>

using namespace std::chrono_literals;
using hawser::errc;
using hawser::actors::exit_status;
using hawser::actors::process;

namespace {

int return_code(int code) { return code; }
HAWSER_PROCESS(return_code);

void wait_for_a_signal() {
  for (;;) pause();
}
HAWSER_PROCESS(wait_for_a_signal);

void list_descriptors(std::filesystem::path out) {
  std::set<std::string> open;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;  // the iterator's own
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (!gone && !target.string().starts_with("/proc/"))
      open.insert(entry.path().filename().string());
  }
  std::string text;
  for (const auto& fd : open) text += fd + " ";
  test::write_file(out, text);
}
HAWSER_PROCESS(list_descriptors);

void check_signals(bool hang_up_ignored) {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  for (int number = 1; number < SIGRTMIN; ++number) {
    test::require(sigismember(&mask, number) == 0, "blocked: " + std::to_string(number));
    struct sigaction current {};
    sigaction(number, nullptr, &current);
    const bool ignored = current.sa_handler == SIG_IGN;
    test::require(ignored == (number == SIGHUP && hang_up_ignored),
                  "ignored: " + std::to_string(number));
  }
}
HAWSER_PROCESS(check_signals);

/// Runs in a process of its own: it changes what cannot be changed back.
void spawn_with_signals_blocked_and_ignored() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  const auto status = process::spawn(check_signals, true).join();
  test::require(status.success(), to_string(status));
}
HAWSER_PROCESS(spawn_with_signals_blocked_and_ignored);

void spawn_with_children_ignored() {
  std::signal(SIGCHLD, SIG_IGN);
  const auto code = process::spawn(return_code, 3).join();
  test::require(code == exit_status::exited(3), to_string(code));
  auto child = process::spawn(wait_for_a_signal);
  child.kill();
  // The kernel tells since 6.15; before, nobody does.
  const auto killed = child.join();
  test::require(killed == exit_status::killed(SIGKILL) || killed.is_unknown(), to_string(killed));
}
HAWSER_PROCESS(spawn_with_children_ignored);

/// As a program does that has a loop of its own around wait().
void spawn_beside_a_wait_for_any_child() {
  auto code = process::spawn(wait_for_a_signal);
  auto other = process::spawn(wait_for_a_signal);
  std::thread thief{[] {
    while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
    }
  }};
  code.kill();
  other.terminate();
  for (const auto& [child, signal] : {std::pair{&code, SIGKILL}, std::pair{&other, SIGTERM}}) {
    const auto status = child->join();
    test::require(status == exit_status::killed(signal) || status.is_unknown(), to_string(status));
  }
  thief.join();
}
HAWSER_PROCESS(spawn_beside_a_wait_for_any_child);

void spawn_without_standard_streams(std::filesystem::path out) {
  for (const int fd : {0, 1, 2}) close(fd);
  auto child = process::spawn(list_descriptors, out);
  const auto status = child.join();
  test::require(status.success(), to_string(status));
  for (const int fd : {0, 1, 2})
    test::require(fcntl(fd, F_GETFD) == -1, "a descriptor of ours is " + std::to_string(fd));
}
HAWSER_PROCESS(spawn_without_standard_streams);

void spawn_without_descriptors() {
  process::spawn(return_code, 0).join();  // the thread that watches has its descriptors now
  const auto before = test::open_descriptors();
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t allowed = limit.rlim_cur;
  // One step more each time, so that every system call on the way fails once.
  for (rlim_t room = 0; room < 16; ++room) {
    limit.rlim_cur = before - 1 + room;
    setrlimit(RLIMIT_NOFILE, &limit);
    try {
      const auto status = process::spawn(return_code, 5).join();
      test::require(room > 0 && status == exit_status::exited(5), to_string(status));
    } catch (const hawser::error& failed) {
      limit.rlim_cur = allowed;
      setrlimit(RLIMIT_NOFILE, &limit);  // before a look: UndefinedBehaviorSanitizer opens a pipe
      test::require(failed.code() == errc::no_resources, failed.what());
      test::require(std::string{failed.what()}.find("ulimit -n") != std::string::npos,
                    failed.what());
    }
  }
  limit.rlim_cur = allowed;
  setrlimit(RLIMIT_NOFILE, &limit);
  const auto status = process::spawn(return_code, 6).join();
  test::require(status == exit_status::exited(6), to_string(status));
  test::require(test::open_descriptors() == before, "a descriptor is left");
  test::require(!test::has_children(), "a zombie is left");
}
HAWSER_PROCESS(spawn_without_descriptors);

hawser::error failure_to_start(const char* kind_of_main, std::chrono::milliseconds timeout,
                               const std::stop_token& give_up = {}) {
  setenv("HAWSER_TEST_MAIN", kind_of_main, 1);
  hawser::error result{errc::system, "nothing was thrown"};
  try {
    auto child = process::spawn({.start_timeout = timeout, .give_up = give_up}, return_code, 0);
  } catch (const hawser::error& failed) {
    result = failed;
  }
  unsetenv("HAWSER_TEST_MAIN");
  return result;
}

}  // namespace

TEST(ProcessStartTest, InheritsTheStandardStreamsAndOneDescriptorOfOurs) {
  const test::temporary_folder folder;
  const int inheritable = open("/dev/null", O_RDONLY);
  const auto status = process::spawn(list_descriptors, folder / "out").join();
  close(inheritable);
  EXPECT_EQ(status, exit_status::exited(0));
  EXPECT_EQ(test::contents(folder / "out"), "0 1 2 3 ");
}

TEST(ProcessStartTest, HasDefaultSignalsButThoseThatNohupIgnores) {
  EXPECT_EQ(process::spawn(check_signals, false).join(), exit_status::exited(0));
  EXPECT_EQ(process::spawn(spawn_with_signals_blocked_and_ignored).join(), exit_status::exited(0));
}

TEST(ProcessStartTest, WorksWhenTheParentIgnoresItsChildren) {
  EXPECT_EQ(process::spawn(spawn_with_children_ignored).join(), exit_status::exited(0));
}

TEST(ProcessStartTest, WorksWhenTheParentWaitsForAnyChild) {
  EXPECT_EQ(process::spawn(spawn_beside_a_wait_for_any_child).join(), exit_status::exited(0));
}

TEST(ProcessStartTest, WorksWhenTheParentHasNoStandardStreams) {
  const test::temporary_folder folder;
  EXPECT_EQ(process::spawn(spawn_without_standard_streams, folder / "out").join(),
            exit_status::exited(0));
  EXPECT_EQ(test::contents(folder / "out"), "0 1 2 3 ");
}

TEST(ProcessStartTest, SaysSoWhenDescriptorsRunOut) {
  EXPECT_EQ(process::spawn(spawn_without_descriptors).join(), exit_status::exited(0));
}

TEST(ProcessStartTest, WorksFromAProgramWithHundredsOfThreads) {
  std::mutex gate;
  gate.lock();
  std::vector<std::thread> threads;
  for (int i = 0; i < 300; ++i) threads.emplace_back([&] { const std::scoped_lock wait{gate}; });
  EXPECT_EQ(process::spawn(return_code, 3).join(), exit_status::exited(3));
  gate.unlock();
  for (auto& thread : threads) thread.join();
}

TEST(ProcessStartTest, SaysSoWhenMainEndsBeforeRunAsChild) {
  const auto failed = failure_to_start("leaves early", 10s);
  EXPECT_EQ(failed.code(), errc::system);
  EXPECT_STREQ(failed.what(),
               "cannot start process \"return_code\": it ended before it was ready (exited with "
               "7); make run_as_child the first line of main()");
  EXPECT_FALSE(test::has_children());
}

TEST(ProcessStartTest, SaysSoWhenTheChildIsKilledBeforeRunAsChild) {
  const auto failed = failure_to_start("is killed", 10s);
  EXPECT_EQ(failed.code(), errc::system);
  EXPECT_STREQ(failed.what(),
               "cannot start process \"return_code\": it ended before it was ready (killed by "
               "signal 9 (Killed)); look for who killed it");
  EXPECT_FALSE(test::has_children());
}

TEST(ProcessStartTest, SaysSoWhenMainDoesNotReachRunAsChildInTime) {
  const auto failed = failure_to_start("never arrives", 100ms);
  EXPECT_EQ(failed.code(), errc::busy);
  EXPECT_STREQ(failed.what(),
               "cannot start process \"return_code\": its main() did not reach run_as_child "
               "within 100 ms; make that its first line, or raise start_timeout");
  EXPECT_FALSE(test::has_children());
}

TEST(ProcessStartTest, CanBeGivenUpWhileMainDoesNotReachRunAsChild) {
  std::stop_source stop;
  std::thread later{[&] {
    std::this_thread::sleep_for(50ms);  // in the middle of it, mostly; before it is as right
    stop.request_stop();
  }};
  for (const auto* const when : {"during", "before"}) {
    const auto failed = failure_to_start("never arrives", 1h, stop.get_token());
    EXPECT_EQ(failed.code(), errc::busy) << when;
    EXPECT_STREQ(failed.what(),
                 "cannot start process \"return_code\": it was given up before its main() reached "
                 "run_as_child; start it again")
        << when;
    EXPECT_FALSE(test::has_children()) << when;
  }
  later.join();
}

TEST(ProcessStartTest, WorksAfterTheProgramsFileHasBeenDeleted) {
  const test::temporary_folder folder;
  const auto copy = folder / "copy";
  std::filesystem::copy_file("/proc/self/exe", copy);
  std::string path = copy;
  const std::array<char*, 2> arguments{path.data(), nullptr};
  setenv("HAWSER_TEST_MAIN", "deletes itself", 1);
  pid_t pid = 0;
  ASSERT_EQ(posix_spawn(&pid, path.c_str(), nullptr, nullptr, arguments.data(), environ), 0);
  unsetenv("HAWSER_TEST_MAIN");
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_FALSE(std::filesystem::exists(copy));
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

TEST(ProcessStartTest, AHandTypedOptionStartsNothing) {
  std::string path = "/proc/self/exe", option = "--hawser-process", name = "return_code";
  const std::array<char*, 4> arguments{path.data(), option.data(), name.data(), nullptr};
  pid_t pid = 0;
  ASSERT_EQ(posix_spawn(&pid, path.c_str(), nullptr, nullptr, arguments.data(), environ), 0);
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 125);
}

TEST(ProcessStartTest, RefusesANameThatDoesNotFit) {
  EXPECT_THROW({ auto child = process::spawn({.name = std::string(256, 'n')}, return_code, 0); },
               hawser::error);
}
