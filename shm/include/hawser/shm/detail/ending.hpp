/// Ends of leases that are under way: who frees a view waits for them.
///
/// A lease may outlive the object it came from. So its end may be the last thing that uses a view,
/// in one thread, while another thread finds that nothing is held any more and frees it. A count
/// that says better would cost every lease two locked instructions; each thread notes the view it
/// is using in a place of its own instead.
#pragma once

#include <atomic>

namespace hawser::shm::detail {

struct ending_note {
  std::atomic<const void*> view{nullptr};
};

/// This thread's, once it has ended a lease.
extern constinit thread_local ending_note* my_ending_note;
ending_note& add_ending_note() noexcept;

/// Held while a lease of `view` ends, from before it is counted as ended.
class ending {
 public:
  explicit ending(const void* view) noexcept
      : note_(my_ending_note != nullptr ? *my_ending_note : add_ending_note()) {
    // Seen by whoever sees the count that is stored after it, with release.
    note_.view.store(view, std::memory_order_relaxed);
  }
  ending(const ending&) = delete;
  ending& operator=(const ending&) = delete;
  ~ending() { note_.view.store(nullptr, std::memory_order_release); }

 private:
  ending_note& note_;
};

/// Waits until nobody is inside an end of a lease of `view`. Call when all are counted as ended.
/// Blocks     For as long as an end takes; it waits for nobody.
void wait_for_endings(const void* view) noexcept;

}  // namespace hawser::shm::detail
