// Workers take one to three of five permits. Never are more than five held by the living, and at
// the end all five are there.

#include "ledger.hpp"
#include "part.hpp"
#include <hawser/shm/semaphore.hpp>

#include <chrono>
#include <cstdio>
#include <optional>

#include <unistd.h>

namespace hawser::test {
namespace {

using namespace std::chrono_literals;
using wrong = soak_book::wrong;

constexpr std::size_t permits = 5;

/// What a worker holds for certain: written after it acquired, erased before it releases.
struct holding {
  std::atomic<std::uint64_t> pid_and_count;  // pid << 32 | permits
};

bool is_alive(std::uint64_t pid) {
  char path[64], text[512] = {};
  std::snprintf(path, sizeof path, "/proc/%llu/stat", static_cast<unsigned long long>(pid));
  FILE* file = std::fopen(path, "r");
  if (file == nullptr) return false;
  const std::size_t got = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  const std::string line{text, got};
  const auto end = line.rfind(')');
  return end != std::string::npos && end + 2 < line.size() && line[end + 2] != 'Z' &&
         line[end + 2] != 'X';
}

class member final : public soak_member {
 public:
  member(soak_book& book, soak_book::counter& committed, shared_table<holding>& all,
         const std::string& name, std::size_t worker)
      : book_(book),
        committed_(committed),
        all_(all),
        worker_(worker),
        semaphore_(open_only, name) {
    all_[worker_].pid_and_count = 0;
  }

  void work(std::minstd_rand& random) override {
    const std::size_t n = 1 + random() % 3;
    const auto mine = semaphore_.hold_for(2ms, n);
    if (!mine) return;
    all_[worker_].pid_and_count = static_cast<std::uint64_t>(getpid()) << 32 | n;
    std::uint64_t held = 0;
    for (std::size_t i = 0; i < all_.size(); ++i) held += all_[i].pid_and_count & UINT32_MAX;
    if (held > permits) look_closely();
    all_[worker_].pid_and_count = 0;
    committed_.fetch_add(1);
  }

 private:
  /// What the dead had written down does not count.
  void look_closely() {
    std::uint64_t held = 0;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const std::uint64_t one = all_[i].pid_and_count;
      if (one != 0 && is_alive(one >> 32) && all_[i].pid_and_count == one) held += one & UINT32_MAX;
    }
    if (held > permits)
      book_.add(wrong::duplicated, held - permits, "semaphore: permits were given out twice");
  }

  soak_book& book_;
  soak_book::counter& committed_;
  shared_table<holding>& all_;
  std::size_t worker_;
  shm::semaphore semaphore_;
};

class part final : public soak_part {
 public:
  part(soak_book& book, std::string name, std::size_t workers)
      : book_(book),
        committed_(book.committed_in("semaphore")),
        name_(std::move(name)),
        all_(workers) {}

  void create() override {
    held_.emplace(create_only, name_, shm::semaphore_options{.permits = permits});
  }
  std::unique_ptr<soak_member> join(std::size_t worker) override {
    return std::make_unique<member>(book_, committed_, all_, name_, worker);
  }
  void settle() override {
    if (!held_->hold_for(5s, permits))
      book_.add(wrong::leaked, permits - held_->available(), "semaphore: permits held by nobody");
    held_.reset();
  }

 private:
  soak_book& book_;
  soak_book::counter& committed_;
  std::string name_;
  shared_table<holding> all_;
  std::optional<shm::semaphore> held_;
};

}  // namespace

std::unique_ptr<soak_part> semaphore_part(const soak_setting& s) {
  return std::make_unique<part>(s.book, s.name + ".semaphore", s.workers);
}

}  // namespace hawser::test
