/// A value that two processes share and that is whole at every instruction: the smallest object
/// the kill-point harness can be tried on. On request it has one of the flaws such objects have.
///
///   version   bit 0 says which copy is valid; + 1 commits the other one
///   owner     0, or the process that is updating
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <new>

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hawser::test {

enum class flaw {
  none,
  commit_before_bytes,   ///< A kill in between leaves a torn value.
  no_wake_in_recovery,   ///< A kill between commit and wake leaves a sleeper asleep for ever.
  no_wake_after_commit,  ///< Nobody need be killed for that.
  lock_dies_with_owner,  ///< A kill inside an update hangs the next one.
  commit_in_two_steps,   ///< A kill in between counts half an update.
};

class shared_pair {
 public:
  explicit shared_pair(flaw weakness) : flaw_(weakness) {
    void* memory =
        mmap(nullptr, sizeof(state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc{};
    state_ = new (memory) state{};
  }
  shared_pair(const shared_pair&) = delete;
  shared_pair& operator=(const shared_pair&) = delete;
  ~shared_pair() { munmap(state_, sizeof(state)); }

  using value = std::array<std::uint64_t, 4>;

  [[nodiscard]] std::uint32_t version() const { return state_->version.load(); }
  [[nodiscard]] value read() const { return state_->copies[version() & 1]; }

  void update(std::uint64_t to) {
    lock();
    const std::uint32_t now = version();
    if (flaw_ == flaw::commit_before_bytes) state_->version.store(now + 1);
    for (std::uint64_t& word : state_->copies[(now + 1) & 1]) {
      word = to;
      std::atomic_signal_fence(std::memory_order_seq_cst);  // word by word, not one vector store
    }
    if (flaw_ == flaw::commit_in_two_steps) state_->version.store(now + 3);
    if (flaw_ != flaw::commit_before_bytes) state_->version.store(now + 1);
    if (flaw_ != flaw::no_wake_after_commit) wake();
    state_->owner.store(0);
  }

  void sleep_while(std::uint32_t seen) const {
    while (version() == seen)
      syscall(SYS_futex, &state_->version, FUTEX_WAIT, seen, nullptr, nullptr, 0);
  }

  /// What a survivor does after a death.
  void recover() {
    std::uint32_t holder = state_->owner.load();
    if (flaw_ == flaw::lock_dies_with_owner || holder == 0 || !is_gone(holder)) return;
    if (flaw_ != flaw::no_wake_in_recovery) wake();  // it may have died before its own
    state_->owner.compare_exchange_strong(holder, 0);
  }

 private:
  struct state {
    std::atomic<std::uint32_t> owner, version;
    std::array<value, 2> copies;
  };

  static bool is_gone(std::uint32_t process) {
    return ::kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH;
  }

  void wake() const {
    syscall(SYS_futex, &state_->version, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }

  void lock() {
    const auto self = static_cast<std::uint32_t>(getpid());
    for (std::uint32_t free = 0; !state_->owner.compare_exchange_weak(free, self); free = 0) {
    }
  }

  flaw flaw_;
  state* state_ = nullptr;
};

}  // namespace hawser::test
