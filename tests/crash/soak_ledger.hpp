/// What really happened, kept apart from Hawser: plain shared memory, made before the first
/// process is, and written around every operation by whoever performs it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <new>
#include <string>

#include <sys/mman.h>

namespace hawser::test {

inline constexpr std::size_t soak_producers = 2, soak_consumers = 2;

/// A producer's message: who and which one, and a body that follows from both.
struct soak_message {
  std::uint64_t producer, number;
  std::array<std::uint64_t, 6> body;

  static soak_message make(std::uint64_t producer, std::uint64_t number) {
    soak_message m{producer, number, {}};
    for (std::size_t i = 0; i < m.body.size(); ++i) m.body[i] = (number + i) * (producer + 3);
    return m;
  }
  [[nodiscard]] bool whole() const {
    return producer < soak_producers && body == make(producer, number).body;
  }
};

class soak_ledger {
 public:
  /// Per message. Only whoever pushes it, and whoever holds it, writes here.
  struct entry {
    std::atomic<std::uint8_t> push;  // 0, attempted, returned
    std::atomic<std::uint8_t> ack;   // likewise
  };
  static constexpr std::uint8_t attempted = 1, returned = 2;

  explicit soak_ledger(std::uint64_t messages_max) : messages_max_(messages_max) {
    bytes_ = sizeof(header) + soak_producers * messages_max * sizeof(entry);
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc{};
    header_ = new (memory) header{};
    entries_ = reinterpret_cast<entry*>(header_ + 1);
  }
  soak_ledger(const soak_ledger&) = delete;
  soak_ledger& operator=(const soak_ledger&) = delete;
  ~soak_ledger() { munmap(header_, bytes_); }

  [[nodiscard]] std::uint64_t messages_max() const { return messages_max_; }
  entry& of(std::uint64_t producer, std::uint64_t number) {
    return entries_[producer * messages_max_ + number];
  }

  struct header {
    std::atomic<bool> stop;                                       // producers end
    std::array<std::atomic<std::uint64_t>, soak_producers> next;  // first number never attempted
    std::atomic<std::uint64_t> acked;                             // by all, roughly
    std::atomic<std::uint64_t> redelivered;
    std::atomic<std::uint32_t> wrongs;
    std::array<char, 256> first_wrong;
  };
  header& all() { return *header_; }

  /// Remembers that something is wrong; the first one's words are kept.
  void wrong(const std::string& words) {
    if (header_->wrongs.fetch_add(1) == 0)
      std::snprintf(header_->first_wrong.data(), header_->first_wrong.size(), "%s", words.c_str());
  }

 private:
  std::uint64_t messages_max_;
  std::size_t bytes_ = 0;
  header* header_ = nullptr;
  entry* entries_ = nullptr;
};

}  // namespace hawser::test
