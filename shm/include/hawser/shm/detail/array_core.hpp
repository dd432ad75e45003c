/// A shared array as bytes: one process's view. array_layout.hpp says what each step means.
#pragma once

#include <hawser/shm/detail/array_layout.hpp>
#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/mutant.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace hawser::shm::detail {

/// What distinguishes one array from another, checked when it is opened.
struct array_request {
  std::string name;
  std::string file;  // the path, if it is one's own file
  opening how = opening::open_only;
  std::size_t elements = 0;
  std::size_t element_bytes = 0;
  std::size_t parts = 1;
  std::size_t journal_elements = 0;  // 0: what fits in 4 KiB
  bool read_only = false;
  unsigned mode = 0600;
  bool keep = false;
  std::uint64_t type_fingerprint = 0;
  std::string_view type_name;
};

class array_core {
 public:
  explicit array_core(const array_request& request) : array_core(request, array_geometry{}) {}

  std::byte* data() const noexcept { return data_; }
  const array_geometry& geometry() const noexcept { return geometry_; }
  const std::string& name() const noexcept { return channel_.name(); }
  bool is_file() const noexcept { return is_file_; }
  void sync() { channel_.sync(); }
  void look_for_dead() { channel_.look_for_dead(true); }

  /// Locks one part for writing in place.
  /// Returns    The holder's tag; 0: the deadline passed. `died`: whether a holder died before.
  std::uint32_t lock_range(std::size_t part, const deadline& until, bool& died);
  /// Ends what lock_range began. Does nothing for a hold inherited by a fork.
  void unlock_range(std::size_t part, std::uint32_t tag) noexcept;

  /// Calls `change(bytes)` with a copy of the elements from `first` on, which becomes all of
  /// them, or, if it throws, none. Returns false if the deadline passed before that.
  template <class Change>
  bool update(std::size_t first, std::size_t count, const deadline& until, Change&& change) {
    check_range(first, count);
    if (count == 0) return true;
    parts_lock locks{*this, geometry_.part_of(first), geometry_.part_of(first + count - 1)};
    if (!locks.lock(until)) return false;
    array_part& leader = part(geometry_.part_of(first));
    std::byte* const journal = journal_of(leader);
    std::memcpy(journal, at(first), count * geometry_.element_bytes);
    HAWSER_MUTATE(array_commits_before_bytes, void(), commit(leader, first, count));
    change(journal);
    if (!locks.are_ours()) refuse_in_fork();
    HAWSER_MUTATE(array_has_no_journal, commit(leader, first, count), void());
    HAWSER_MUTATE(array_journal_emptied_first, void(), leader.committed.store(0));
    std::memcpy(at(first), journal, count * geometry_.element_bytes);
    leader.committed.store(0, std::memory_order_release);
    return true;
  }

 private:
  array_core(const array_request& request, array_geometry agreed);

  /// Holds several parts for an update; unlocks also when something throws.
  class parts_lock {
   public:
    parts_lock(array_core& self, std::size_t from, std::size_t to) noexcept
        : self_(self), from_(from), to_(to), locked_(from) {}
    parts_lock(const parts_lock&) = delete;
    parts_lock& operator=(const parts_lock&) = delete;
    ~parts_lock() {
      if (!are_ours()) return;  // a fork, or none of them was taken
      while (locked_ > from_) self_.part(--locked_).lock.unlock();
    }
    bool are_ours() const noexcept { return self_.channel_.tag_if_attached() == tag_; }
    bool lock(const deadline& until) {
      tag_ = self_.own_tag();
      for (; locked_ <= to_; ++locked_)
        if (!self_.lock_part(locked_, tag_, until)) return false;
      return true;
    }

   private:
    array_core& self_;
    const std::size_t from_, to_;
    std::size_t locked_;  // the first one that is not
    std::uint32_t tag_ = 0;
  };

  bool lock_part(std::size_t index, std::uint32_t tag, const deadline& until) {
    return part(index).lock.lock(
        channel_, tag, until,
        HAWSER_MUTATE(array_locks_stolen, after_death::swept, after_death::stolen));  // I2
  }
  static void commit(array_part& leader, std::size_t first, std::size_t count) noexcept {
    leader.first.store(first, std::memory_order_relaxed);
    leader.count.store(count, std::memory_order_relaxed);
    leader.committed.store(1, std::memory_order_release);  // E2. Commits.
  }

  std::uint32_t own_tag() {
    const std::uint32_t tag = channel_.tag();
    if (HAWSER_MUTATE(array_holder_not_marked, !channel_.was_holder(tag), false))
      channel_.mark_holder(tag);  // I4
    return tag;
  }
  void check_range(std::size_t first, std::size_t count) const;
  [[noreturn]] void refuse_in_fork() const;
  array_part& part(std::size_t index) const noexcept {
    return *reinterpret_cast<array_part*>(parts_ + index * geometry_.part_bytes);
  }
  static std::byte* journal_of(array_part& part) noexcept {
    return reinterpret_cast<std::byte*>(&part + 1);
  }
  std::byte* at(std::size_t index) const noexcept {
    return places_ + index * geometry_.element_bytes;
  }

  attachment channel_;
  bool is_file_;
  array_geometry geometry_;  // checked when attached; what others may write later does not count
  std::byte* parts_;
  std::byte* places_;  // of the elements
  std::byte* data_;    // the same for users; of a read-only view, pages that cannot be written
};

}  // namespace hawser::shm::detail
