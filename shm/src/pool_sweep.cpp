// What a sweep of a pool does: references of the dead, and payloads whose channels are gone.

#include "segment_file.hpp"
#include <hawser/shm/detail/fence.hpp>
#include <hawser/shm/detail/pipe_core.hpp>
#include <hawser/shm/detail/pool_core.hpp>
#include <hawser/shm/detail/queue_core.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hawser::shm::detail {
namespace {

/// Words as a sweep found them; 0: not its business, or met in a channel.
using noted_words = std::unique_ptr<std::uint64_t[]>;  // NOLINT: one allocation that may fail

class pool_sweep {
 public:
  pool_sweep(attachment& self, const pool_geometry& all, std::uint32_t dead) noexcept
      : all_(all),
        words_(self.body(), all),
        pool_(*std::launder(reinterpret_cast<pool_layout*>(self.body()))),
        dead_(id_of(dead)) {}

  void run(looking where) noexcept;
  std::uint64_t reclaimed() const noexcept { return reclaimed_; }

 private:
  bool change(std::uint32_t reference, std::uint64_t was, reference_word now) noexcept {
    return words_[reference].word.compare_exchange_strong(was, now.bits, std::memory_order_seq_cst);
  }
  void free(std::uint32_t reference, reference_word was) noexcept {
    reclaimed_ += change(reference, was.bits,
                         reference_word::make(reference_kind::free, was.chunk(), was.generation()));
  }
  /// The message is there, or may be: nobody is moving it.
  void let_lie(std::uint32_t reference, reference_word was) noexcept {
    if (was.id() != 0)
      change(reference, was.bits,
             reference_word::make(reference_kind::moving, was.chunk(), was.generation(), 0,
                                  was.route()));
  }
  enum class looked { read, gone, unsure };
  looked look_into(std::uint32_t route) noexcept;
  /// False: it is damaged.
  bool look_into_pipe(std::uint32_t route, int file, const std::byte* body,
                      std::size_t bytes) noexcept;
  void meet(std::uint32_t route, payload_handle handle) noexcept;
  /// A message before an end that is gone.
  void free_lying(std::uint32_t route, payload_handle handle) noexcept;

  const pool_geometry& all_;
  pool_words words_;
  pool_layout& pool_;
  std::uint32_t dead_;
  std::uint64_t reclaimed_ = 0;
  noted_words noted_;
};

void pool_sweep::run(looking where) noexcept {
  std::uint64_t noted = 0, moving = 0;  // routes
  for (std::uint32_t i = 0; i < all_.references(); ++i) {
    const reference_word was{words_[i].word.load(std::memory_order_acquire)};
    if (was.kind() == reference_kind::owned && was.id() == dead_ && dead_ != 0) {
      if (HAWSER_MUTATE(sweep_keeps_payloads, true, false)) free(i, was);
    } else if (was.kind() == reference_kind::moving) {
      moving |= std::uint64_t{1} << was.route();
      if (was.id() != dead_ && was.id() != 0) continue;
      if (!noted_) noted_.reset(new (std::nothrow) std::uint64_t[all_.references()]{});
      if (noted_) noted_[i] = was.bits;
      else let_lie(i, was);  // no memory: later, then
      noted |= std::uint64_t{1} << was.route();
    }
  }
  for (std::uint32_t route = 0; route < pool_routes; ++route) {
    if ((moving >> route & 1) == 0) continue;
    const bool notes = (noted >> route & 1) != 0;
    if (!notes && (where == looking::noted_only || pool_.routes[route].kind != channel_kind::pipe))
      continue;
    const looked result =
        HAWSER_MUTATE(queue_not_looked_into, look_into(route), pool_sweep::looked::gone);
    for (std::uint32_t i = 0; notes && noted_ && i < all_.references(); ++i) {
      const reference_word was{noted_[i]};
      if (was.bits == 0 || was.route() != route) continue;
      if (result == looked::unsure) let_lie(i, was);
      else if (HAWSER_MUTATE(sweep_keeps_unsent, true, false)) free(i, was);
      else let_lie(i, was);
    }
  }
}

void pool_sweep::meet(std::uint32_t route, payload_handle handle) noexcept {
  if (!noted_ || handle.reference() >= all_.references()) return;
  const auto reference = static_cast<std::uint32_t>(handle.reference());
  const reference_word was{noted_[reference]};
  if (was.bits == 0 || was.route() != route || was.generation() != handle.generation()) return;
  let_lie(reference, was);
  noted_[reference] = 0;
}

void pool_sweep::free_lying(std::uint32_t route, payload_handle handle) noexcept {
  if (handle.reference() >= all_.references()) return;
  const auto reference = static_cast<std::uint32_t>(handle.reference());
  const reference_word was{words_[reference].word.load(std::memory_order_acquire)};
  if (was.kind() == reference_kind::moving && was.route() == route &&
      was.generation() == handle.generation())
    free(reference, was);
}

bool pool_sweep::look_into_pipe(std::uint32_t route, int file, const std::byte* body,
                                std::size_t bytes) noexcept {
  if (bytes < sizeof(pipe_layout)) return false;
  const auto& ends = reinterpret_cast<const pipe_layout*>(body)->ends;
  std::array<bool, 2> gone{};
  for (unsigned end = 0; end < 2; ++end) {
    const std::uint32_t owner = ends[end].load(std::memory_order_acquire);
    gone[end] = owner == end_gone || (owner != end_free && !is_alive(file, id_of(owner)));
  }
  bool all = true;
  for (unsigned end = 0; end < 2; ++end) {
    const bool read = visit_pipe_messages(body, bytes, end, [&](std::uint64_t first) {
      if (HAWSER_MUTATE(lying_payloads_kept, gone[end], false))
        free_lying(route, payload_handle{first});
      else meet(route, payload_handle{first});
    });
    // Between two living ends it may change while it is read, and has nothing of what was noted.
    all &= read || (!gone[0] && !gone[1]);
  }
  return all;
}

pool_sweep::looked pool_sweep::look_into(std::uint32_t route) noexcept try {
  pool_route& entry = pool_.routes[route];
  const std::uint64_t inode = entry.inode.load(std::memory_order_acquire);  // E3
  if (inode == 0) return looked::gone;
  // Names that a word carries do not change (I5); of others it does not matter what we read.
  const std::array<char, sizeof entry.file> name = entry.file;
  const std::string_view channel{name.data(), strnlen(name.data(), name.size())};
  // Damage is to lead nowhere else: opening a device may do something.
  if (channel.find('/') != std::string_view::npos) return looked::gone;
  const std::string path = std::string{directory}.append("/").append(channel);
  const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  struct stat status {};
  segment_header header{};
  if (!file) return errno == ENOENT ? looked::gone : looked::unsure;
  if (fstat(file.get(), &status) != 0 ||
      pread(file.get(), &header, sizeof header, 0) != sizeof header)
    return looked::unsure;
  if (status.st_ino != inode || header.magic != segment_magic ||
      header.created_ns != entry.created_ns || header.kind != entry.kind)
    return looked::gone;
  // Nobody is attached: stale, it will be replaced.
  if (HAWSER_MUTATE(vanished_queue_kept, !anybody_alive(file.get()), false) &&
      (header.flags & flag_keep) == 0)
    return looked::gone;
  const auto bytes = static_cast<std::size_t>(status.st_size);
  if (bytes < body_offset) return looked::unsure;
  void* const base = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.get(), 0);
  if (base == MAP_FAILED) return looked::unsure;
  const auto* const body = static_cast<const std::byte*>(base) + body_offset;
  const bool all = header.kind == channel_kind::pipe
                       ? look_into_pipe(route, file.get(), body, bytes - body_offset)
                       : visit_messages(body, bytes - body_offset, [&](std::uint64_t first) {
                           meet(route, payload_handle{first});
                         });
  munmap(base, bytes);
  return all ? looked::read : looked::unsure;
} catch (...) {
  return looked::unsure;
}

}  // namespace

void collect_payloads(attachment& self, const pool_geometry& all, std::uint32_t dead,
                      looking where) {
  pool_layout& pool = *std::launder(reinterpret_cast<pool_layout*>(self.body()));
  pool_sweep sweep{self, all, dead};
  sweep.run(where);
  // What somebody gave free before it died, too.
  if (HAWSER_MUTATE(sweep_keeps_pages, dead != 0 || sweep.reclaimed() != 0, false))
    for (std::uint32_t chunk = all.chunks; chunk < all.homes(); ++chunk)
      trim_large(self, all, chunk, all.large_kept);
  if (sweep.reclaimed() == 0) return;
  pool.reclaimed.fetch_add(sweep.reclaimed(), std::memory_order_relaxed);
  if (pool.space.wanted() && pool.space.wake()) self.ring(pool_core::bit_space);
}

void pool_core::collect() noexcept {
  const std::uint32_t tag = channel_.tag_if_attached();
  // A fork that never used the pool has nothing in it.
  if (tag == 0 || tag != marked_.load(std::memory_order_relaxed)) return;
  heavy_fence();  // E6
  collect_payloads(channel_, all_, 0, looking::all_pipes);
}

void pool_core::collect_now_and_then() {
  const std::int64_t now = clock::now().time_since_epoch().count();
  std::int64_t last = collected_ns_.load(std::memory_order_relaxed);
  if (now - last >= 5'000'000 &&
      collected_ns_.compare_exchange_strong(last, now, std::memory_order_relaxed))
    collect_payloads(channel_, all_, 0, looking::all_pipes);
}

}  // namespace hawser::shm::detail
