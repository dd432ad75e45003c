// The two copies of a guarded value. guarded_layout says what each step means.

#include <hawser/shm/detail/permit_core.hpp>

#include <algorithm>
#include <cstring>

namespace hawser::shm::detail {
namespace {

using word = std::atomic<std::uint64_t>;

constexpr std::size_t words_of(std::size_t bytes) noexcept {
  return (bytes + sizeof(word) - 1) / sizeof(word);
}

/// The copy that counts at `version`. `bytes` was checked against the segment on opening.
word* copy_of(guarded_layout& value, std::uint64_t version, std::size_t bytes) noexcept {
  return reinterpret_cast<word*>(&value + 1) + (version & 1) * words_of(bytes);
}

void read_words(const word* from, std::byte* to, std::size_t bytes) noexcept {
  for (std::size_t at = 0; at < bytes; at += sizeof(word)) {
    const std::uint64_t one = (from++)->load(std::memory_order_acquire);  // E5
    std::memcpy(to + at, &one, std::min(sizeof one, bytes - at));
  }
}

}  // namespace

void commit_guarded(permit_core& core, const std::byte* from, std::size_t bytes) noexcept {
  guarded_layout& value = core.guarded();
  const std::uint64_t version = value.version.load(std::memory_order_relaxed);
  HAWSER_MUTATE(guarded_commits_before_bytes, void(), value.version.store(version + 1));
  const std::uint64_t next = version + HAWSER_MUTATE(guarded_writes_what_counts, 1U, 0U);
  word* to = copy_of(value, next, bytes);
  for (std::size_t at = 0; at < bytes; at += sizeof(word)) {
    std::uint64_t one = 0;
    std::memcpy(&one, from + at, std::min(sizeof one, bytes - at));
    (to++)->store(one, std::memory_order_release);  // E5
  }
  value.version.store(version + 1, std::memory_order_release);  // E4. Commits.
}

void read_guarded(permit_core& core, std::byte* to, std::size_t bytes) noexcept {
  guarded_layout& value = core.guarded();
  const std::uint64_t version = value.version.load(std::memory_order_acquire);  // E4
  read_words(copy_of(value, version, bytes), to, bytes);
}

bool try_read_guarded(permit_core& core, std::byte* to, std::size_t bytes) noexcept {
  guarded_layout& value = core.guarded();
  constexpr int tries = 100;
  for (int i = 0; i < tries; ++i) {
    const std::uint64_t version = value.version.load(std::memory_order_acquire);  // E4
    read_words(copy_of(value, version, bytes), to, bytes);
    if (value.version.load(std::memory_order_relaxed) == version) return true;
  }
  return false;
}

}  // namespace hawser::shm::detail
