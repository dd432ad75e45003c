/// What stands at the start of every Hawser segment, whatever channel follows.
///
/// ```
/// 0        segment_header    256 bytes
/// 256      participant_row   256 rows of 64 bytes; row 0 is never used
/// 16640    the channel's body (queue_layout, ...)
/// ```
/// No Boost type is part of a segment: only fixed-size integers at fixed offsets.
///
/// Beside the bytes, the kernel's OFD locks on the file carry who is alive. They are taken on
/// a descriptor that serves nothing else and is never mapped (a mapping would keep the lock
/// after its owner's death):
///
///   byte 2^40        the gate: held while attaching, leaving, creating, replacing
///   byte 2^40 + id   participant `id` lives
///
///   I1  A file is linked under its name only when it is complete, and its creator holds the
///       gate from before that until it is attached. So whoever passes the gate of a linked
///       file sees a whole segment; a creator that dies leaves no file at all.
///   I2  A file that was unlinked (st_nlink 0) is never attached to again.
///   I3  A row's tag is non-zero only while its byte is locked or its owner is dead and not
///       yet swept. A row is freed only by its owner, or by a sweeper that holds the byte, and
///       only after nothing in the body names the tag any more.
///   I4  Nobody holds a participant's byte and `keep` is not set: the segment is stale, and
///       belongs to the next creator of the name.
///
///   field             written by                    if the writer dies there
///   header, all but   the creator, before linking   the file vanishes with it
///   membership        whoever passes the gate       others look again too late: their wait
///                                                   slices find the new row
///   row.pid ...       the attacher, inside the gate the row is free still: the next attacher
///   row.tag           likewise, last                writes it anew / is swept
///   row.held          its owner, before it first    a sweep looks at every slot, for nothing
///                     holds anything
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hawser::shm::detail {

inline constexpr std::uint64_t segment_magic = 0x5245'5357'4148'0A1AULL;
inline constexpr std::uint32_t layout_version = 1;
inline constexpr std::uint32_t byte_order_mark = 0x0102'0304;
inline constexpr std::uint32_t participants_max = 255;
inline constexpr std::int64_t gate_byte = std::int64_t{1} << 40;

enum class channel_kind : std::uint32_t {
  queue = 1,
  pipe,
  semaphore,
  lock,
  shared_lock,
  guarded,
  value,
  array,
  payload_pool,
  topic,
  event,
  door,
};

inline constexpr std::uint32_t flag_keep = 1;

struct segment_header {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t byte_order;
  std::uint64_t segment_bytes;
  channel_kind kind;
  std::uint32_t flags;
  std::uint64_t type_fingerprint;
  std::uint64_t created_ns;               // CLOCK_REALTIME
  std::atomic<std::uint32_t> membership;  // +1 when a row was taken
  std::atomic<std::uint32_t> highest_id;  // high-water mark of the ids in use
  std::array<char, 128> type_name;        // for people; cut to fit, zero-terminated
  std::array<std::byte, 72> reserved;
};
static_assert(sizeof(segment_header) == 256);
static_assert(offsetof(segment_header, membership) == 48);

/// tag = generation << 8 | id. Never 0; a generation makes an id's next user another tag.
struct participant_row {
  std::atomic<std::uint32_t> tag;
  std::uint32_t generation;
  std::uint32_t pid;
  std::atomic<std::uint32_t> armed;     // event bits this participant's doorbell waits for
  std::uint64_t pid_namespace;          // inode of /proc/self/ns/pid
  std::atomic<std::uint64_t> doorbell;  // names the process's socket, 0: none
  std::uint64_t since_ns;               // CLOCK_REALTIME
  std::atomic<std::uint32_t> held;      // 1: has held something a sweep must look for
  std::array<std::byte, 20> reserved;
};
static_assert(sizeof(participant_row) == 64);

struct segment_layout {
  segment_header header;
  std::array<participant_row, participants_max + 1> rows;
};
static_assert(sizeof(segment_layout) == 256 + 256 * 64);
inline constexpr std::size_t body_offset = sizeof(segment_layout);
static_assert(body_offset % 128 == 0);

inline constexpr std::uint32_t id_of(std::uint32_t tag) noexcept { return tag & 0xFF; }

}  // namespace hawser::shm::detail
