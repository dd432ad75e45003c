/// What a fork of a threaded program needs under AddressSanitizer.
#pragma once

#include <chrono>
#include <fstream>
#include <string>

#include <dirent.h>
#include <poll.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAWSER_TESTS_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAWSER_TESTS_UNDER_ASAN 1
#endif
#endif

namespace hawser::test {

/// Whether every other thread of this process sleeps.
inline bool other_threads_sleep() {
  DIR* const tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return true;
  bool sleep = true;
  const std::string self = std::to_string(gettid());
  while (const dirent* const task = readdir(tasks)) {
    if (task->d_name[0] == '.' || self == task->d_name) continue;
    std::string stat;
    std::getline(std::ifstream{"/proc/self/task/" + std::string{task->d_name} + "/stat"}, stat);
    const auto name_end = stat.rfind(')');  // "ID (NAME) STATE ..."
    if (name_end != std::string::npos && name_end + 2 < stat.size() && stat[name_end + 2] != 'S')
      sleep = false;
  }
  closedir(tasks);
  return sleep;
}

/// AddressSanitizer's allocator has locks that a fork inherits as they are: held, if another thread
/// is just inside, and then the child waits for ever. So that thread, Hawser's monitor, first gets
/// time to go to sleep.
inline void before_fork() {
#if defined(HAWSER_TESTS_UNDER_ASAN)
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{1};
  while (!other_threads_sleep() && std::chrono::steady_clock::now() < end) poll(nullptr, 0, 1);
#endif
}

}  // namespace hawser::test
