/// One direction of a pipe: the sender's and the receiver's half of the ring, without ends,
/// sleeping or types. pipe_layout.hpp explains every step, its crash states and edges (E1, E2).
#pragma once

#include <hawser/shm/detail/mutant.hpp>
#include <hawser/shm/detail/pipe_layout.hpp>
#include <hawser/shm/detail/prefetch.hpp>
#include <hawser/shm/detail/shared_words.hpp>
#include <hawser/shm/detail/spin.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

namespace hawser::shm::detail {

/// Throws `damaged`: another process wrote what no sender or receiver writes.
[[noreturn]] void refuse_ring(const std::string& name);

inline std::atomic<std::uint64_t>& header_at(std::byte* place) noexcept {
  return *reinterpret_cast<std::atomic<std::uint64_t>*>(place);
}

/// Used by one thread at a time. Records are staged, then committed together, by the first one's
/// header.
class ring_sender {
 public:
  ring_sender(pipe_direction& to, std::byte* ring, std::uint64_t bytes,
              const std::string& name) noexcept
      : to_(to), ring_(ring), mask_(bytes - 1), limit_(bytes), name_(name) {}

  /// Writes a record behind those staged before. False: no room, nothing changed.
  [[gnu::always_inline]] bool stage(const std::byte* data, std::size_t bytes, std::uint64_t flags) {
    const std::uint64_t size = record_size(bytes), left = mask_ + 1 - (at_ & mask_);
    const std::uint64_t pad = size > left ? left : 0;
    const std::uint64_t needed =
        pad + size + HAWSER_MUTATE(end_mark_overruns, end_mark_bytes, std::uint64_t{0});  // I2
    if (at_ + needed > limit_ && !look_at_head(needed)) [[unlikely]]
      return false;
    if (pad != 0) [[unlikely]] {
      put_header(record_header::make(left - sizeof(std::uint64_t), record_header::pad));
      at_ += left;
    }
    prefetch();
    std::byte* const place = ring_ + (at_ & mask_);
    put_header(record_header::make(bytes, flags));
    HAWSER_MUTATE(commits_before_bytes, void(),
                  header_at(place).store(record_header::make(bytes, flags).bits));
    if (std::byte* const to = place + header_bytes; bytes <= copied_in_words)
      write_words(reinterpret_cast<shared_word*>(to), data, bytes);
    else std::memcpy(to, data, bytes);
    at_ += size;
    ++staged_;
    HAWSER_MUTATE(batch_in_the_open, void(), header(begin_).store(first_.bits));
    return true;
  }

  /// Commits what is staged, by one store. Something is.
  [[gnu::always_inline]] void commit() noexcept {
    HAWSER_MUTATE(end_unmarked, header(at_).store(0, std::memory_order_relaxed), void());  // I1
    HAWSER_MUTATE(tail_first, void(), to_.tail.store(at_));
    header(begin_).store(first_.bits, HAWSER_MUTATE(commit_not_released, std::memory_order_release,
                                                    std::memory_order_relaxed));  // E1. Commits.
    begin_ = at_;
    to_.tail.store(at_, HAWSER_MUTATE(tail_not_released, std::memory_order_release,
                                      std::memory_order_relaxed));  // E1
    to_.sent.store(to_.sent.load(std::memory_order_relaxed) + staged_, std::memory_order_relaxed);
    staged_ = 0;
  }

  /// Forgets what is staged: nobody has seen it.
  void abandon() noexcept {
    at_ = begin_;
    staged_ = 0;
  }
  /// What is staged is not a message: a part of one whose last part is still to come.
  void uncount() noexcept { --staged_; }
  bool has_staged() const noexcept { return at_ != begin_; }

  /// Whether the receiver has taken something since there was no room.
  bool head_moved() const noexcept {
    return to_.head.load(std::memory_order_relaxed) + mask_ + 1 != limit_;
  }

  /// What the receiver has left of the ring, as it is now.
  std::uint64_t free_bytes() const noexcept {
    return to_.head.load(std::memory_order_relaxed) + mask_ + 1 - begin_;
  }

  /// How many bytes, `most` at most, one record has room for now.
  std::size_t room(std::size_t most) {
    if (const std::size_t seen = room_seen(most); seen == most) return seen;
    look_at_head(0);
    return room_seen(most);
  }

 private:
  static constexpr std::uint64_t header_bytes = sizeof(std::uint64_t), end_mark_bytes = 8;
  static constexpr std::uint64_t prefetch_distance = 576;
  // What is short was mostly just written, word by word. To load it in larger pieces would wait
  // until those stores, and all before them, are in the cache.
  static constexpr std::size_t copied_in_words = 128;

  std::atomic<std::uint64_t>& header(std::uint64_t at) const noexcept {
    return header_at(ring_ + (at & mask_));
  }
  void put_header(record_header bits) noexcept {
    if (at_ == begin_) first_ = bits;
    else header(at_).store(bits.bits, std::memory_order_relaxed);
  }

  std::size_t room_seen(std::size_t most) const noexcept {
    const std::uint64_t left = mask_ + 1 - (at_ & mask_);
    const std::uint64_t free = std::max(limit_ - at_, end_mark_bytes) - end_mark_bytes;
    // A record in front of the ring's end, or behind a pad at its beginning.
    const std::uint64_t space = std::max(std::min(left, free), free - std::min(free, left));
    return space <= header_bytes ? 0 : std::min<std::size_t>(most, space - header_bytes);
  }

  /// Looks how far the receiver is. Returns whether there is room for `size` bytes of records.
  [[gnu::noinline]] bool look_at_head(std::uint64_t size) {
    const std::uint64_t head = to_.head.load(std::memory_order_acquire);  // E2
    if (begin_ - head > mask_ + 1) refuse_ring(name_);                    // I2
    limit_ = head + mask_ + 1;
    return HAWSER_MUTATE(overruns_receiver, at_ + size <= limit_, true);
  }

  /// Gets the lines that are written soon; they come from the receiver's cache.
  void prefetch() noexcept {
    if (at_ + 2 * prefetch_distance > limit_) return;  // the receiver may be reading there
    const std::byte* const next = ring_ + ((at_ + prefetch_distance) & mask_);
    prefetch_to_write(next);
  }

  pipe_direction& to_;
  std::byte* ring_;
  std::uint64_t mask_;
  std::uint64_t begin_ = 0;  // committed up to here
  std::uint64_t at_ = 0;     // staged up to here
  std::uint64_t limit_;      // the head as seen last, + the ring's size
  std::uint64_t staged_ = 0;
  record_header first_;  // of the first one staged; nobody sees it before the commit
  const std::string& name_;
};

/// A record in the ring.
struct ring_record {
  const std::byte* data = nullptr;
  std::size_t bytes = 0;
  std::uint64_t begin = 0, end = 0;
  record_header header;
};

/// Used by one thread at a time.
class ring_receiver {
 public:
  ring_receiver(pipe_direction& from, std::byte* ring, std::uint64_t bytes,
                const std::string& name) noexcept
      : from_(from), ring_(ring), mask_(bytes - 1), name_(name) {}

  /// Finds the next record, and leaves it there. False: none is seen.
  [[gnu::always_inline]] bool peek(ring_record& out) {
    for (;;) {
      if (!may_have_record()) return false;
      if (tail_ - at_ > mask_ + 1) [[unlikely]]
        refuse_ring(name_);
      std::byte* const place = ring_ + (at_ & mask_);
      const record_header header{header_at(place).load(std::memory_order_relaxed)};
      const std::uint64_t ends = mask_ + 1 - (at_ & mask_), left = std::min(ends, tail_ - at_);
      // Most messages are as long as the one before. Guessing that lets the processor begin with the
      // next one before this one's header has come from the sender's cache.
      if (header.bits == usual_.bits && usual_size_ <= left) [[likely]] {
        out = {place + sizeof(std::uint64_t), usual_bytes_, at_, at_ + usual_size_, usual_};
        return true;
      }
      const std::uint64_t size = record_size(header.bytes());
      if (size > left) [[unlikely]]
        refuse_ring(name_);
      if (header.is_part()) [[likely]] {
        usual_ = header;
        usual_size_ = size;
        usual_bytes_ = static_cast<std::size_t>(header.bytes());
        out = {place + sizeof(std::uint64_t), usual_bytes_, at_, at_ + size, header};
        return true;
      }
      if (!header.is_pad() || size != ends || size > mask_) refuse_ring(name_);
      at_ += size;
    }
  }

  /// Goes on behind a record, if that is the one peeked at last. `publish` tells the sender.
  bool pass(std::uint64_t begin, std::uint64_t end) noexcept {
    if (begin != at_) return false;
    at_ = end;
    return true;
  }
  void publish(std::uint64_t messages) noexcept {
    from_.received.store(from_.received.load(std::memory_order_relaxed) + messages,
                         std::memory_order_relaxed);
    // E2: what was taken has been read. Commits.
    from_.head.store(at_, HAWSER_MUTATE(head_not_released, std::memory_order_release,
                                        std::memory_order_relaxed));
  }

  /// Whether `peek` would find something (or a pad).
  bool may_have_record() noexcept { return at_ != tail_ || look(); }
  /// Lets the next look find everything that is committed, also by a sender that died before it
  /// stored the tail.
  void look_closely() noexcept { looks_ = looks_at_tail; }

 private:
  // Who is here before the sender looks at the tail, which tells of all that is there: it leaves
  // the lines alone that the sender writes. Who has to wait looks at the header: it comes in the
  // same line as the message.
  static constexpr unsigned looks_at_tail = 2;
  // So often there was something behind what had been found before, but little: a stream, and not
  // a request in two messages.
  static constexpr unsigned small_finds_max = 8;

  bool look() noexcept {
    if (looks_ < looks_at_tail) {
      ++looks_;
      const std::uint64_t tail = from_.tail.load(std::memory_order_acquire);  // E1
      // It may lag behind.
      if (static_cast<std::int64_t>(tail - at_) <= 0) return false;
      tail_ = tail - at_ < enough_ && ++small_finds_ > small_finds_max ? gather(tail) : tail;
    } else {
      const record_header header{
          header_at(ring_ + (at_ & mask_)).load(std::memory_order_acquire)};  // E1
      __builtin_prefetch(ring_ + ((at_ + 64) & mask_));  // of a message that has come
      if (header.bits == 0) return false;
      small_finds_ = 0;
      tail_ = at_ + record_size(header.bytes());
    }
    looks_ = 0;
    return true;
  }

  /// Lets more come, for as long as it does. Who follows a busy sender record by record has the
  /// cache lines go to and fro for each, and both wait for them.
  [[gnu::noinline]] std::uint64_t gather(std::uint64_t tail) const noexcept {
    for (int looks = 0; looks < 2 && tail - at_ < enough_; ++looks) {
      pause_a_moment();
      const std::uint64_t last =
          std::exchange(tail, from_.tail.load(std::memory_order_acquire));  // E1
      if (tail == last) break;
    }
    return tail;
  }

  pipe_direction& from_;
  std::byte* ring_;
  std::uint64_t mask_;
  std::uint64_t enough_ = std::min<std::uint64_t>((mask_ + 1) / 4, 8192);
  std::uint64_t at_ = 0;
  std::uint64_t tail_ = 0;  // committed up to here, as far as we know
  unsigned looks_ = 0;      // in vain, since the last record
  unsigned small_finds_ = 0;
  record_header usual_;
  std::uint64_t usual_size_ = 0;
  std::size_t usual_bytes_ = 0;
  const std::string& name_;
};

}  // namespace hawser::shm::detail
