// Every worker pushes numbered messages of its own, one by one and in batches, and leases
// everybody's. Pushed and returned: it must come. Acknowledged and returned: never again.

#include "part.hpp"
#include <hawser/shm/queue.hpp>

#include <array>
#include <chrono>
#include <optional>

namespace hawser::test {
namespace {

using namespace std::chrono_literals;
using wrong = soak_book::wrong;

struct numbered {
  std::uint64_t lane, number;
  std::array<std::uint64_t, 6> body;

  static numbered make(std::uint64_t lane, std::uint64_t number) {
    numbered m{lane, number, {}};
    for (std::size_t i = 0; i < m.body.size(); ++i) m.body[i] = (number + i) * (lane + 3);
    return m;
  }
  [[nodiscard]] bool whole() const { return body == make(lane, number).body; }
  [[nodiscard]] std::string to_text() const {
    return "message " + std::to_string(lane) + ":" + std::to_string(number);
  }
};
using queue = shm::queue<numbered>;

class part final : public soak_part {
 public:
  part(soak_book& book, std::string name, std::size_t workers, std::size_t seconds)
      : book_(book),
        name_(std::move(name)),
        per_lane_((seconds + 1) * 500'000),
        next_(workers),
        pushes_(workers * per_lane_),
        acks_(workers * per_lane_) {}

  void create() override { held_.emplace(create_only, name_, shm::queue_options{.capacity = 16}); }
  std::unique_ptr<soak_member> join(std::size_t worker) override;
  void settle() override;

  void produce(queue& to, std::uint64_t lane, std::size_t n);
  void consume(shm::lease<numbered>& lease, bool keep_it);

 private:
  [[nodiscard]] std::size_t entry(const numbered& m) const { return m.lane * per_lane_ + m.number; }

  soak_book& book_;
  std::string name_;
  std::size_t per_lane_;
  shared_table<std::atomic<std::uint64_t>> next_;  // the first number never attempted
  shared_table<atomic_stage> pushes_, acks_;
  std::optional<queue> held_;  // the keeper's
};

class member final : public soak_member {
 public:
  member(part& all, const std::string& name, std::size_t lane)
      : all_(all), lane_(lane), queue_(open_only, name) {}

  void work(std::minstd_rand& random) override {
    if (random() % 2 == 0) return all_.produce(queue_, lane_, random() % 2 == 0 ? 1 : random() % 8);
    if (random() % 2 == 0) {
      auto one = queue_.lease_for(1ms);
      if (one) all_.consume(one, random() % 50 == 0);
    } else {
      for (auto& one : queue_.try_lease_batch(4)) all_.consume(one, random() % 50 == 0);
    }
  }

 private:
  part& all_;
  std::size_t lane_;
  queue queue_;
};

std::unique_ptr<soak_member> part::join(std::size_t worker) {
  return std::make_unique<member>(*this, name_, worker);
}

void part::produce(queue& to, std::uint64_t lane, std::size_t n) {
  const std::uint64_t first = next_[lane];
  if (n == 0 || first + n > per_lane_) return;
  std::vector<numbered> batch;
  for (std::uint64_t i = first; i < first + n; ++i) {
    batch.push_back(numbered::make(lane, i));
    pushes_[entry(batch.back())] = stage::attempted;
  }
  next_[lane] = first + n;  // a number that was attempted is never attempted again
  const std::size_t pushed =
      n == 1 ? to.push_for(batch[0], 1ms) == shm::push_status::ok : to.try_push_batch(batch);
  for (std::size_t i = 0; i < pushed; ++i) pushes_[entry(batch[i])] = stage::returned;
  book_.committed(pushed);
}

void part::consume(shm::lease<numbered>& lease, bool keep_it) {
  const numbered m = *lease;
  if (!m.whole()) return book_.add(wrong::corrupt, 1, "queue: a torn message");
  if (m.lane >= next_.size() || pushes_[entry(m)] == stage::untouched)
    return book_.add(wrong::corrupt, 1, "queue: " + m.to_text() + " was never pushed");
  atomic_stage& ack = acks_[entry(m)];
  if (ack == stage::returned)
    book_.add(wrong::duplicated, 1, "queue: " + m.to_text() + " came after its ack");
  if (keep_it && lease.attempts() < 3) return lease.nack();
  ack = stage::attempted;
  lease.ack();
  ack = stage::returned;
}

void part::settle() {
  while (auto left = held_->lease_for(20ms)) consume(left, false);
  for (std::size_t lane = 0; lane < next_.size(); ++lane)
    for (std::uint64_t i = 0; i < next_[lane]; ++i) {
      const std::size_t at = lane * per_lane_ + i;
      if (pushes_[at] == stage::returned && acks_[at] == stage::untouched)
        book_.add(wrong::lost, 1, "queue: " + numbered::make(lane, i).to_text() + " is lost");
    }
  // Every slot is free again.
  std::size_t room = 0;
  while (room <= held_->capacity() && held_->try_push(numbered{}) == shm::push_status::ok) ++room;
  if (room < held_->capacity())
    book_.add(wrong::leaked, held_->capacity() - room, "queue: slots are held by nobody");
  held_.reset();
}

}  // namespace

std::unique_ptr<soak_part> queue_part(soak_book& book, const std::string& name, std::size_t workers,
                                      std::size_t seconds) {
  return std::make_unique<part>(book, name, workers, seconds);
}

}  // namespace hawser::test
