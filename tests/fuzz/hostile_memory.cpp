#include "hostile_memory.hpp"

#include "segment_file.hpp"
#include <hawser/shm/detail/segment_layout.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace hawser::fuzz {
namespace {

namespace shm = hawser::shm::detail;

// One access, like any other process's.
template <class Word>
void write_word(std::byte* at, bool relative, std::uint64_t value) noexcept {
  auto* const word = reinterpret_cast<Word*>(at);
  const Word old = relative ? __atomic_load_n(word, __ATOMIC_RELAXED) : Word{0};
  __atomic_store_n(word, static_cast<Word>(old + static_cast<Word>(value)), __ATOMIC_RELAXED);
}

}  // namespace

hostile_memory::hostile_memory(target channel)
    : target_(std::move(channel)),
      fd_(open(shm::resolve(target_.channel, "attack").path().c_str(), O_RDWR | O_CLOEXEC)) {
  // Not all of the file: a pool's goes on behind its segment, for terabytes.
  shm::segment_header header;
  if (fd_ < 0 || pread(fd_, &header, sizeof header, 0) != sizeof header)
    throw std::system_error(errno, std::generic_category(), "open " + target_.channel);
  bytes_ = header.segment_bytes;
  void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (memory == MAP_FAILED)
    throw std::system_error(errno, std::generic_category(), "mmap " + target_.channel);
  base_ = static_cast<std::byte*>(memory);
}

hostile_memory::~hostile_memory() {
  munmap(base_, bytes_);
  close(fd_);
}

hostile_memory::edit hostile_memory::next_edit(script& from) const {
  edit change;
  const std::uint8_t shape = from.next();
  change.width = std::size_t{1} << (shape & 3);

  // Most of a segment is unused rows and payload: the others come up more often.
  constexpr std::size_t row = sizeof(shm::participant_row), body = shm::body_offset;
  std::size_t first = 0, length = bytes_;
  const auto within = [&](target::part part) {
    first = std::min(body + part.offset, bytes_ - 8);
    length = std::min(part.bytes != 0 ? part.bytes : bytes_, bytes_ - first);
  };
  const auto& parts = target_.parts;
  switch (shape >> 2 & 7) {
    case 0: length = sizeof(shm::segment_header); break;
    case 1: first = sizeof(shm::segment_header) + row, length = 4 * row; break;
    case 2:
    case 3:
    case 4: within(parts.front()); break;
    case 5:
    case 6: within(parts.size() == 2 ? parts[1] : parts[1 + from.below(parts.size() - 1)]); break;
    default: break;
  }
  change.offset = first + from.below(length) / change.width * change.width;
  change.offset = std::min(change.offset, bytes_ - change.width);

  constexpr std::array<std::uint64_t, 12> edges{
      0,          1,           0x7FFF'FFFF,       0x8000'0000,       0xFFFF'FFFF, 1ULL << 44,
      1ULL << 46, 1ULL << 63U, ~std::uint64_t{0}, ~std::uint64_t{7}, 0x0101'0101, 0xFF};
  switch (shape >> 5) {
    case 0: change.value = edges[from.below(edges.size())]; break;
    case 1:
    case 2: change.value = from.next(); break;
    case 3:
      change.relative = true;
      change.value = static_cast<std::uint64_t>(static_cast<std::int8_t>(from.next()));
      break;
    case 4: {  // a tag that somebody has, or one like it
      const auto& rows = reinterpret_cast<const shm::segment_layout*>(base_)->rows;
      change.value = rows[1 + from.below(4)].tag.load(std::memory_order_relaxed);
      break;
    }
    case 5: change.value = from.next<std::uint16_t>(); break;
    case 7: {  // what stands at another place of its kind, or nearly that
      const auto choice = from.next<std::uint64_t>();
      const std::size_t at = first + (choice >> 8) % std::max<std::size_t>(length / 8, 1) * 8;
      std::memcpy(&change.value, base_ + std::min(at, bytes_ - 8), sizeof change.value);
      change.value += choice & 7U;
      break;
    }
    default: change.value = from.next<std::uint64_t>(); break;
  }
  return change;
}

void hostile_memory::apply(const edit& change) noexcept {
  std::byte* const at = base_ + change.offset;
  switch (change.width) {
    case 1: write_word<std::uint8_t>(at, change.relative, change.value); break;
    case 2: write_word<std::uint16_t>(at, change.relative, change.value); break;
    case 4: write_word<std::uint32_t>(at, change.relative, change.value); break;
    default: write_word<std::uint64_t>(at, change.relative, change.value); break;
  }
}

std::uint32_t& hostile_memory::lock_at(std::size_t offset) const noexcept {
  return *reinterpret_cast<std::uint32_t*>(base_ + shm::body_offset + offset);
}

bool hostile_memory::names_the_living() const noexcept {
  return std::any_of(target_.locks.begin(), target_.locks.end(), [this](std::size_t offset) {
    const std::uint32_t id = shm::id_of(__atomic_load_n(&lock_at(offset), __ATOMIC_RELAXED));
    return id != 0 && shm::is_alive(fd_, id);
  });
}

void hostile_memory::free_locks() noexcept {
  if (!names_the_living()) return;
  for (const std::size_t offset : target_.locks)
    __atomic_store_n(&lock_at(offset), 0, __ATOMIC_RELAXED);
}

void hostile_memory::wipe() noexcept { std::memset(base_, 0, bytes_); }

storm::storm(std::vector<gust> gusts)
    : thread_([this, gusts = std::move(gusts)] {
        while (!over_.load(std::memory_order_relaxed))
          for (const auto& [where, change] : gusts) where->apply(change);
      }) {}

storm::~storm() {
  over_.store(true, std::memory_order_relaxed);
  thread_.join();
}

}  // namespace hawser::fuzz
