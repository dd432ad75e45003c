/// A message while it is written.
#pragma once

#include <hawser/shm/payload_pool.hpp>

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace hawser::actors::detail {

class loan_pool;

/// The head of a message's frame, and behind it the content; or that in a loan, once it is large: then
/// nobody copies it any more. CAF's serialisers write to the end of it, as of a vector.
class message_buffer {
 public:
  using value_type = char;

  void clear() noexcept {
    loan_ = {};
    pool_ = nullptr;
    content_at_ = 0;
    use_memory(0);
  }
  /// The head is complete. The content goes to a loan of `pool`, if there is one, as soon as it is
  /// larger than `lent_from`.
  void begin_content(loan_pool* pool, std::size_t lent_from) noexcept {
    content_at_ = size();
    pool_ = pool;
    lent_from_ = lent_from;
    use_memory(content_at_);
  }
  void append(const void* bytes, std::size_t count) {
    if (static_cast<std::size_t>(end_ - at_) < count) [[unlikely]]
      grow(count);
    if (count != 0) std::memcpy(at_, bytes, count);
    at_ += count;
  }

  // What a serialiser asks of its container.

  std::size_t size() const noexcept { return (loan_ ? content_at_ : 0) + used(); }
  char* data() noexcept { return begin_; }
  char* end() noexcept { return at_; }
  void insert(char*, const char* first, const char* last) {
    append(first, static_cast<std::size_t>(last - first));
  }
  void insert(char*, std::size_t count, char value) {
    for (; count != 0; --count) append(&value, 1);
  }

  /// What goes into the ring.
  std::span<const char> frame() const noexcept {
    return {memory_.get(), loan_ ? content_at_ : used()};
  }
  /// The content is complete: it, if it is in a loan; else an empty one. What comes now goes into the
  /// ring.
  shm::payload take_loan();
  /// Gives back the memory that few messages need.
  void shrink() noexcept;

 private:
  std::size_t used() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
  void use_memory(std::size_t used) noexcept {
    begin_ = memory_.get();
    at_ = begin_ + used;
    end_ = begin_ + (pool_ != nullptr && capacity_ > content_at_ + lent_from_
                         ? content_at_ + lent_from_
                         : capacity_);
  }
  void grow(std::size_t more);
  void reserve(std::size_t bytes);
  bool use_loan(std::size_t bytes);

  std::unique_ptr<char[]> memory_;  // NOLINT: bytes that are not set before they are written
  std::size_t capacity_ = 0;
  shm::payload loan_;
  char *begin_ = nullptr, *at_ = nullptr, *end_ = nullptr;  // of one of them
  std::size_t content_at_ = 0;
  loan_pool* pool_ = nullptr;
  std::size_t lent_from_ = 0;
};

template <class T>
void append(message_buffer& out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(&value, sizeof(T));
}

}  // namespace hawser::actors::detail
