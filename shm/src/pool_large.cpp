// Chunks of any size: pages of the pool's file, taken for a loan, and given back after it or kept for
// the next one.

#include "segment_file.hpp"
#include <hawser/shm/detail/pool_core.hpp>
#include <hawser/shm/error.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hawser::shm::detail {
namespace {

/// Where the pages of a large chunk begin in the file.
std::uint64_t place_of(const pool_geometry& all, std::uint32_t chunk) {
  return (std::uint64_t{chunk - all.chunks} + 1) * large_stride;
}

constexpr std::uint64_t pages_for(std::uint64_t bytes) { return (bytes + 4095) / 4096; }

/// Of all large chunks, lent or not.
std::uint64_t pages_of_all(const pool_words& words, const pool_geometry& all) {
  std::uint64_t sum = 0;
  for (std::uint32_t chunk = all.chunks; chunk < all.homes(); ++chunk)
    sum += pages_for(std::min(words[chunk].pages.load(std::memory_order_relaxed), large_stride));
  return sum;
}

}  // namespace

/// Pages of one large chunk in this process. A longer one takes its place in front, the older stay:
/// nobody need know whether they are being read.
struct pool_core::large_mapping {
  std::byte* data;
  std::size_t bytes;
  large_mapping* older;
};

pool_core::~pool_core() {
  for (auto& entry : mapped_) {
    for (large_mapping* mapping = entry.load(std::memory_order_relaxed); mapping != nullptr;) {
      munmap(mapping->data, mapping->bytes);
      delete std::exchange(mapping, mapping->older);
    }
  }
}

std::size_t pool_core::room_of(std::uint32_t chunk) const noexcept {
  std::uint32_t c = all_.classes - 1;
  while (chunk < all_.first[c]) --c;
  return all_.of_class[c].bytes;
}

std::byte* pool_core::data_of(std::uint32_t chunk, std::size_t bytes) {
  if (all_.is_large(chunk)) {
    const std::uint64_t pages = words_[chunk].pages.load(std::memory_order_relaxed);
    return bytes <= pages && pages <= large_stride && file_reaches(place_of(all_, chunk) + bytes)
               ? map_large(chunk, bytes)
               : nullptr;
  }
  std::uint32_t c = all_.classes - 1;
  while (chunk < all_.first[c]) --c;
  const pool_class& a_class = all_.of_class[c];
  if (bytes > a_class.bytes) return nullptr;
  return data_ + a_class.data + (chunk - all_.first[c]) * a_class.stride;
}

bool pool_core::file_reaches(std::uint64_t end) {
  // It only grows. Behind its end no page can be touched, whatever `pages` says.
  if (end <= file_end_.load(std::memory_order_relaxed)) return true;
  struct stat status {};
  if (fstat(channel_.file(), &status) != 0) return false;
  file_end_.store(static_cast<std::uint64_t>(status.st_size), std::memory_order_relaxed);
  return end <= static_cast<std::uint64_t>(status.st_size);
}

void pool_core::get_pages(const held_payload& held) {
  pool_reference& home = words_[held.reference];
  const std::size_t bytes = std::max<std::size_t>(held.bytes, 1);
  const std::uint64_t place = place_of(all_, held.reference), end = pages_for(bytes) * 4096;
  // I6. More, if it was lent before and has kept its pages, or not yet given them back.
  home.pages.store(std::max<std::uint64_t>(home.pages.load(std::memory_order_relaxed), bytes),
                   std::memory_order_relaxed);
  std::uint64_t whole = home.whole.load(std::memory_order_relaxed);
  if (whole > large_stride || !file_reaches(place + whole)) whole = 0;  // damaged
  try {
    if (whole < end) {
      const auto add = [&] { return allocate(channel_.file(), place + whole, end - whole); };
      int failure = add();
      if (failure == ENOSPC && all_.large_kept != 0) {
        for (std::uint32_t chunk = all_.chunks; chunk < all_.homes(); ++chunk)
          trim_large(channel_, all_, chunk, 0);
        failure = add();
      }
      if (failure != 0)
        throw make_system_error(failure, "loan from payload pool", name_,
                                "allocate " + std::to_string(bytes) + " bytes");
      home.whole.store(end, std::memory_order_relaxed);  // I6
    }
    map_large(held.reference, bytes);
  } catch (...) {
    release(held);
    trim_large(channel_, all_, held.reference, 0);  // what it did get
    throw;
  }
}

std::byte* pool_core::map_large(std::uint32_t chunk, std::size_t bytes) {
  auto& entry = mapped_[chunk - all_.chunks];
  large_mapping* newest = entry.load(std::memory_order_acquire);
  if (newest != nullptr && newest->bytes >= bytes) return newest->data;
  // Of twice the size each time: what is mapped stays in proportion.
  auto mapping = std::make_unique<large_mapping>();
  mapping->bytes = std::bit_ceil(std::max<std::size_t>(bytes, 4096));
  // A description of its own: a mapping must not pin the one with our locks.
  const std::string link = "/proc/self/fd/" + std::to_string(channel_.file());
  const descriptor file{::open(link.c_str(), (read_only_ ? O_RDONLY : O_RDWR) | O_CLOEXEC)};
  if (!file) throw make_system_error(errno, "use payload pool", name_, "open");
  void* const data = mmap(nullptr, mapping->bytes, read_only_ ? PROT_READ : PROT_READ | PROT_WRITE,
                          MAP_SHARED, file.get(), static_cast<off_t>(place_of(all_, chunk)));
  if (data == MAP_FAILED) throw make_system_error(errno, "use payload pool", name_, "mmap");
  mapping->data = static_cast<std::byte*>(data);
  mapping->older = newest;
  while (!entry.compare_exchange_weak(mapping->older, mapping.get(), std::memory_order_acq_rel)) {
  }
  return mapping.release()->data;
}

void trim_large(attachment& self, const pool_geometry& all, std::uint32_t chunk,
                std::uint32_t kept) {
  const pool_words words{self.body(), all};
  pool_reference& home = words[chunk];
  if (home.pages.load(std::memory_order_relaxed) == 0) return;
  if (kept != 0 && pages_of_all(words, all) <= kept) return;      // I7
  reference_word was{home.word.load(std::memory_order_seq_cst)};  // E5
  const std::uint32_t tag = self.tag_if_attached(), id = id_of(tag);
  if (was.kind() != reference_kind::free || words.has_extras(chunk) || id == 0) return;
  self.mark_holder(tag);  // also a sweeper that has never held anything
  // I4: unchanged, so nobody has lent it, and nobody could share it, since we looked.
  const std::uint32_t generation = (was.generation() + 1) & reference_word::generation_mask;
  if (!home.word.compare_exchange_strong(
          was.bits, reference_word::make(reference_kind::owned, 0, generation, id).bits,
          std::memory_order_acq_rel))
    return;
  if (HAWSER_MUTATE(trimmed_counts_as_whole, true, false))
    home.whole.store(0, std::memory_order_relaxed);  // I6
  const std::uint64_t bytes = home.pages.load(std::memory_order_relaxed);
  if (bytes <= large_stride)
    fallocate(self.file(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              static_cast<off_t>(place_of(all, chunk)),
              static_cast<off_t>(pages_for(bytes) * 4096));
  home.pages.store(0, std::memory_order_relaxed);  // I6
  home.word.store(reference_word::make(reference_kind::free, 0, generation).bits,
                  std::memory_order_release);
}

}  // namespace hawser::shm::detail
