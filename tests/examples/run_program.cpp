#include "run_program.hpp"

#include "../support/before_fork.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hawser::test {

namespace {

using clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds poll_interval{1};

int new_file(const char* name) {
  const int file = ::memfd_create(name, MFD_CLOEXEC);
  if (file < 0) throw std::system_error{errno, std::generic_category(), "memfd_create"};
  return file;
}

std::string content_of(int file) {
  std::string content;
  char buffer[4096];
  off_t at = 0;
  for (ssize_t got; (got = ::pread(file, buffer, sizeof buffer, at)) > 0; at += got)
    content.append(buffer, static_cast<std::size_t>(got));
  return content;
}

// A child belongs to the thread that started it.
std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  std::error_code gone;
  const std::string tasks = "/proc/" + std::to_string(parent) + "/task";
  for (std::filesystem::directory_iterator task{tasks, gone}, end; !gone && task != end;
       task.increment(gone)) {
    std::ifstream list{task->path() / "children"};
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  return children;
}

}  // namespace

running_program::running_program(const std::vector<std::string>& arguments)
    : running_program(arguments, options{}) {}

running_program::running_program(const std::vector<std::string>& arguments, const options& with)
    : output_(new_file("output")), errors_(new_file("errors")) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> environment;
  for (const std::string& variable : with.environment)
    environment.push_back(const_cast<char*>(variable.c_str()));
  const auto overridden = [&](std::string_view variable) {
    const auto name = variable.substr(0, variable.find('=') + 1);
    return std::any_of(with.environment.begin(), with.environment.end(),
                       [&](const std::string& own) { return own.starts_with(name); });
  };
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!overridden(*variable)) environment.push_back(*variable);
  environment.push_back(nullptr);
  const int output = with.output < 0 ? output_ : with.output;

  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error{errno, std::generic_category(), "fork"};
  if (pid_ == 0) {
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(errors_, STDERR_FILENO);
    ::close(null);
    if (with.before_exec) with.before_exec();
    ::execvpe(argv[0], argv.data(), environment.data());
    ::_exit(127);
  }
}

running_program::~running_program() {
  if (!status_) {
    for (const pid_t child : children()) ::kill(child, SIGKILL);
    ::kill(pid_, SIGCONT);
    ::kill(pid_, SIGKILL);
    wait();
    while (::waitpid(-1, nullptr, 0) > 0) {  // its children, which are ours now
    }
  }
  ::close(output_);
  ::close(errors_);
}

void running_program::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

std::vector<pid_t> running_program::children() const {
  return status_ ? std::vector<pid_t>{} : children_of(pid_);
}

void running_program::reap() {
  int status = 0;
  if (status_ || ::waitpid(pid_, &status, WNOHANG) != pid_) return;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::optional<int> running_program::wait(std::chrono::milliseconds limit) {
  const auto deadline = clock::now() + limit;
  for (reap(); !status_ && clock::now() < deadline; reap())
    std::this_thread::sleep_for(poll_interval);
  return status_;
}

bool running_program::wait_until(const std::function<bool()>& met,
                                 std::chrono::milliseconds limit) {
  const auto deadline = clock::now() + limit;
  for (;;) {
    reap();
    if (met()) return true;
    if (status_ || clock::now() >= deadline) return false;
    std::this_thread::sleep_for(poll_interval);
  }
}

std::string running_program::output() const { return content_of(output_); }

std::string running_program::errors() const { return content_of(errors_); }

finished_program run(const std::vector<std::string>& arguments,
                     const running_program::options& with) {
  running_program program{arguments, with};
  const std::optional<int> status = program.wait();
  if (!status) throw std::runtime_error{arguments.front() + " did not end in time"};
  return {*status, program.output(), program.errors()};
}

void reap_orphans() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

std::vector<pid_t> own_children() {
#if defined(HAWSER_TESTS_UNDER_ASAN)
  // The leak checker looks at an ending process from a child of it. If that process is killed just
  // then, the child becomes ours, and ends at once.
  const auto deadline = clock::now() + std::chrono::seconds{5};
  while (!children_of(::getpid()).empty() && clock::now() < deadline) {
    reap_orphans();
    std::this_thread::sleep_for(poll_interval);
  }
#endif
  return children_of(::getpid());
}

}  // namespace hawser::test
