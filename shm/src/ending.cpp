#include <hawser/shm/detail/ending.hpp>

#include <mutex>

#include <pthread.h>
#include <sched.h>

namespace hawser::shm::detail {

constinit thread_local ending_note* my_ending_note = nullptr;

namespace {

struct listed_note : ending_note {
  listed_note *before = nullptr, *after = nullptr;
};

constinit std::mutex mutex;
constinit listed_note* first = nullptr;  // of the threads that there are

void enlist(listed_note& note) noexcept {
  note.after = first;
  if (first != nullptr) first->before = &note;
  first = &note;
}

void strike_off(listed_note& note) noexcept {
  (note.before != nullptr ? note.before->after : first) = note.after;
  if (note.after != nullptr) note.after->before = note.before;
}

/// In the thread's own memory: ending a lease allocates nothing.
struct note_of_this_thread : listed_note {
  note_of_this_thread() noexcept {
    const std::scoped_lock hold{mutex};
    enlist(*this);
  }
  ~note_of_this_thread() {
    my_ending_note = nullptr;
    const std::scoped_lock hold{mutex};
    strike_off(*this);
  }
};

/// The threads that a fork does not have end nothing in it.
void forget_other_threads() noexcept {
  auto* const mine = static_cast<listed_note*>(my_ending_note);
  first = mine;
  if (mine != nullptr) mine->before = mine->after = nullptr;
  mutex.unlock();
}

}  // namespace

ending_note& add_ending_note() noexcept {
  [[maybe_unused]] static const int registered =
      pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); }, forget_other_threads);
  static thread_local note_of_this_thread note;
  my_ending_note = &note;
  return note;
}

void wait_for_endings(const void* view) noexcept {
  const std::scoped_lock hold{mutex};
  for (const listed_note* note = first; note != nullptr; note = note->after)
    while (note->view.load(std::memory_order_acquire) == view) sched_yield();
}

}  // namespace hawser::shm::detail
