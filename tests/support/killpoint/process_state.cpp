#include "process_state.hpp"

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>

#include <dirent.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace hawser::test::killpoint {
namespace {

std::string read_proc(pid_t thread, const char* file) {
  std::ifstream in("/proc/" + std::to_string(thread) + "/" + file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

bool is_asleep(pid_t thread) {
  const std::string stat = read_proc(thread, "stat");
  const auto name_end = stat.rfind(") ");
  return name_end != std::string::npos && name_end + 2 < stat.size() && stat[name_end + 2] == 'S';
}

bool is_asleep_on_shared_futex(pid_t thread) {
  // "number argument1 ...": only a thread that is inside a call and off the CPU shows numbers.
  std::istringstream call(read_proc(thread, "syscall"));
  long number = -1;
  std::string address_text;
  if (!(call >> number >> address_text) || number != SYS_futex) return false;
  const std::uint64_t address = std::stoull(address_text, nullptr, 16);
  for (const address_range& range : shared_mappings(thread))
    if (address >= range.begin && address < range.end) return is_asleep(thread);
  return false;
}

bool wait_until(const std::function<bool()>& holds, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::microseconds{50});  // /proc cannot be waited for
  }
  return true;
}

bool wait_until_asleep_on_shared_futex(pid_t thread, std::chrono::milliseconds limit) {
  return wait_until([=] { return is_asleep_on_shared_futex(thread); }, limit);
}

std::vector<pid_t> other_threads(pid_t process) {
  std::vector<pid_t> result;
  DIR* tasks = opendir(("/proc/" + std::to_string(process) + "/task").c_str());
  if (tasks == nullptr) return result;
  while (const dirent* entry = readdir(tasks)) {
    const pid_t thread = std::atoi(entry->d_name);
    if (thread > 0 && thread != process) result.push_back(thread);
  }
  closedir(tasks);
  return result;
}

std::vector<address_range> shared_mappings(pid_t process) {
  std::vector<address_range> result;
  std::istringstream maps(read_proc(process, "maps"));
  for (std::string line; std::getline(maps, line);) {
    address_range range;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s", &range.begin, &range.end, mode) ==
            3 &&
        mode[1] == 'w' && mode[3] == 's')
      result.push_back(range);
  }
  return result;
}

frozen_threads::frozen_threads(pid_t process) {
  for (const pid_t thread : other_threads(process)) {
    if (ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) continue;  // it has ended
    threads_.push_back(thread);
    ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
    while (waitpid(thread, nullptr, __WALL) < 0)
      if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
  }
}

frozen_threads::~frozen_threads() {
  for (const pid_t thread : threads_) ptrace(PTRACE_DETACH, thread, nullptr, nullptr);
}

}  // namespace hawser::test::killpoint
