/// A door: one process's view. door_layout.hpp says what each step means.
#pragma once

#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/door_layout.hpp>
#include <hawser/shm/detail/mutant.hpp>
#include <hawser/shm/detail/spin.hpp>

#include <atomic>
#include <functional>
#include <string>

namespace hawser::shm::detail {

/// What is asked for when a door is opened.
struct door_request {
  std::string name;
  opening how = opening::open_only;
  unsigned mode = 0600;
  /// Called when we have swept a visitor that died, by whatever thread did; does not throw.
  std::function<void()> swept{};
};

/// Any threads.
class door_core {
 public:
  /// Errors     as of every channel's constructor.
  explicit door_core(door_request request);

  /// Wakes who waits. To be called when the news can be seen.
  ///
  /// Blocks     Never.
  /// Crash      Whoever dies before it has rung is swept, which wakes as well.
  void ring() {
    channel_.tag();  // a forked child takes its place: who dies before it has rung is swept
    if (HAWSER_MUTATE(door_rings_nobody, body_->rung.wanted(), false)) [[unlikely]]
      body_->rung.wake();  // E1
  }

  /// Waits until `news()`, a look at what visitors and sweeps change. False: the deadline passed.
  template <class News>
  bool wait(News news, const deadline& until) {
    channel_.tag();  // a forked child takes its place: its sleep is to be a participant's
    if (news()) return true;
    const auto began = std::chrono::steady_clock::now();
    if (spin_.until(news)) return true;
    for (;;) {
      const std::uint32_t key = announce();
      if (news()) return spin_.slept(std::chrono::steady_clock::now() - began), true;
      if (!sleep(key, until)) return news();
    }
  }

  const std::string& name() const noexcept { return channel_.name(); }
  attachment& channel() noexcept { return channel_; }

 private:
  std::uint32_t announce() noexcept {
    return HAWSER_MUTATE(door_not_announced, body_->rung.announce(),  // E1
                         body_->rung.word.load(std::memory_order_relaxed));
  }
  bool sleep(std::uint32_t key, const deadline& until);

  attachment channel_;
  door_layout* body_;
  adaptive_spin spin_;
};

}  // namespace hawser::shm::detail
