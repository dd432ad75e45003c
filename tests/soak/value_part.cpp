// Every worker changes a value, a guarded value and an array: each keeps a sum, and counts its
// changes.

#include "ledger.hpp"
#include "part.hpp"
#include <hawser/shm/array.hpp>
#include <hawser/shm/guarded.hpp>
#include <hawser/shm/value.hpp>

#include <array>
#include <chrono>
#include <numeric>
#include <optional>

namespace hawser::test {
namespace {

using namespace std::chrono_literals;
using wrong = soak_book::wrong;

constexpr std::uint64_t total = 1'000'000;

/// Eight accounts whose sum stays what it is, and a count of the transfers.
struct accounts {
  std::uint64_t transfers = 0;
  std::array<std::uint64_t, 8> balance{total / 8, total / 8, total / 8, total / 8,
                                       total / 8, total / 8, total / 8, total / 8};

  void transfer(std::minstd_rand& random) {
    std::uint64_t& from = balance[random() % balance.size()];
    const std::uint64_t amount = std::min<std::uint64_t>(from, random() % 100);
    from -= amount;
    balance[random() % balance.size()] += amount;
    ++transfers;
  }
  [[nodiscard]] bool whole() const {
    return std::accumulate(balance.begin(), balance.end(), std::uint64_t{0}) == total;
  }
};
using value = shm::value<accounts>;
using guarded = shm::guarded<accounts>;
using array = shm::array<std::uint64_t>;

struct ledgers {
  ledgers(soak_book& all, std::size_t workers)
      : book(all),
        of_value(all, "value", workers),
        of_guarded(all, "guarded", workers),
        of_array(all, "array", workers) {}

  void look(const accounts& seen, const char* channel) {
    if (!seen.whole()) book.add(wrong::corrupt, 1, std::string{channel} + ": torn");
  }

  soak_book& book;
  change_ledger of_value, of_guarded, of_array;
};

constexpr std::size_t array_size = 1 + 8;

class member final : public soak_member {
 public:
  member(ledgers& all, const std::string& name, std::size_t worker)
      : ledgers_(all),
        worker_(worker),
        value_(open_only, name + ".value"),
        guarded_(open_only, name + ".guarded"),
        array_(open_only, name + ".array") {}

  void work(std::minstd_rand& random) override {
    switch (random() % 6) {
      case 0: return ledgers_.look(value_.load(), "value");
      case 1: return ledgers_.look(guarded_.load(), "guarded");
      case 2:
        ledgers_.of_value.attempt(worker_);
        value_.update([&](accounts& a) { a.transfer(random); });
        return ledgers_.of_value.done(worker_);
      case 3: {
        auto held = guarded_.try_lock_for(2ms);
        if (!held) return;
        ledgers_.look(*std::as_const(held), "guarded");
        ledgers_.of_guarded.attempt(worker_);
        held->transfer(random);
        held.unlock();
        return ledgers_.of_guarded.done(worker_);
      }
      default:
        ledgers_.of_array.attempt(worker_);
        array_.update(0, array_size, [&](std::span<std::uint64_t> all) {
          ++all[0];
          std::uint64_t& from = all[1 + random() % 8];
          const std::uint64_t amount = std::min<std::uint64_t>(from, random() % 100);
          from -= amount;
          all[1 + random() % 8] += amount;
        });
        return ledgers_.of_array.done(worker_);
    }
  }

 private:
  ledgers& ledgers_;
  std::size_t worker_;
  value value_;
  guarded guarded_;
  array array_;
};

class part final : public soak_part {
 public:
  part(soak_book& book, std::string name, std::size_t workers)
      : name_(std::move(name)), ledgers_(book, workers) {}

  void create() override {
    value_.emplace(create_only, name_ + ".value", accounts{});
    guarded_.emplace(create_only, name_ + ".guarded", accounts{});
    array_.emplace(create_only, name_ + ".array", array_size, shm::array_options{.ranges = 3});
    for (std::size_t i = 1; i < array_size; ++i) (*array_)[i] = total / 8;
  }
  std::unique_ptr<soak_member> join(std::size_t worker) override {
    return std::make_unique<member>(ledgers_, name_, worker);
  }
  void settle() override {
    const accounts in_value = value_->load(), in_guarded = guarded_->lock().operator*();
    ledgers_.look(in_value, "value");
    ledgers_.look(in_guarded, "guarded");
    ledgers_.of_value.find_lost(in_value.transfers);
    ledgers_.of_guarded.find_lost(in_guarded.transfers);
    std::uint64_t sum = 0, count = 0;
    array_->update(0, array_size, [&](std::span<std::uint64_t> all) {
      count = all[0];
      sum = std::accumulate(all.begin() + 1, all.end(), std::uint64_t{0});
    });
    if (sum != total) ledgers_.book.add(wrong::corrupt, 1, "array: half an update");
    ledgers_.of_array.find_lost(count);
    value_.reset();
    guarded_.reset();
    array_.reset();
  }

 private:
  std::string name_;
  ledgers ledgers_;
  std::optional<value> value_;
  std::optional<guarded> guarded_;
  std::optional<array> array_;
};

}  // namespace

std::unique_ptr<soak_part> value_part(const soak_setting& s) {
  return std::make_unique<part>(s.book, s.name, s.workers);
}

}  // namespace hawser::test
