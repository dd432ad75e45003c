/// Memory that is lent, filled, sent to another process and read there in place: nothing is copied
/// on the way, however large it is.
///
/// ```cpp
/// shm::payload_pool pool{open_or_create, "frames", {.classes = {{1 << 20, 32}}}};
/// shm::payload_queue<frame_info> images{pool, open_or_create, "images"};
///
/// shm::payload frame = pool.loan(1 << 20);       // waits while all are in use
/// camera.read_into(frame.writable());
/// images.push({.width = 1024}, std::move(frame));
/// ```
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/message_io.hpp>
#include <hawser/shm/detail/pool_core.hpp>
#include <hawser/shm/segment.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace hawser::shm {

class payload_pool;
/// What can be sent along with a payload: it is copied as it is.
template <class Meta>
concept payload_meta = std::is_trivially_copyable_v<Meta> && !std::is_pointer_v<Meta> &&
                       !std::ranges::view<Meta> && std::is_default_constructible_v<Meta>;
template <payload_meta Meta>
class payload_queue;
template <payload_meta Meta>
class payload_pipe;

/// Chunks of one size.
struct payload_class {
  std::size_t bytes = 0;   ///< The largest loan.
  std::size_t chunks = 0;  ///< How many at a time.
};

/// What a creator chooses. `open_or_create` of a live pool demands the same classes, `references`,
/// `large` and `large_kept_bytes`.
struct payload_pool_options {
  /// At most 8. A loan comes from the smallest class that is large enough for it, and from no other.
  std::vector<payload_class> classes = {{64 << 10, 64}, {1 << 20, 16}};
  /// Loans above the largest class at a time, at most 64. Their memory, of any size, is taken from
  /// the system for a loan and given back after it, but for `large_kept_bytes`.
  std::size_t large = 16;
  /// How much memory large chunks that nobody holds may keep together, for later loans: new memory
  /// can cost many times what it costs to write to it. A loan that finds /dev/shm full takes it back.
  std::size_t large_kept_bytes = 0;
  /// Further references by `payload::share`, at a time.
  std::size_t references = 256;
  /// This process cannot write to payloads, nor loan any: the processor refuses it.
  bool read_only_payloads = false;
  mode_t mode = 0600;  ///< Who may open it, as for a file.
  bool keep = false;   ///< Outlives its processes until shm::remove. So should its queues.
};

/// A pool's counts since it was created, by all processes together, and what is in use now.
struct payload_pool_counters {
  struct usage {
    std::size_t bytes = 0;   ///< The class's largest loan; 0: the large ones.
    std::size_t chunks = 0;  ///< All of them.
    std::size_t in_use = 0;  ///< A snapshot.
  };
  std::uint64_t loans = 0;
  std::uint64_t shares = 0;
  std::uint64_t releases = 0;         ///< References given up by their holders.
  std::uint64_t reclaimed = 0;        ///< References taken back from processes that died or left.
  std::uint64_t stale = 0;            ///< Messages dropped because their payload was gone.
  std::uint64_t waits = 0;            ///< Times a caller went to sleep.
  std::vector<usage> classes;         ///< By size; the large ones last.
  std::size_t references_in_use = 0;  ///< Made by `share`.
};

/// Memory of a pool that this process holds: lent from it, or received.
///
/// Threads    One at a time; it may move to another thread. After a fork it is the parent's: the
///            child can read, but neither send nor release it.
/// Crash      Released by the holder's death, also while it is being sent and not yet in the
///            channel. Exactly once, whoever dies when.
class [[nodiscard]] payload {
 public:
  /// Holds nothing.
  payload() = default;
  payload(payload&& other) noexcept
      : core_(std::move(other.core_)), held_(std::exchange(other.held_, {})) {}
  payload& operator=(payload&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(held_, other.held_);
    return *this;
  }
  ~payload() { release(); }

  /// Whether it holds anything.
  explicit operator bool() const noexcept { return core_ != nullptr; }

  std::span<const std::byte> bytes() const noexcept { return {held_.data, held_.bytes}; }
  std::size_t size() const noexcept { return held_.bytes; }
  /// The same to fill; empty if it is shared, or the pool was opened with read_only_payloads.
  /// The memory has what its last user left there.
  std::span<std::byte> writable() noexcept {
    if (core_ == nullptr || held_.shared || core_->read_only()) return {};
    return {held_.data, held_.bytes};
  }
  /// Whether there are, or were, other references to the same memory.
  bool shared() const noexcept { return held_.shared; }
  /// Changes the size, within `capacity()`.
  /// Errors     `too_large`.
  void resize(std::size_t bytes) {
    if (bytes > held_.room)
      throw make_error(errc::too_large, "resize payload of", core_ ? core_->name() : "no pool",
                       "it has room for " + std::to_string(held_.room) + " bytes; loan more");
    held_.bytes = bytes;
  }
  std::size_t capacity() const noexcept { return held_.room; }

  /// One more reference to the same memory, for another reader. From now on nobody may write to
  /// it. It is free when the last of them is released, whoever dies when.
  ///
  /// Returns    An empty one when all of the pool's `references` are in use.
  /// Blocks     For another process inside a loan or share at most.
  /// Crash      Killed before it returns: as if not called.
  payload share() {
    payload other;
    if (core_ == nullptr) return other;
    if (const auto held = core_->share(held_)) {
      other.core_ = core_;
      other.held_ = *held;
    }
    return other;
  }

  /// Gives it up now. Does nothing on an empty one.
  /// Blocks     Never.
  void release() noexcept {
    if (core_ != nullptr) core_->release(held_);
    core_.reset();
    held_ = {};
  }

 private:
  friend class payload_pool;
  template <payload_meta Meta>
  friend class payload_queue;
  template <payload_meta Meta>
  friend class payload_pipe;
  payload(std::shared_ptr<detail::pool_core> core, const detail::held_payload& held) noexcept
      : core_(std::move(core)), held_(held) {}
  /// It was sent.
  void forget() noexcept {
    core_.reset();
    held_ = {};
  }

  std::shared_ptr<detail::pool_core> core_;
  detail::held_payload held_;
};

/// A pool of memory in a segment, lent in chunks and sent through a `payload_queue` or
/// `payload_pipe`.
///
/// Blocks     Functions named try_ wait for nobody but another process inside the same few dozen
///            instructions; one that is *stopped* (SIGSTOP) exactly there stops loans.
/// Threads    All member functions, from any threads. Moving and destroying: one thread, with no
///            other inside. Not from signal handlers.
/// Crash      Whatever a process holds is free again within milliseconds of its death, if somebody
///            waits for a loan or has called `watch`, else at the next loan that finds nothing free;
///            what it has sent is not touched.
class payload_pool {
 public:
  /// Creates the pool. A stale one of the same name is replaced.
  /// Errors     As for `queue`.
  payload_pool(create_only_t, std::string_view name, const payload_pool_options& options = {})
      : core_(make(detail::opening::create_only, name, options)) {}
  /// Opens it if somebody is attached (or it is kept), else creates it.
  payload_pool(open_or_create_t, std::string_view name, const payload_pool_options& options = {})
      : core_(make(detail::opening::open_or_create, name, options)) {}
  /// Opens an existing pool; of `options`, only read_only_payloads matters.
  payload_pool(open_only_t, std::string_view name, const payload_pool_options& options = {})
      : core_(make(detail::opening::open_only, name, options)) {}

  payload_pool(payload_pool&&) noexcept = default;
  payload_pool& operator=(payload_pool&&) noexcept = default;
  /// Leaves, as soon as no payload, queue or lease of this process needs the pool any more. The
  /// last process to leave removes it, unless it is kept.
  ~payload_pool() = default;

  /// Lends `bytes` of memory; waits while none is free.
  ///
  /// Errors     `too_large`: larger than every class, and `large` is 0; `no_space`: a large loan
  ///            that /dev/shm cannot hold; `not_supported`: a read-only view.
  /// Blocks     Until there is a free chunk of its class.
  /// Crash      Killed before it returns: as if not called.
  payload loan(std::size_t bytes) {
    // Nothing is what a lock wait that was cut short returns: never without a deadline.
    return payload{core_, core_->loan(bytes, {}).value()};
  }
  /// Returns    Nothing when none is free now.
  std::optional<payload> try_loan(std::size_t bytes) { return wrap(core_->try_loan(bytes, {})); }
  /// Returns    Nothing when none was free in time.
  template <class Rep, class Period>
  std::optional<payload> loan_for(std::size_t bytes, std::chrono::duration<Rep, Period> duration) {
    return wrap(core_->loan(bytes, detail::deadline_after(duration)));
  }
  template <class Clock, class Duration>
  std::optional<payload> loan_until(std::size_t bytes,
                                    std::chrono::time_point<Clock, Duration> time) {
    return wrap(core_->loan(bytes, detail::deadline_at(time)));
  }

  /// Calls `callback` once, from Hawser's own thread, when a loan of `bytes` may succeed. Destroying
  /// the handle cancels.
  ///
  /// Errors     `no_resources`: no thread or descriptor is left.
  /// Blocks     Never; `callback` must not block either.
  [[nodiscard]] async_wait_handle async_wait(std::size_t bytes, std::function<void()> callback) {
    return async_wait_handle{core_->async_wait(bytes, std::move(callback))};
  }

  /// Has Hawser's thread give back what processes hold that are killed, within milliseconds: of those
  /// that have opened the pool by now. Without it that waits for the next loan that finds nothing
  /// free, or for somebody who waits for one.
  /// Blocks     Never. Starts the thread.
  void watch() noexcept { core_->channel().watch(); }

  /// Whether `loan` is of this pool: then it can be sent through the channels of it.
  [[nodiscard]] bool owns(const payload& loan) const noexcept { return loan.core_ == core_; }

  [[nodiscard]] payload_pool_counters counters() const;
  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }

 private:
  template <payload_meta Meta>
  friend class payload_queue;
  template <payload_meta Meta>
  friend class payload_pipe;

  static std::shared_ptr<detail::pool_core> make(detail::opening how, std::string_view name,
                                                 const payload_pool_options& options);
  std::optional<payload> wrap(const std::optional<detail::held_payload>& held) {
    if (!held) return std::nullopt;
    return payload{core_, *held};
  }

  std::shared_ptr<detail::pool_core> core_;
};

}  // namespace hawser::shm
