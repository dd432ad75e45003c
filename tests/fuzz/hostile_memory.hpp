/// A segment's bytes in the hands of somebody who writes what nobody ever should.
#pragma once

#include "script.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace hawser::fuzz {

/// A channel whose segment is written over.
struct target {
  /// Some bytes of the channel's body; `bytes` 0: up to its end.
  struct part {
    std::size_t offset = 0, bytes = 0;
  };
  std::string channel;
  /// Where in the body the owners of locks stand.
  std::vector<std::size_t> locks;
  /// What means something there, two at least; the first one comes up most.
  std::vector<part> parts{{0, 512}, {512, 0}};
};

/// A mapping of a channel's segment that is no participant.
class hostile_memory {
 public:
  /// Errors     std::system_error.
  explicit hostile_memory(target channel);
  hostile_memory(const hostile_memory&) = delete;
  hostile_memory& operator=(const hostile_memory&) = delete;
  ~hostile_memory();

  /// Some bytes somewhere in the segment that become others.
  struct edit {
    std::size_t offset = 0;
    std::size_t width = 1;  // 1, 2, 4, 8
    bool relative = false;  // value is added to what stands there
    std::uint64_t value = 0;
  };
  /// An edit that the script describes; it prefers the bytes that mean something.
  edit next_edit(script& from) const;
  void apply(const edit& change) noexcept;

  /// Whether a lock names a participant that lives. It is like one whose holder was stopped:
  /// whoever has no deadline waits for it for ever, as documented.
  bool names_the_living() const noexcept;
  void free_locks() noexcept;

  /// Zeroes everything, so that nobody believes any longer that it holds something here.
  void wipe() noexcept;
  const std::string& channel() const noexcept { return target_.channel; }

 private:
  std::uint32_t& lock_at(std::size_t offset) const noexcept;

  target target_;
  int fd_ = -1;
  std::byte* base_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Applies its edits again and again, from a thread of its own, while it lives.
class storm {
 public:
  struct gust {
    hostile_memory* where;
    hostile_memory::edit change;
  };
  explicit storm(std::vector<gust> gusts);
  ~storm();

 private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace hawser::fuzz
