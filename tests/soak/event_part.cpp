// Every worker sets an event, clears it and waits for it: the sets are counted, and nobody is left
// waiting for one that has come.

#include "ledger.hpp"
#include "part.hpp"
#include <hawser/shm/event.hpp>

#include <chrono>
#include <optional>
#include <tuple>

namespace hawser::test {
namespace {

using namespace std::chrono_literals;
using wrong = soak_book::wrong;

class member final : public soak_member {
 public:
  member(change_ledger& sets, const std::string& name, std::size_t worker)
      : sets_(sets), worker_(worker), event_(open_only, name) {}

  void work(std::minstd_rand& random) override {
    switch (random() % 4) {
      case 0: std::ignore = event_.clear(); return;
      case 1: std::ignore = event_.wait_for(1ms); return;
      default:
        sets_.attempt(worker_);
        if (event_.set()) sets_.done(worker_);  // else it was set: nothing to count
    }
  }

 private:
  change_ledger& sets_;
  std::size_t worker_;
  shm::event event_;
};

class part final : public soak_part {
 public:
  part(soak_book& book, std::string name, std::size_t workers)
      : book_(book), name_(std::move(name)), sets_(book, "event", workers) {}

  void create() override { event_.emplace(create_only, name_); }
  std::unique_ptr<soak_member> join(std::size_t worker) override {
    return std::make_unique<member>(sets_, name_, worker);
  }
  void settle() override {
    sets_.find_lost(event_->sets());
    std::ignore = event_->clear();
    if (event_->is_set() || event_->wait_for(0s) || !event_->set() || !event_->wait_for(0s))
      book_.add(wrong::corrupt, 1, "event: it cannot be used any more");
    event_.reset();
  }

 private:
  soak_book& book_;
  std::string name_;
  change_ledger sets_;
  std::optional<shm::event> event_;
};

}  // namespace

std::unique_ptr<soak_part> event_part(const soak_setting& s) {
  return std::make_unique<part>(s.book, s.name + ".event", s.workers);
}

}  // namespace hawser::test
