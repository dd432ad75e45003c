/// Bytes of shared memory for code that trusts what it has read once.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

namespace hawser::shm::detail {

/// A copy for a codec: it may check a length and read it again behind that, and another process
/// may write in between. Small messages, most of them, cost no memory.
class private_copy {
 public:
  explicit private_copy(std::span<const std::byte> shared) : bytes_(shared.size()) {
    if (bytes_ > small_.size()) large_ = std::make_unique_for_overwrite<std::byte[]>(bytes_);
    if (bytes_ != 0) std::memcpy(data(), shared.data(), bytes_);
  }
  std::span<const std::byte> bytes() noexcept { return {data(), bytes_}; }

 private:
  std::byte* data() noexcept { return large_ ? large_.get() : small_.data(); }

  std::size_t bytes_;
  // As aligned as what is copied.
  alignas(8) std::array<std::byte, 512> small_;  // NOLINT: written before it is read
  std::unique_ptr<std::byte[]> large_;           // NOLINT: not to be cleared first
};

}  // namespace hawser::shm::detail
