/// The payload pool without types: one process's view. pool_layout.hpp says what each step means.
#pragma once

#include <hawser/shm/async_wait.hpp>
#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/mutant.hpp>
#include <hawser/shm/detail/pool_layout.hpp>
#include <hawser/shm/detail/prefetch.hpp>
#include <hawser/shm/detail/spin.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::shm::detail {

struct pool_request {
  std::string name;
  opening how = opening::open_only;
  std::vector<pool_class> classes;  // bytes and chunks
  std::size_t references = 0;
  std::size_t large = 0;
  std::size_t large_kept_bytes = 0;
  bool read_only = false;
  unsigned mode = 0600;
  bool keep = false;
};

/// A pool's sizes, read once and checked: what others may write later does not count.
struct pool_geometry {
  std::uint32_t classes = 0, chunks = 0, large = 0, extras = 0;
  std::uint32_t large_kept = 0;  // pages
  std::array<pool_class, pool_classes_max> of_class{};
  std::array<std::uint32_t, pool_classes_max> first{};  // home reference of each class

  std::uint32_t homes() const noexcept { return chunks + large; }
  std::uint32_t references() const noexcept { return homes() + extras; }
  bool is_large(std::uint32_t chunk) const noexcept { return chunk >= chunks; }

  /// False: the sizes do not fit into `bytes`.
  bool read(const std::byte* body, std::size_t bytes);
};

/// One reference that this process holds, or the payload of a message it has leased.
struct held_payload {
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  std::size_t room = 0;
  std::uint32_t reference = 0, generation = 0;
  std::uint32_t tag = 0;  // who holds it
  bool shared = false;    // others may read it
};

/// The references of a pool's body, for whoever has the body only (a sweep).
class pool_words {
 public:
  pool_words(std::byte* body, const pool_geometry& all) noexcept
      : first_(reinterpret_cast<pool_reference*>(body + sizeof(pool_layout))), all_(&all) {}

  pool_reference& operator[](std::uint32_t reference) const noexcept { return first_[reference]; }
  /// The chunk that a reference in use names; `homes()` if it names none.
  std::uint32_t chunk_of(std::uint32_t reference, reference_word word) const noexcept {
    if (reference < all_->homes()) return reference;
    return word.chunk() < all_->homes() ? word.chunk() : all_->homes();
  }
  bool has_extras(std::uint32_t chunk) const noexcept;

 private:
  pool_reference* first_;
  const pool_geometry* all_;
};

class pool_core {
 public:
  explicit pool_core(const pool_request& request);
  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;
  ~pool_core();

  /// A free chunk of the class for `bytes`; nothing: there is none.
  /// Errors `too_large`, `no_space`, `not_supported` (a read-only view).
  std::optional<held_payload> try_loan(std::size_t bytes, const deadline& until);
  /// The same, waiting until `until`.
  std::optional<held_payload> loan(std::size_t bytes, const deadline& until);
  void release(const held_payload& held) noexcept;
  /// One more reference to the same chunk; nothing: all are in use.
  std::optional<held_payload> share(held_payload& held);

  /// A channel that carries payloads, by its file. Errors `no_resources`: 63 are open already.
  std::uint32_t open_route(attachment& channel);
  /// When nothing of this process moves on it any more and its channel was left.
  void close_route(std::uint32_t route) noexcept;

  // A payload's way through a channel, in this order: begin_send, the push, or abort_send if it
  // was not pushed; find, locate, read; and to take it out of a queue: claim, the queue's own
  // commit, then end_by_releasing or end_by_owning; out of a pipe: take_over, the pipe's take.

  void begin_send(const held_payload& held, std::uint32_t route) noexcept {
    set(held.reference, reference_kind::moving, held.generation, id_of(held.tag), route);
  }
  void abort_send(const held_payload& held) noexcept {
    set(held.reference, reference_kind::owned, held.generation, id_of(held.tag));
  }
  /// What a message carries, but not yet where; nothing if it is not, or no longer, on this route.
  std::optional<held_payload> find(const payload_message& message,
                                   std::uint32_t route) const noexcept;
  /// Where it is. False: there are not as many bytes. Errors `no_resources` (of a large one).
  bool locate(held_payload& found);
  /// From now on no sweep takes it while this process lives. False: it is gone.
  bool claim(held_payload& found, std::uint32_t route) noexcept;
  /// The message was acknowledged: so is its payload.
  void end_by_releasing(const held_payload& claimed) noexcept { release(claimed); }
  /// The message was popped: its payload is this process's own.
  void end_by_owning(held_payload& claimed) noexcept;
  /// From a pipe: its payload is this process's own. False: it is gone.
  bool take_over(held_payload& found, std::uint32_t route) noexcept;
  /// Frees what nobody can take any more: its channel or, of a pipe, the end before it is gone.
  void collect() noexcept;
  void count_stale() noexcept { body_->stale.fetch_add(1, std::memory_order_relaxed); }

  /// This participant's tag, with all that it has open said in the segment.
  std::uint32_t own_tag() {
    const std::uint32_t tag = channel_.tag();
    if (marked_.load(std::memory_order_relaxed) != tag) [[unlikely]]
      mark(tag);
    return tag;
  }

  const std::string& name() const noexcept { return name_; }
  bool read_only() const noexcept { return read_only_; }
  attachment& channel() noexcept { return channel_; }
  const pool_layout& layout() const noexcept { return *body_; }
  const pool_geometry& geometry() const noexcept { return all_; }
  const pool_words& words() const noexcept { return words_; }
  /// Tells this pool from all others, also from later ones of the same name.
  std::uint64_t stamp() noexcept;
  /// Chunks of [first, first + count) that somebody holds.
  std::size_t in_use(std::uint32_t first, std::uint32_t count) const;
  /// References of [first, end) that somebody holds, or that are under way.
  std::size_t references_in_use(std::uint32_t first, std::uint32_t end) const noexcept;

  std::uint64_t async_wait(std::size_t bytes, std::function<void()> callback);

  static constexpr std::uint32_t bit_space = 1;

 private:
  /// After so many loans the search begins at the first chunk again, if that is free.
  static constexpr std::uint32_t again_every = 8;
  struct large_mapping;
  struct lock_holder {
    robust_lock& lock;
    ~lock_holder() { lock.unlock(); }
  };
  struct range {  // of references, and where the search begins
    std::uint32_t first, count;
    std::atomic<std::uint32_t>& next;
    bool lowest_first = false;
  };

  /// The class for `bytes`; `classes` for large ones.
  std::uint32_t class_for(std::size_t bytes) const noexcept {
    std::uint32_t c = 0;
    while (c < all_.classes && all_.of_class[c].bytes < bytes) ++c;
    return c;
  }
  range range_for(std::uint32_t a_class) noexcept;
  void set(std::uint32_t reference, reference_kind kind, std::uint32_t generation,
           std::uint32_t id = 0, std::uint32_t route = 0) noexcept {
    auto& word = words_[reference].word;
    // The chunk an extra reference names stays: only its holder is here.
    const reference_word was{word.load(std::memory_order_relaxed)};
    word.store(reference_word::make(kind, was.chunk(), generation, id, route).bits,
               std::memory_order_release);
  }
  /// Changes what moves on `route` into `now`. False: it does not.
  bool take_out(const held_payload& found, std::uint32_t route, reference_kind kind,
                std::uint32_t generation) noexcept;
  std::optional<held_payload> take_free(std::uint32_t a_class, const deadline& until);
  /// False: somebody was faster.
  bool take_if_free(held_payload& held) noexcept;
  std::uint32_t find_free(const range& where);
  void note_named();
  void get_pages(const held_payload& held);
  /// Where a chunk lies; nullptr if `bytes` are more than it has.
  std::byte* data_of(std::uint32_t chunk, std::size_t bytes);
  std::byte* map_large(std::uint32_t chunk, std::size_t bytes);
  bool file_reaches(std::uint64_t end);
  std::size_t room_of(std::uint32_t chunk) const noexcept;
  bool may_have_space(std::size_t bytes) noexcept;
  /// Frees what vanished channels carried, at most once in a few milliseconds.
  void collect_now_and_then();
  void mark(std::uint32_t tag);
  void notify_space() noexcept {
    if (HAWSER_MUTATE(release_wakes_nobody, body_->space.wanted(), false)) [[unlikely]]
      if (body_->space.wake()) channel_.ring(bit_space);
  }

  std::string name_;
  bool read_only_;
  attachment channel_;
  pool_layout* body_;
  pool_geometry all_;
  pool_words words_;
  std::byte* data_;  // the body; of a view that only reads payloads, pages that cannot be written
  std::atomic<std::uint32_t> marked_{0};             // the tag that has said what it has open
  std::atomic<std::uint64_t> open_{0};               // routes this process has open
  std::array<std::uint32_t, pool_routes> opened_{};  // how often; under the pool's lock
  std::vector<std::uint64_t> named_;  // chunks with extra references; under the pool's lock
  std::array<std::atomic<large_mapping*>, pool_large_max> mapped_{};
  std::atomic<std::uint64_t> file_end_{0};  // as seen last
  adaptive_spin spin_;
  std::atomic<std::int64_t> collected_ns_{0};
};

/// Which channels a sweep looks into.
enum class looking {
  noted_only,  ///< those with words that it has noted
  all_pipes    ///< also pipes on which only the living have sent something
};
/// Sweeps what participant `dead` held; 0: only what nobody can take any more.
void collect_payloads(attachment& self, const pool_geometry& all, std::uint32_t dead,
                      looking where);
/// Gives the pages of a large chunk back to the system if nobody holds it and all of them together
/// have more than `kept` pages.
void trim_large(attachment& self, const pool_geometry& all, std::uint32_t chunk,
                std::uint32_t kept);

extern const channel_kind_ops pool_ops;

}  // namespace hawser::shm::detail
