/// An array that processes share and work on in place, in memory or in a file.
///
/// ```cpp
/// shm::array<double> numbers{open_or_create, "numbers", 1'000'000, {.ranges = 8}};
/// numbers[3] = 0.5;                                     // plain memory: who else writes it?
/// {
///   auto hold = numbers.lock_range(2);                  // the third eighth is ours for now
///   for (double& x : hold) x *= 2;
/// }
/// numbers.update(10, 3, [](std::span<double> x) { x[2] = x[0] + x[1]; });  // all of it or nothing
/// ```
#pragma once

#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/array_core.hpp>
#include <hawser/shm/detail/message_io.hpp>
#include <hawser/shm/range_lock.hpp>
#include <hawser/shm/segment.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include <sys/types.h>

namespace hawser::shm {

/// What a creator chooses. `open_or_create` of an existing array demands the same values.
struct array_options {
  std::size_t ranges = 1;  ///< Parts of equal size (but for one element) with a lock each.
  /// The most elements of one `update`; 0: as many as fit in 4 KiB. Each range has that much more.
  std::size_t update_elements_max = 0;
  mode_t mode = 0600;  ///< Who may open it, as for a file.
  bool keep = false;   ///< Outlives its processes until shm::remove. Files always do.
};

/// A fixed number of elements of type T in shared memory, zero at the start, aligned to 4096: read
/// and written in place by any threads of any processes, never copied. T is trivially copyable;
/// with `array<const T>` a process cannot change the elements: a write through a cast is SIGSEGV.
///
/// Given a std::filesystem::path instead of a name, the array is that file: it may be larger than
/// memory, and is there again after its processes, and the machine, have ended. It is removed as
/// any file. A disk that fails is SIGBUS, as for every mapped file.
///
/// Who writes which elements when is the program's business, as with threads and memory: divided
/// among workers, or told by a queue, or under the locks of ranges.
///
/// Blocks     Elements: never. Locks and updates: while another holds a range they need.
/// Threads    All member functions, from any threads. Moving and destroying: one thread, with
///            no other inside and no range held. Not from signal handlers. After fork, the child
///            takes a place of its own at its first lock; locks stay with the parent.
/// Crash      What a killed process wrote in place is there up to its last instruction. An
///            `update` has happened or not. Its locks go to the next within milliseconds.
template <class T>
requires in_place_message<std::remove_const_t<T>>
class array {
 public:
  using element_type = T;
  using value_type = std::remove_const_t<T>;
  using iterator = typename std::span<T>::iterator;

  /// Creates it with `size` elements. A stale one of the same name is replaced.
  /// Errors     `already_exists`, `no_space`, `bad_name`, `bad_argument`, `permission_denied`,
  ///            `foreign_owner`, `busy`, `no_resources`.
  array(create_only_t, std::string_view name, std::size_t size, array_options options = {})
      : core_(make(detail::opening::create_only, name, {}, size, options)) {}

  /// Opens it if somebody is attached (or it is kept), else creates it.
  /// Errors     Those of both, `capacity_mismatch` if its sizes are others.
  array(open_or_create_t, std::string_view name, std::size_t size, array_options options = {})
      : core_(make(detail::opening::open_or_create, name, {}, size, options)) {}

  /// Opens an existing one, of whatever size.
  /// Errors     `not_found`, `stale`, `damaged`, `version_mismatch`, `kind_mismatch`,
  ///            `type_mismatch`, `permission_denied`, `foreign_owner`, `too_many_participants`,
  ///            `busy`, `no_resources`.
  array(open_only_t, std::string_view name)
      : core_(make(detail::opening::open_only, name, {}, 0, {})) {}

  /// The same in a file. It appears complete or not at all, and no other file is ever replaced:
  /// one that is no array is `damaged`, also for open_or_create.
  template <std::same_as<std::filesystem::path> Path>
  array(create_only_t, const Path& file, std::size_t size, array_options options = {})
      : core_(make(detail::opening::create_only, {}, file, size, options)) {}
  template <std::same_as<std::filesystem::path> Path>
  array(open_or_create_t, const Path& file, std::size_t size, array_options options = {})
      : core_(make(detail::opening::open_or_create, {}, file, size, options)) {}
  template <std::same_as<std::filesystem::path> Path>
  array(open_only_t, const Path& file) : core_(make(detail::opening::open_only, {}, file, 0, {})) {}

  /// All elements, valid as long as this object.
  [[nodiscard]] std::span<T> span() const noexcept { return {data(), size()}; }
  [[nodiscard]] T* data() const noexcept { return reinterpret_cast<T*>(core_->data()); }
  [[nodiscard]] std::size_t size() const noexcept { return core_->geometry().elements; }
  [[nodiscard]] T& operator[](std::size_t index) const noexcept { return data()[index]; }
  [[nodiscard]] iterator begin() const noexcept { return span().begin(); }
  [[nodiscard]] iterator end() const noexcept { return span().end(); }

  /// The number of ranges.
  [[nodiscard]] std::size_t ranges() const noexcept { return core_->geometry().parts; }
  /// The elements of range `index`, without its lock: also a fair share of the work.
  [[nodiscard]] std::span<T> range(std::size_t index) const noexcept {
    return detail::elements_of<T>(*core_, index);
  }
  /// The range that element `index` is in.
  [[nodiscard]] std::size_t range_of(std::size_t index) const noexcept {
    return core_->geometry().part_of(index);
  }

  /// Takes range `index` for as long as the result lives. To hold several, take them in
  /// ascending order. Who holds a range must not `update` it: its elements are there to write to.
  ///
  /// Returns    The hold. It says whether the last one died inside (`owner_died`).
  /// Errors     `bad_argument`: there is no such range.
  /// Blocks     While another holds it, or updates elements of it.
  range_lock<T> lock_range(std::size_t index) { return locked(index, {}); }
  /// The same without waiting: an empty hold if another has it.
  [[nodiscard]] range_lock<T> try_lock_range(std::size_t index) {
    return locked(index, detail::clock::time_point{});
  }
  /// The same, waiting for `duration` at most: an empty hold if that was not enough.
  template <class Rep, class Period>
  [[nodiscard]] range_lock<T> lock_range_for(std::size_t index,
                                             std::chrono::duration<Rep, Period> duration) {
    return locked(index, detail::deadline_after(duration));
  }
  template <class Clock, class Duration>
  [[nodiscard]] range_lock<T> lock_range_until(std::size_t index,
                                               std::chrono::time_point<Clock, Duration> time) {
    return locked(index, detail::deadline_at(time));
  }

  /// Changes `count` elements from `first` on, all of them or none, also across ranges. `f` gets a
  /// private copy as std::span<T>; if it throws, nothing happened. Who reads without the ranges'
  /// locks may see some elements before others.
  ///
  /// Errors     `bad_argument`: no such elements; `too_large`: more than `update_elements_max`.
  /// Blocks     While another holds or updates one of the ranges; they wait for `f`.
  /// Crash      Killed at any instruction, all of the elements are changed or none: whoever takes
  ///            one of the ranges next, or opens the array, finds it so.
  template <std::invocable<std::span<T>> F>
  void update(std::size_t first, std::size_t count, F&& f) requires(!std::is_const_v<T>) {
    core_->update(first, count, {}, [&](std::byte* copy) {
      std::invoke(f, std::span<T>{reinterpret_cast<T*>(copy), count});
    });
  }
  /// The same for one element: `f` gets a T&.
  template <std::invocable<T&> F>
  void update(std::size_t index, F&& f) requires(!std::is_const_v<T>) {
    core_->update(index, 1, {},
                  [&](std::byte* copy) { std::invoke(f, *reinterpret_cast<T*>(copy)); });
  }
  /// The same, waiting for others for `duration` at most. False: that was not enough.
  template <std::invocable<std::span<T>> F, class Rep, class Period>
  [[nodiscard]] bool update_for(std::chrono::duration<Rep, Period> duration, std::size_t first,
                                std::size_t count, F&& f) requires(!std::is_const_v<T>) {
    return core_->update(first, count, detail::deadline_after(duration), [&](std::byte* copy) {
      std::invoke(f, std::span<T>{reinterpret_cast<T*>(copy), count});
    });
  }
  [[nodiscard]] std::size_t update_elements_max() const noexcept {
    return core_->geometry().journal_elements();
  }

  /// Writes what was changed to the file, and returns when it is on the disk. Without it the kernel
  /// does so in its own time and order: whatever happens to processes nothing is lost, but if the
  /// machine loses its power, only what was synced and not changed since is certain.
  /// Errors     `system`: the disk's.
  void sync() { core_->sync(); }

  /// Whether it is a file of its own, rather than in shared memory.
  [[nodiscard]] bool is_file() const noexcept { return core_->is_file(); }
  /// The name, or the path as it was given.
  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }

 private:
  static_assert(alignof(T) <= sizeof(detail::array_part));  // copies for updates lie behind one

  static std::unique_ptr<detail::array_core> make(detail::opening how, std::string_view name,
                                                  const std::filesystem::path& file,
                                                  std::size_t size, const array_options& options) {
    detail::array_request request;
    request.name = file.empty() ? std::string{name} : file.string();
    request.file = file.string();
    request.how = how;
    request.elements = size;
    request.element_bytes = sizeof(T);
    request.parts = options.ranges;
    request.journal_elements = options.update_elements_max;
    request.read_only = std::is_const_v<T>;
    request.mode = options.mode;
    request.keep = options.keep;
    request.type_fingerprint = detail::type_fingerprint<value_type>();
    request.type_name = typeid(value_type).name();
    return std::make_unique<detail::array_core>(request);
  }

  range_lock<T> locked(std::size_t index, const detail::deadline& until) {
    bool died = false;
    const std::uint32_t tag = core_->lock_range(index, until, died);
    return tag == 0 ? range_lock<T>{} : range_lock<T>{*core_, index, tag, died};
  }

  std::unique_ptr<detail::array_core> core_;
};

}  // namespace hawser::shm
