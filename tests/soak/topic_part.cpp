// Every worker publishes numbered messages of its own, and subscribes losslessly: what it hears of
// anybody has no gap where a publish had returned.

#include "ledger.hpp"
#include "part.hpp"
#include <hawser/shm/topic.hpp>

#include <chrono>
#include <optional>
#include <vector>

namespace hawser::test {
namespace {

using namespace std::chrono_literals;
using wrong = soak_book::wrong;
using topic = shm::topic<numbered>;

class member final : public soak_member {
 public:
  member(soak_book& book, lane_ledger& ledger, const std::string& name, std::size_t lane,
         std::size_t lanes)
      : book_(book),
        ledger_(ledger),
        lane_(lane),
        next_(lanes),
        topic_(open_only, name),
        subscription_(topic_.subscribe({.mode = shm::delivery::lossless})) {}

  void work(std::minstd_rand& random) override {
    for (int i = 0; i < 64; ++i) {
      const auto message = subscription_.try_take();
      if (!message) break;
      hear(*message);
    }
    if (random() % 2 == 0) return;
    std::uint64_t first = 0;
    if (!ledger_.attempt(lane_, 1, first)) return;
    if (topic_.publish_for(numbered::make(lane_, first), 1ms) == shm::push_status::ok)
      ledger_.pushed(lane_, first, 1);
  }

 private:
  void hear(const numbered& m) {
    if (!ledger_.came(m)) return;
    auto& next = next_[m.lane];
    if (next && m.number < *next) book_.add(wrong::duplicated, 1, "topic: a message came twice");
    if (next)
      for (std::uint64_t i = *next; i < m.number; ++i)
        if (ledger_.was_pushed(m.lane, i))
          book_.add(wrong::lost, 1, "topic: a lossless subscriber missed a message");
    next = m.number + 1;
  }

  soak_book& book_;
  lane_ledger& ledger_;
  std::size_t lane_;
  std::vector<std::optional<std::uint64_t>> next_;  // by lane
  topic topic_;
  shm::subscription<numbered> subscription_;
};

class part final : public soak_part {
 public:
  part(soak_book& book, std::string name, std::size_t workers, std::size_t seconds)
      : book_(book),
        name_(std::move(name)),
        workers_(workers),
        ledger_(book, "topic", workers, seconds * 200'000) {}

  void create() override { held_.emplace(create_only, name_, shm::topic_options{.capacity = 64}); }
  std::unique_ptr<soak_member> join(std::size_t worker) override {
    return std::make_unique<member>(book_, ledger_, name_, worker, workers_);
  }
  void settle() override {
    // No subscriber is left to wait for: the ring takes whatever comes.
    for (std::size_t i = 0; i < 2 * held_->capacity(); ++i)
      if (held_->publish_for(numbered{}, 5s) != shm::push_status::ok)
        return book_.add(wrong::leaked, 1, "topic: a dead subscriber holds publishers up");
    book_.add(wrong::leaked, held_->subscribers(), "topic: dead subscribers are there still");
    held_.reset();
  }

 private:
  soak_book& book_;
  std::string name_;
  std::size_t workers_;
  lane_ledger ledger_;
  std::optional<topic> held_;
};

}  // namespace

std::unique_ptr<soak_part> topic_part(const soak_setting& s) {
  return std::make_unique<part>(s.book, s.name + ".topic", s.workers, s.seconds);
}

}  // namespace hawser::test
