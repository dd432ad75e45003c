#include "handshake.hpp"
#include "launch.hpp"
#include "program.hpp"
#include <hawser/actors/detail/describe_exception.hpp>
#include <hawser/actors/process.hpp>
#include <hawser/actors/this_process.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <cxxabi.h>
#include <sys/prctl.h>
#include <sys/socket.h>

namespace hawser::actors {
namespace detail {
namespace {

// As of a shell that cannot run a command: nobody but a parent that is gone sees it.
constexpr int not_started = 125;

bool is_channel(int fd) noexcept {
  int domain = 0, type = 0;
  socklen_t size = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
         getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

/// Nothing that is opened later shall be taken for a standard stream.
void open_standard_streams() noexcept {
  int fd;
  do fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= 2);
  if (fd > 2) close(fd);
}

int refuse(std::string_view why) {
  send_packet(the_program().channel.get(), packet_kind::refused, why);
  return not_started;
}

void tell_exit_code(int code, void* child) {
  const char byte = static_cast<char>(code);
  // A fork of this process has copies of its exit handlers.
  if (getpid() == static_cast<pid_t>(reinterpret_cast<std::intptr_t>(child)))
    send_packet(the_program().channel.get(), packet_kind::code, {&byte, 1});
}

int run_entry(order content, config_factory make_config) {
  const entry* found = nullptr;
  try {
    found = &find_entry(content.entry);
  } catch (const std::exception& failed) {
    return refuse(std::string{"in the new process: "} + failed.what());
  }
  ::on_exit(tell_exit_code, reinterpret_cast<void*>(static_cast<std::intptr_t>(getpid())));
  const auto ready = [] { send_packet(the_program().channel.get(), packet_kind::ready, {}); };
  try {
    return found->run(std::move(content.arguments), {make_config, ready});
  } catch (const bad_arguments& failed) {
    return refuse(std::string{"its arguments cannot be read ("} + failed.what() + ")");
  } catch (const abi::__forced_unwind&) {
    throw;  // pthread_exit
  } catch (...) {
    report_exception(std::current_exception());
    return EXIT_FAILURE;
  }
}

int child_main(const char* name, config_factory make_config) {
  program& self = the_program();
  if (!is_channel(child_channel)) return not_started;  // somebody typed our option
  self.channel = descriptor{child_channel};
  fcntl(child_channel, F_SETFD, FD_CLOEXEC);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, name);
  open_standard_streams();

  descriptor file = receive_hello(child_channel);
  auto content = file ? read_order(file.get()) : std::nullopt;
  file.reset();
  if (!content) return not_started;
  self.name = content->name;
  self.is_child = true;
  if (content->line_buffered) std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  if (content->detached) prctl(PR_SET_PDEATHSIG, 0);
  // It may have died before we asked for the signal.
  else if (getppid() != content->parent) return not_started;
  return run_entry(std::move(*content), make_config);
}

}  // namespace

program& the_program() noexcept {
  static auto* const self = new program;
  return *self;
}

const std::string& program_path() noexcept { return the_program().path; }

void report_failure(const std::string& type, const std::string& message) {
  static std::atomic_flag told;
  if (!told.test_and_set())
    send_packet(the_program().channel.get(), packet_kind::exception, type + '\0' + message);
}

void report_exception(const std::exception_ptr& escaped) noexcept try {
  if (!escaped) return;
  const escaped_exception described = describe_exception(escaped);
  report_failure(described.type, described.message);
} catch (...) {  // out of memory: the exit code has to do
}

std::optional<int> run_as_child(int argc, char** argv, config_factory make_config) {
  program& self = the_program();
  self.asked = true;
  if (argc > 0) self.path = argv[0];
  if (argc != 3 || std::strcmp(argv[1], child_option) != 0) return std::nullopt;
  return child_main(argv[2], make_config);
}

}  // namespace detail

namespace this_process {

const std::string& name() noexcept { return detail::the_program().name; }
bool is_child() noexcept { return detail::the_program().is_child; }
void ready() noexcept {
  static std::atomic_flag told;
  if (is_child() && !told.test_and_set())
    detail::send_packet(detail::the_program().channel.get(), detail::packet_kind::prepared, {});
}
void alive() noexcept {
  // A child that says so in its innermost loop neither floods its parent nor pays for it.
  constexpr std::chrono::nanoseconds seldom = std::chrono::milliseconds{5};
  static std::atomic<std::int64_t> told{0};
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  if (!is_child() || now - told.load(std::memory_order_relaxed) < seldom.count()) return;
  told.store(now, std::memory_order_relaxed);  // two threads may both tell: that does no harm
  detail::send_packet(detail::the_program().channel.get(), detail::packet_kind::alive, {});
}
pid_t pid() noexcept { return getpid(); }
pid_t parent_pid() noexcept { return getppid(); }
pid_t thread_id() noexcept { return gettid(); }

}  // namespace this_process
}  // namespace hawser::actors
