/// A range of a shared array, held by one thread of one process.
#pragma once

#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/array_core.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace hawser::shm {

template <class T>
requires in_place_message<std::remove_const_t<T>>
class array;

namespace detail {
/// The elements of one part.
template <class T>
std::span<T> elements_of(const array_core& core, std::size_t part) noexcept {
  const std::size_t first = core.geometry().first_of(part);
  return {reinterpret_cast<T*>(core.data()) + first, core.geometry().first_of(part + 1) - first};
}
}  // namespace detail

/// Holds one range of an array until it is destroyed or unlocked. Must not outlive the array.
///
/// Threads    One at a time; it may be unlocked by another thread than the one that locked.
/// Crash      If the holder is killed, the next one gets the range within milliseconds, with the
///            elements as they were at that instruction, and is told so by `owner_died`.
template <class T>
class [[nodiscard]] range_lock {
 public:
  using iterator = typename std::span<T>::iterator;

  range_lock() = default;
  range_lock(range_lock&& other) noexcept
      : core_(std::exchange(other.core_, nullptr)),
        index_(other.index_),
        tag_(other.tag_),
        owner_died_(other.owner_died_) {}
  range_lock& operator=(range_lock&& other) noexcept {
    range_lock old{std::move(other)};
    std::swap(core_, old.core_);
    std::swap(index_, old.index_);
    std::swap(tag_, old.tag_);
    std::swap(owner_died_, old.owner_died_);
    return *this;
  }
  ~range_lock() { unlock(); }

  /// Whether it holds anything.
  explicit operator bool() const noexcept { return core_ != nullptr; }
  /// Whether a holder died, or left, with this range in hand and nobody was told before: the
  /// elements may be half of what it wanted to write. Elements changed by `update` never are.
  [[nodiscard]] bool owner_died() const noexcept { return owner_died_; }
  /// Which range it is.
  [[nodiscard]] std::size_t index() const noexcept { return index_; }

  /// The elements of the range; none if it holds nothing.
  [[nodiscard]] std::span<T> span() const noexcept {
    return core_ != nullptr ? detail::elements_of<T>(*core_, index_) : std::span<T>{};
  }
  [[nodiscard]] T& operator[](std::size_t i) const noexcept { return span()[i]; }
  [[nodiscard]] std::size_t size() const noexcept { return span().size(); }
  [[nodiscard]] iterator begin() const noexcept { return span().begin(); }
  [[nodiscard]] iterator end() const noexcept { return span().end(); }

  /// Gives it back. Does nothing in a fork of the holder: there it is the parent's.
  void unlock() noexcept {
    if (core_ != nullptr) std::exchange(core_, nullptr)->unlock_range(index_, tag_);
  }

 private:
  template <class U>
  requires in_place_message<std::remove_const_t<U>>
  friend class array;
  range_lock(detail::array_core& core, std::size_t index, std::uint32_t tag,
             bool owner_died) noexcept
      : core_(&core), index_(index), tag_(tag), owner_died_(owner_died) {}

  detail::array_core* core_ = nullptr;
  std::size_t index_ = 0;
  std::uint32_t tag_ = 0;
  bool owner_died_ = false;
};

}  // namespace hawser::shm
