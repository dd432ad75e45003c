// Like the queue's part, but each message's content is a payload of the pool: of two sizes, sent,
// read in place, sometimes taken and sent on. At the end every chunk is free.

#include "ledger.hpp"
#include "part.hpp"
#include <hawser/shm/payload_pool.hpp>
#include <hawser/shm/payload_queue.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>

namespace hawser::test {
namespace {

using namespace std::chrono_literals;
using wrong = soak_book::wrong;
using pool = shm::payload_pool;
using queue = shm::payload_queue<numbered>;

constexpr std::size_t small_bytes = 512, large_bytes = 8192, small_count = 12, large_count = 6;

shm::payload_pool_options options() {
  return {.classes = {{small_bytes, small_count}, {large_bytes, large_count}}};
}

std::byte pattern(const numbered& m, std::size_t i) {
  return static_cast<std::byte>(m.number * 7 + m.lane + i);
}
bool matches(const numbered& m, std::span<const std::byte> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] != pattern(m, i)) return false;
  return true;
}

class member final : public soak_member {
 public:
  member(soak_book& book, lane_ledger& ledger, const std::string& name, std::size_t lane)
      : book_(book),
        ledger_(ledger),
        lane_(lane),
        pool_(open_only, name),
        queue_(pool_, open_only, name + ".queue") {}

  void work(std::minstd_rand& random) override {
    if (random() % 2 == 0) return produce(random);
    auto one = queue_.lease_for(1ms);
    if (!one) return;
    const numbered m = one.meta();
    if (!ledger_.came(m)) return one.ack();
    if (!matches(m, one.bytes()))
      book_.add(wrong::corrupt, 1, "payload_pool: a payload is not what was sent");
    if (random() % 50 == 0 && one.attempts() < 3) return one.nack();
    ledger_.acknowledging(m);
    one.ack();
    ledger_.acknowledged(m);
  }

 private:
  void produce(std::minstd_rand& random) {
    auto data = pool_.try_loan(random() % 4 == 0 ? large_bytes : small_bytes);
    std::uint64_t first = 0;
    if (!data || !ledger_.attempt(lane_, 1, first)) return;
    const numbered m = numbered::make(lane_, first);
    for (std::size_t i = 0; i < data->bytes().size(); ++i) data->writable()[i] = pattern(m, i);
    if (queue_.push_for(m, std::move(*data), 1ms) == shm::push_status::ok)
      ledger_.pushed(lane_, first, 1);
  }

  soak_book& book_;
  lane_ledger& ledger_;
  std::size_t lane_;
  pool pool_;
  queue queue_;
};

class part final : public soak_part {
 public:
  part(soak_book& book, std::string name, std::size_t workers, std::size_t seconds)
      : book_(book),
        name_(std::move(name)),
        ledger_(book, "payload_pool", workers, seconds * 200'000) {}

  void create() override {
    pool_.emplace(create_only, name_, options());
    queue_.emplace(*pool_, create_only, name_ + ".queue", shm::queue_options{.capacity = 8});
  }
  std::unique_ptr<soak_member> join(std::size_t worker) override {
    return std::make_unique<member>(book_, ledger_, name_, worker);
  }
  void settle() override {
    while (auto left = queue_->lease_for(20ms)) {
      const numbered m = left.meta();
      if (!ledger_.came(m)) continue;
      ledger_.acknowledging(m);
      left.ack();
      ledger_.acknowledged(m);
    }
    ledger_.find_lost();
    std::vector<std::optional<shm::payload>> all;
    const auto count_free = [&](std::size_t bytes, std::size_t expected) {
      std::size_t count = 0;
      for (; count < expected; ++count) {
        all.push_back(pool_->try_loan(bytes));
        if (!all.back()) break;
      }
      book_.add(wrong::leaked, expected - count, "payload_pool: chunks are held by nobody");
    };
    count_free(large_bytes, large_count);
    count_free(small_bytes, small_count);
    all.clear();
    queue_.reset();
    pool_.reset();
  }

 private:
  soak_book& book_;
  std::string name_;
  lane_ledger ledger_;
  std::optional<pool> pool_;
  std::optional<queue> queue_;
};

}  // namespace

std::unique_ptr<soak_part> payload_part(const soak_setting& s) {
  return std::make_unique<part>(s.book, s.name + ".pool", s.workers, s.seconds);
}

}  // namespace hawser::test
