/// A value between processes that is locked, changed and committed, and never torn.
///
/// ```cpp
/// shm::guarded<account> savings{open_or_create, "savings", account{.balance = 100}};
/// {
///   auto value = savings.lock();
///   value->balance += 1;                         // a copy of our own
/// }                                              // committed here, by one store
/// print(savings.load().balance);                 // without waiting for anybody
/// ```
#pragma once

#include <hawser/shm/codec.hpp>
#include <hawser/shm/lock.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

namespace hawser::shm {

/// A T that one thread of one process changes at a time, in steps that happen or do not.
///
/// T is trivially copyable, without pointers into a process.
///
/// Blocks     `lock` waits for its turn, as `lock` does. `load` waits for nobody, unless it was
///            overtaken by 100 commits in the middle of its copy: then it waits for the lock.
/// Threads    All member functions, from any threads; each `guard` in one at a time. Locking in
///            a thread that has a guard waits for itself. After fork, a guard's lock stays with
///            the parent, and what it holds cannot be committed in the child.
/// Crash      Whoever is killed, wherever: the value is as last committed. The next holder is
///            told `owner_died`; it need not repair anything.
template <in_place_message T>
class guarded {
 public:
  /// The value while it is locked: a copy, to be changed and committed.
  ///
  /// Its end commits what was touched through a non-const access, unless an exception passes
  /// through the block that holds it; then, and after `rollback`, nothing has happened. It keeps
  /// its process at the value, also when the `guarded` object has ended.
  class [[nodiscard]] guard {
   public:
    guard(guard&& other) noexcept
        : core_(std::move(other.core_)),
          tag_(other.tag_),
          exceptions_(other.exceptions_),
          died_(other.died_),
          touched_(other.touched_),
          bytes_(other.bytes_) {}
    guard& operator=(guard&&) = delete;
    ~guard() {
      if (std::uncaught_exceptions() > exceptions_) rollback();
      unlock();
    }

    /// Whether it holds the lock: always, but after try_lock.
    explicit operator bool() const noexcept { return core_ != nullptr; }
    /// Whether the holder before this one died, or left, inside.
    [[nodiscard]] bool owner_died() const noexcept { return died_; }

    T& operator*() noexcept { return *operator->(); }
    T* operator->() noexcept {
      touched_ = true;
      return std::launder(reinterpret_cast<T*>(bytes_.data()));
    }
    const T& operator*() const noexcept { return *operator->(); }
    const T* operator->() const noexcept {
      return std::launder(reinterpret_cast<const T*>(bytes_.data()));
    }

    /// Makes the value what it is here, now, and goes on holding it.
    /// Crash      The old value or the new one.
    void commit() noexcept {
      if (core_ == nullptr || core_->tag_if_attached() != tag_) return;
      detail::commit_guarded(*core_, bytes_.data(), sizeof(T));
      touched_ = false;
    }
    /// Makes what it is here the value as last committed, and goes on holding it.
    void rollback() noexcept {
      if (core_ != nullptr && touched_) detail::read_guarded(*core_, bytes_.data(), sizeof(T));
      touched_ = false;
    }
    /// Commits what was touched and unlocks. Does nothing the second time.
    void unlock() noexcept {
      if (touched_) commit();
      if (core_ != nullptr && core_->tag_if_attached() == tag_) core_->release(1);
      core_.reset();
    }

   private:
    friend class guarded;
    guard() = default;
    explicit guard(std::shared_ptr<detail::permit_core> core)
        : core_(std::move(core)), tag_(core_->tag_if_attached()), died_(core_->owner_died()) {
      detail::read_guarded(*core_, bytes_.data(), sizeof(T));
    }

    std::shared_ptr<detail::permit_core> core_;
    std::uint32_t tag_ = 0;
    int exceptions_ = std::uncaught_exceptions();
    bool died_ = false, touched_ = false;
    alignas(T) std::array<std::byte, sizeof(T)> bytes_{};
  };

  /// Creates the value. A stale one of the same name is replaced.
  /// Errors     Those of `semaphore`'s constructors, `type_mismatch`.
  guarded(create_only_t, std::string_view name, const T& initial, lock_options options = {})
      : core_(make(detail::opening::create_only, name, &initial, options)) {}
  /// Opens it if somebody is attached (or it is kept), else creates it with `initial`.
  guarded(open_or_create_t, std::string_view name, const T& initial, lock_options options = {})
      : core_(make(detail::opening::open_or_create, name, &initial, options)) {}
  guarded(open_only_t, std::string_view name)
      : core_(make(detail::opening::open_only, name, nullptr, {})) {}

  /// Waits for the value.
  guard lock() {
    core_->acquire(1, {});
    return guard{core_};
  }
  /// The same without waiting; the guard is `false` if another one holds the value.
  guard try_lock() { return core_->try_acquire(1) ? guard{core_} : guard{}; }
  template <class Rep, class Period>
  guard try_lock_for(std::chrono::duration<Rep, Period> duration) {
    return core_->acquire(1, detail::deadline_after(duration)) ? guard{core_} : guard{};
  }
  template <class Clock, class Duration>
  guard try_lock_until(std::chrono::time_point<Clock, Duration> time) {
    return core_->acquire(1, detail::deadline_at(time)) ? guard{core_} : guard{};
  }

  /// The value as last committed.
  [[nodiscard]] T load() const {
    std::array<std::byte, sizeof(T)> bytes;
    if (!detail::try_read_guarded(*core_, bytes.data(), sizeof(T))) {
      core_->acquire(1, {});
      detail::read_guarded(*core_, bytes.data(), sizeof(T));
      core_->release(1);
    }
    return std::bit_cast<T>(bytes);
  }

  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }

  /// Calls `callback` once, from Hawser's own thread, when the value may be locked, whatever is
  /// waited for. Destroying the handle cancels.
  /// Errors     `no_resources`: no thread or descriptor is left.
  [[nodiscard]] async_wait_handle async_wait(ready, std::function<void()> callback) {
    return async_wait_handle{core_->async_wait(1, std::move(callback))};
  }

 private:
  static std::shared_ptr<detail::permit_core> make(detail::opening how, std::string_view name,
                                                   const T* initial, const lock_options& options) {
    detail::permit_request request;
    request.name = name;
    request.how = how;
    request.kind = detail::channel_kind::guarded;
    request.mode = options.mode;
    request.keep = options.keep;
    request.value_bytes = sizeof(T);
    request.type_fingerprint = detail::type_fingerprint<T>();
    request.type_name = typeid(T).name();
    request.initial = reinterpret_cast<const std::byte*>(initial);
    return std::make_shared<detail::permit_core>(request);
  }

  std::shared_ptr<detail::permit_core> core_;
};

}  // namespace hawser::shm
