/// The line of those who wait for permits, as it stands at one moment under the inner lock.
#pragma once

#include <hawser/shm/detail/permit_core.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hawser::shm::detail {

class permit_line {
 public:
  explicit permit_line(permit_layout& body) noexcept;

  /// What everybody in line wants together, but those that let their turn pass.
  std::uint64_t wanted() const noexcept { return wanted_before(nullptr); }
  /// The same for those before `place`.
  std::uint64_t wanted_before(const waiter_place* place) const noexcept;
  /// What is asked for by all, as `demand` counts it.
  std::uint64_t demand() const noexcept;
  /// Nobody came before `place`, not even one who let its turn pass.
  bool is_head(const waiter_place& place) const noexcept;
  /// Whether a newcomer may still go before the others. Counts it.
  bool overtake() noexcept;

  /// Calls those whose turn it is: they look again once `wake` was called, without the lock.
  void call() noexcept;
  void wake() noexcept;

  /// Takes `place` out. Whoever comes next is head from now on.
  void remove(waiter_place& place) noexcept;

  /// A free place at the end of the line; nullptr: there is none.
  static waiter_place* join(permit_layout& body, std::uint32_t tag, std::uint32_t n) noexcept;

 private:
  struct waiter {
    std::uint64_t ticket;
    waiter_place* place;
    std::uint32_t n;
    bool called, passed_over;
  };
  std::span<const waiter> all() const noexcept { return {waiters_.data(), count_}; }

  permit_layout& body_;
  std::uint64_t now_ns_;
  std::size_t count_ = 0, to_wake_ = 0;
  std::array<waiter, waiter_places> waiters_;
  std::array<waiter_place*, waiter_places> woken_;
};

}  // namespace hawser::shm::detail
