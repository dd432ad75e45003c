#include "message_buffer.hpp"

#include "loans.hpp"

#include <algorithm>

namespace hawser::actors::detail {

void message_buffer::grow(std::size_t more) {
  const std::size_t needed = used() + more;
  if (loan_) {
    if (use_loan(std::max(needed, 2 * used()))) return;
    // No more can be lent: back into our own memory.
    const shm::payload content = std::exchange(loan_, {});
    const std::size_t bytes = used();
    pool_ = nullptr;
    use_memory(content_at_);
    reserve(content_at_ + needed);
    return append(content.bytes().data(), bytes);
  }
  if (pool_ != nullptr && needed > content_at_ + lent_from_) {
    // With room for some small values behind a large one.
    constexpr std::size_t spare = 4096;
    if (use_loan(needed - content_at_ + spare)) return;
    pool_ = nullptr;
  }
  reserve(needed);
}

void message_buffer::reserve(std::size_t bytes) {
  constexpr std::size_t least = 1024;
  const std::size_t had = used();
  if (bytes > capacity_) {
    capacity_ = std::max({bytes, 2 * capacity_, least});
    std::unique_ptr<char[]> larger{new char[capacity_]};  // NOLINT: as the member
    if (had != 0) std::memcpy(larger.get(), begin_, had);
    memory_ = std::move(larger);
  }
  use_memory(had);
}

/// Copies what there is of the content to a loan that is large enough.
bool message_buffer::use_loan(std::size_t bytes) {
  auto larger = pool_->try_loan(bytes);
  if (!larger) return false;
  const std::span<std::byte> there = larger.writable();
  const char* const content = loan_ ? begin_ : begin_ + content_at_;
  const std::size_t had = static_cast<std::size_t>(at_ - content);
  if (had != 0) std::memcpy(there.data(), content, had);
  loan_ = std::move(larger);
  begin_ = reinterpret_cast<char*>(there.data());
  at_ = begin_ + had;
  end_ = begin_ + there.size();
  return true;
}

shm::payload message_buffer::take_loan() {
  if (loan_) loan_.resize(used());
  shm::payload content = std::exchange(loan_, {});
  pool_ = nullptr;
  use_memory(content ? content_at_ : used());
  return content;
}

void message_buffer::shrink() noexcept {
  constexpr std::size_t kept_max = 1 << 20;
  if (capacity_ <= kept_max) return;
  memory_.reset();
  capacity_ = 0;
  clear();
}

}  // namespace hawser::actors::detail
