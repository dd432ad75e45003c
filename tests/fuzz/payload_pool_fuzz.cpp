// A payload pool and a queue that carries its payloads, both in memory that somebody writes over:
// see play.hpp.

#include "messages.hpp"
#include "play.hpp"
#include <hawser/shm/payload_queue.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <tuple>
#include <utility>

namespace hawser::fuzz {
namespace {

using shm::detail::pool_layout;
using shm::detail::pool_reference;
using shm::detail::queue_layout;

template <class Meta>
class pool_story final : public story {
 public:
  using queue = shm::payload_queue<Meta>;

  pool_story(const std::string& name, script& from)
      : name_(name), options_{.classes = {{100, 3}, {3000, 2}}, .large = 2, .references = 4} {
    const std::uint8_t shape = from.next();
    if ((shape & 3) == 0) options_.classes.clear();
    if ((shape & 12) == 0) options_.large = 0;
    if (options_.classes.empty()) options_.large = 2;
    pools_.emplace_back(create_only, name_, options_);
    pools_.emplace_back(open_only, name_);
    pools_.emplace_back(open_only, name_, reads_only());
    queues_.emplace_back(pools_[0], create_only, queue_name(), queue_options());
    queues_.emplace_back(pools_[1], open_only, queue_name());
    queues_.emplace_back(pools_[2], open_only, queue_name());
    for (std::size_t messages = from.below(4); messages != 0; --messages)
      if (auto data = pools_[0].try_loan(from.below(101)))
        std::ignore = queues_[0].try_push(Meta{}, std::move(*data));
  }
  std::vector<target> targets() const override {
    constexpr std::size_t routes = offsetof(pool_layout, routes) + sizeof(shm::detail::pool_route);
    return {{name_,
             {offsetof(pool_layout, lock)},
             {{sizeof(pool_layout), 11 * sizeof(pool_reference)},
              {0, 640 + 8 * 8},
              {routes, 2 * sizeof(shm::detail::pool_route)},
              {sizeof(pool_layout), 0}}},
            {queue_name(),
             {offsetof(queue_layout, producers), offsetof(queue_layout, consumers)},
             {{sizeof(queue_layout), 0}, {0, sizeof(queue_layout)}}}};
  }
  std::unique_ptr<fuzz::worker> hire() override { return std::make_unique<worker>(*this); }

 private:
  std::string queue_name() const { return name_ + ".queue"; }
  static shm::queue_options queue_options() { return {.capacity = 4, .attempts_max = 2}; }
  static shm::payload_pool_options reads_only() {
    shm::payload_pool_options how;
    how.read_only_payloads = true;
    return how;
  }
  static std::size_t size_of(script& from) {
    constexpr std::size_t sizes[]{0, 1, 100, 101, 3000, 3001, 5000, 70'000};
    return sizes[from.below(std::size(sizes))];
  }

  class worker final : public fuzz::worker {
   public:
    explicit worker(pool_story& at) : at_(at) {}

    void operate(script& from, bool alone) override {
      const auto operation = from.below(alone ? 23 : 15);
      operate_on(from.below(at_.pools_.size()), operation, from);
    }

   private:
    using lease = shm::payload_lease<Meta>;

    void operate_on(std::size_t which, std::size_t operation, script& from) {
      shm::payload_pool& pool = at_.pools_[which];
      queue& view = at_.queues_[which];
      switch (operation) {
        case 0:
        case 1: keep(pool.loan_for(size_of(from), patience_of(from))); break;
        case 2:
        case 3: send(view, from); break;
        case 4: keep_leased(view.lease_for(patience_of(from))); break;
        case 5: receive(view.pop_for(patience_of(from))); break;
        case 6: end_lease([](auto& one) { one.ack(); }); break;
        case 7: end_lease([](auto& one) { one.nack(); }); break;
        case 8: work(); break;
        case 9: look_at(pool, view); break;
        case 10:
        case 11:
          await(view, operation == 10 ? shm::ready::readable : shm::ready::writable,
                [&] { keep_leased(view.lease_for(patience_of(from))); });
          break;
        case 12: use(pool.async_wait(size_of(from), [] {})); break;
        case 13: read_all(shm::payload_pool{open_only, at_.name_}.counters()); break;
        case 14:
          read_all(shm::payload_pool{open_or_create, at_.name_, at_.options_}.counters());
          break;
        default: operate_alone(which, operation, from); break;
      }
    }
    /// What takes locks without a deadline: trying, sharing, opening and closing.
    void operate_alone(std::size_t which, std::size_t operation, script& from) {
      shm::payload_pool& pool = at_.pools_[which];
      queue& view = at_.queues_[which];
      switch (operation) {
        case 15: keep(pool.try_loan(size_of(from))); break;
        case 16: keep_leased(view.try_lease()); break;
        case 17: receive(view.try_pop()); break;
        case 18:
          if (!held_.empty()) keep(held_.back().share());
          break;
        case 19: view.close(); break;
        case 20: look_at(pool, queue{pool, open_only, at_.queue_name()}); break;
        case 21:
          look_at(pool, queue{pool, open_or_create, at_.queue_name(), queue_options()});
          break;
        default:
          leased_.clear();  // the queue is left by its last lease
          view = queue{pool, open_only, at_.queue_name()};
          pool = shm::payload_pool{open_only, at_.name_, which == 2 ? reads_only() : at_.options_};
      }
    }

    static void read_all(const auto& counters) { use(counters.loans + counters.classes.size()); }
    static void look_at(const shm::payload_pool& pool, const queue& view) {
      read_all(pool.counters());
      use(view.size() + view.capacity());
      use(view.counters());
      use(view.drained());
    }
    static void read(std::span<const std::byte> bytes) {
      std::uint64_t sum = 0;
      for (const auto byte : bytes) sum += static_cast<std::uint64_t>(byte);
      use(sum);
    }
    void keep(std::optional<shm::payload> data) {
      if (data) keep(std::move(*data));
    }
    void keep(shm::payload data) {
      read(data.bytes());
      if (held_.size() < 8) held_.push_back(std::move(data));
    }
    void receive(std::optional<shm::received_payload<Meta>> received) {
      if (received) keep(std::move(received->data));
    }
    void send(queue& view, script& from) {
      if (held_.empty()) return;
      std::ignore = view.push_for(Meta{}, std::move(held_.back()), patience_of(from));
      held_.pop_back();
    }
    void work() {
      if (held_.empty()) return;
      shm::payload& data = held_.back();
      read(data.bytes());
      const auto writable = data.writable();
      std::fill(writable.begin(), writable.end(), std::byte{7});
      held_.pop_back();
    }
    void keep_leased(lease one) {
      if (!one) return;
      read_lease(one);
      if (leased_.size() < 8) leased_.push_back(std::move(one));
    }
    static void read_lease(const lease& one) {
      read(one.bytes());
      if constexpr (requires { one.meta(); }) read_message(one.meta());
    }
    template <class End>
    void end_lease(End end) {
      if (leased_.empty()) return;
      read_lease(leased_.back());
      end(leased_.back());
      leased_.pop_back();
    }

    pool_story& at_;
    std::vector<shm::payload> held_;
    std::vector<lease> leased_;
  };

  std::string name_;
  shm::payload_pool_options options_;
  std::vector<shm::payload_pool> pools_;
  std::vector<queue> queues_;
};

template <class Meta>
std::unique_ptr<story> begin(const std::string& name, script& from) {
  return std::make_unique<pool_story<Meta>>(name, from);
}

std::unique_ptr<story> begin_any(const std::string& name, script& from) {
  return begin_one_of({begin<shm::no_meta>, begin<sample>, begin<aligned_sample>}, name, from);
}

}  // namespace
}  // namespace hawser::fuzz

HAWSER_FUZZ("payload_pool", hawser::fuzz::begin_any)
