/// What really happened, kept apart from Hawser: plain shared memory, made before the first
/// process is, and written around every operation by whoever performs it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include <sys/mman.h>

namespace hawser::test {

/// An array in memory that all processes of the soak share; zero at first.
template <class T>
class shared_table {
 public:
  explicit shared_table(std::size_t size) : bytes_(size * sizeof(T)), size_(size) {
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc{};
    first_ = static_cast<T*>(memory);
  }
  shared_table(const shared_table&) = delete;
  shared_table& operator=(const shared_table&) = delete;
  ~shared_table() { munmap(first_, bytes_); }

  T& operator[](std::size_t i) { return first_[i]; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::size_t bytes_, size_;
  T* first_;
};

/// How far an operation had come when its process was last heard of.
enum class stage : std::uint8_t { untouched, attempted, returned };
using atomic_stage = std::atomic<stage>;
static_assert(sizeof(atomic_stage) == 1);

/// The counts of the closing lines, and the first words about what is wrong.
class soak_book {
 public:
  enum class wrong { lost, duplicated, corrupt, leaked };
  using counter = std::atomic<std::uint64_t>;

  /// The count of what was committed in this channel. Before the first fork only.
  counter& committed_in(const std::string& channel);
  /// Something is wrong `n` times.
  void add(wrong what, std::uint64_t n, const std::string& words);
  [[nodiscard]] std::uint64_t committed_count();
  /// "queue 12, pipe 34"
  [[nodiscard]] std::string committed_by_channel();
  [[nodiscard]] std::uint64_t count(wrong what) {
    return page_[0].wrongs[static_cast<std::size_t>(what)];
  }
  [[nodiscard]] bool clean();
  /// What was said first of all.
  [[nodiscard]] std::string first_words() { return page_[0].words.data(); }

 private:
  struct page {
    std::array<counter, 16> committed;  // by channel
    std::array<std::atomic<std::uint64_t>, 4> wrongs;
    std::atomic<bool> said;
    std::array<char, 512> words;
  };
  shared_table<page> page_{1};
  std::vector<std::string> channels_;
};

}  // namespace hawser::test
