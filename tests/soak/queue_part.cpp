// Every worker pushes numbered messages of its own, one by one and in batches, and leases
// everybody's. Pushed and returned: it must come. Acknowledged and returned: never again.

#include "ledger.hpp"
#include "part.hpp"
#include <hawser/shm/queue.hpp>

#include <chrono>
#include <optional>

namespace hawser::test {
namespace {

using namespace std::chrono_literals;
using queue = shm::queue<numbered>;

void consume(lane_ledger& ledger, shm::lease<numbered>& lease, bool keep_it) {
  const numbered m = *lease;
  if (!ledger.came(m)) return lease.ack();
  if (keep_it && lease.attempts() < 3) return lease.nack();
  ledger.acknowledging(m);
  lease.ack();
  ledger.acknowledged(m);
}

class member final : public soak_member {
 public:
  member(lane_ledger& ledger, const std::string& name, std::size_t lane)
      : ledger_(ledger), lane_(lane), queue_(open_only, name) {}

  void work(std::minstd_rand& random) override {
    if (random() % 2 == 0) return produce(random() % 2 == 0 ? 1 : random() % 8);
    if (random() % 2 == 0) {
      auto one = queue_.lease_for(1ms);
      if (one) consume(ledger_, one, random() % 50 == 0);
    } else {
      for (auto& one : queue_.try_lease_batch(4)) consume(ledger_, one, random() % 50 == 0);
    }
  }

 private:
  void produce(std::size_t n) {
    std::uint64_t first = 0;
    if (!ledger_.attempt(lane_, n, first)) return;
    std::vector<numbered> batch;
    for (std::size_t i = 0; i < n; ++i) batch.push_back(numbered::make(lane_, first + i));
    const std::size_t pushed = n == 1 ? queue_.push_for(batch[0], 1ms) == shm::push_status::ok
                                      : queue_.try_push_batch(batch);
    ledger_.pushed(lane_, first, pushed);
  }

  lane_ledger& ledger_;
  std::size_t lane_;
  queue queue_;
};

class part final : public soak_part {
 public:
  part(soak_book& book, std::string name, std::size_t workers, std::size_t seconds)
      : book_(book), name_(std::move(name)), ledger_(book, "queue", workers, seconds * 500'000) {}

  void create() override { held_.emplace(create_only, name_, shm::queue_options{.capacity = 16}); }
  std::unique_ptr<soak_member> join(std::size_t worker) override {
    return std::make_unique<member>(ledger_, name_, worker);
  }
  void settle() override {
    while (auto left = held_->lease_for(20ms)) consume(ledger_, left, false);
    ledger_.find_lost();
    // Every slot is free again.
    std::size_t room = 0;
    while (room <= held_->capacity() && held_->try_push(numbered{}) == shm::push_status::ok) ++room;
    book_.add(soak_book::wrong::leaked, held_->capacity() - room,
              "queue: slots are held by nobody");
    held_.reset();
  }

 private:
  soak_book& book_;
  std::string name_;
  lane_ledger ledger_;
  std::optional<queue> held_;  // the keeper's
};

}  // namespace

std::unique_ptr<soak_part> queue_part(const soak_setting& s) {
  return std::make_unique<part>(s.book, s.name + ".queue", s.workers, s.seconds);
}

}  // namespace hawser::test
