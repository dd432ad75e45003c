/// What the stories of killed processes, ours and the alternatives', have in common.
#pragma once

#include <chrono>
#include <cstdio>
#include <new>
#include <string>

#include <killpoint/process_state.hpp>
#include <killpoint/servant.hpp>
#include <sys/mman.h>
#include <unistd.h>

namespace hawser::test {

/// What takes longer hangs.
inline constexpr std::chrono::seconds limit{10};
/// A peer is not waited for any longer than this.
inline constexpr std::chrono::milliseconds peer_limit{300};

inline std::string holes_name(const char* what) {
  return std::string{"holes."} + what + "." + std::to_string(getpid());
}

inline bool falls_asleep(const killpoint::servant& one) {
  return killpoint::wait_until_asleep_on_shared_futex(one.pid(), limit);
}

/// The peer's part of a story: it may have been repaired, so nothing fails for it.
inline void report_peer(const std::string& what, bool hole) {
  std::printf("peer: %s: %s\n", what.c_str(), hole ? "yes, still" : "not seen here");
}

/// A T in memory that children share with us.
template <class T>
class shared_page {
 public:
  shared_page() {
    void* memory =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc{};
    object_ = new (memory) T{};
  }
  shared_page(const shared_page&) = delete;
  shared_page& operator=(const shared_page&) = delete;
  /// Its T is not destroyed: the dead may still be in it.
  ~shared_page() { munmap(object_, sizeof(T)); }

  T* get() const noexcept { return object_; }
  T* operator->() const noexcept { return object_; }

 private:
  T* object_ = nullptr;
};

}  // namespace hawser::test
