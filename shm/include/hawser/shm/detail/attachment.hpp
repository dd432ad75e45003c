/// One process's place in one segment: the mapping, the participant's identity, and what
/// every channel needs from them: who is dead, sleeping, sweeping.
#pragma once

#include <hawser/shm/detail/event_count.hpp>
#include <hawser/shm/detail/segment_layout.hpp>
#include <hawser/shm/error.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace boost::interprocess {
class mapped_region;
}

namespace hawser::shm::detail {

class attachment;

/// What a kind of channel does for the machinery below it. All take the channel's body.
struct channel_kind_ops {
  channel_kind kind;
  const char* word;  // "queue"
  /// Makes everything `dead` held available again, idempotently. Followed by `wake`.
  void (*reclaim)(attachment& self, std::uint32_t dead);
  /// Wakes every sleeper of the channel.
  void (*wake)(attachment& self);
};

enum class opening { create_only, open_only, open_or_create };

/// What a constructor asks for.
struct attach_request {
  std::string name;
  std::string file;  // not empty: the segment is this file of the user's, and is kept
  opening how = opening::open_only;
  unsigned mode = 0600;
  bool keep = false;
  std::uint64_t type_fingerprint = 0;
  std::string_view type_name;
  std::size_t body_bytes = 0;                       // when created
  std::function<void(std::byte* body)> initialise;  // the body is all zero before
  /// Checks the body of an existing segment against the request; throws.
  std::function<void(const std::byte* body, std::size_t bytes)> check;
  /// Called when we have swept a dead participant, by whatever thread did; does not throw.
  std::function<void()> swept;
};

class attachment {
 public:
  attachment(const channel_kind_ops& ops, const attach_request& request);
  attachment(const attachment&) = delete;
  attachment& operator=(const attachment&) = delete;
  /// Leaves: gives back what this participant holds; the last one removes the segment.
  ~attachment();

  /// This participant's tag. After a fork the child takes a place of its own here.
  std::uint32_t tag() {
    const std::uint32_t mine = tag_.load(std::memory_order_relaxed);
    return mine != 0 ? mine : attach_again();
  }
  /// The same, 0 in a forked child that has not used the channel yet. Never throws.
  std::uint32_t tag_if_attached() const noexcept { return tag_.load(std::memory_order_relaxed); }

  std::byte* body() noexcept { return base_ + body_offset; }
  /// The body a second time, for users who may only read: our own writing, a sweep's above all,
  /// goes on through the first. Once. Errors `system`, `no_resources`.
  const std::byte* map_read_only();
  segment_layout& layout() noexcept { return *reinterpret_cast<segment_layout*>(base_); }
  const std::string& name() const noexcept { return name_; }
  /// The segment's file, for its pages. It carries our locks: never to be mapped or closed.
  int file() const noexcept { return lock_fd_; }
  std::string file_name() const { return path_.substr(path_.rfind('/') + 1); }
  std::uint64_t inode() const noexcept { return inode_; }
  std::size_t body_bytes() const noexcept { return bytes_ - body_offset; }

  /// Whether the participant of this tag is gone for good. One system call.
  bool is_dead(std::uint32_t tag) noexcept;

  /// Whether a participant of this tag, dead or alive, still has its place.
  bool is_unswept(std::uint32_t tag) noexcept {
    return layout().rows[id_of(tag)].tag.load(std::memory_order_acquire) == tag;
  }

  /// Sleeps on `word` while it is `expected`, until woken, `until`, or the end of a slice.
  /// False: the deadline has passed. Starts the process's monitor thread.
  bool sleep(std::atomic<std::uint32_t>& word, std::uint32_t expected, const deadline& until);

  /// Has this process's monitor watch the other participants from now on, for callers that may
  /// not sleep for long and still want to hear of a death at once. Starts its thread.
  void watch() noexcept;

  /// Looks for dead participants and sweeps them. For callers that never sleep: does so at
  /// most once in a few milliseconds unless `now`.
  void look_for_dead(bool now = false);

  /// Sweeps the participant of this id, if it is dead. True: it is gone (by us or before).
  bool sweep(std::uint32_t id);

  /// Says that `tag`, ours, is about to hold something for the first time: sweeps look for
  /// nothing that a participant without this mark might hold.
  void mark_holder(std::uint32_t tag) noexcept {
    // In program order before what is held names us; our death orders both before a sweep.
    layout().rows[id_of(tag)].held.store(1, std::memory_order_release);
  }
  bool was_holder(std::uint32_t tag) noexcept {
    return layout().rows[id_of(tag)].held.load(std::memory_order_acquire) != 0;
  }

  /// Writes the segment to its file system and waits until that is done. Errors `system`.
  void sync();

  /// Rings the doorbells of those who armed one of `bits` here. Called after a wake.
  void ring(std::uint32_t bits) noexcept;
  /// Rings every doorbell and has it armed anew. For a sweep: the dead one may have taken the
  /// arming off an event or a row, and have died before it rang.
  void ring_all() noexcept;

 private:
  friend class monitor;

  enum class found { nothing, attached };

  void attach(const attach_request& request);
  found open_existing(const attach_request& request);
  bool create_new(const attach_request& request);
  void map(int fd, std::size_t bytes);
  void check(const attach_request& request, std::size_t file_bytes);
  std::string remedy_for_strangers() const;
  void claim();
  std::uint32_t attach_again();
  void forget_after_fork() noexcept;
  void leave() noexcept;
  std::string operation(const char* verb) const;
  error failure(int number, const char* verb, const std::string& call) const;

  const channel_kind_ops& ops_;
  std::string name_;
  std::function<void()> swept_;
  std::string path_;
  bool users_file_ = false;  // path_ is not in /dev/shm but what the user said; never unlinked
  unsigned owner_uid_ = 0;
  std::unique_ptr<boost::interprocess::mapped_region> mapping_, reading_;
  std::byte* base_ = nullptr;
  std::size_t bytes_ = 0;
  std::uint64_t inode_ = 0;
  int lock_fd_ = -1;  // carries our OFD locks; never mapped
  std::atomic<std::uint32_t> tag_{0};
  std::mutex again_;     // one thread of a forked child takes the new place
  std::mutex sweeping_;  // our threads share the locks of lock_fd_: they do not exclude each other
  std::atomic<std::int64_t> looked_ns_{0};

  // The monitor's notes about us, under its mutex.
  std::uint32_t watched_membership_ = 0;
  bool watched_ = false, covered_ = false;
  std::uint32_t armings_ = 0;  // counts the times our row's bits were found cleared
};

/// For tests: with slices off, a sleeper is woken by a notification or a sweep, or never.
void set_wait_slices(bool on) noexcept;
bool wait_slices() noexcept;

/// For tests: off, segments are created as on a file system that has no O_TMPFILE.
void set_nameless_files(bool on) noexcept;

}  // namespace hawser::shm::detail
