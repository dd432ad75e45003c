// A queue in memory that somebody writes over: see play.hpp.

#include "messages.hpp"
#include "play.hpp"
#include <hawser/shm/queue.hpp>

#include <cstddef>
#include <optional>
#include <utility>

namespace hawser::fuzz {
namespace {

using shm::detail::queue_layout;

template <class T>
class queue_story final : public story {
 public:
  using queue = shm::queue<T>;

  queue_story(const std::string& name, script& from)
      : name_(name),
        options_{.capacity = 1 + from.below(8),
                 .message_bytes_max = message_bytes_max,
                 .attempts_max = static_cast<unsigned>(from.below(3))} {
    views_.emplace_back(create_only, name_, options_);
    views_.emplace_back(open_only, name_);
    views_.emplace_back(open_only, name_ + ".dead");
    for (std::size_t messages = from.below(8); messages != 0; --messages)
      std::ignore = views_[0].try_push(make_message<T>(from));
  }

  std::vector<target> targets() const override {
    return {{name_, {offsetof(queue_layout, producers), offsetof(queue_layout, consumers)}}};
  }
  std::unique_ptr<fuzz::worker> hire() override { return std::make_unique<worker>(*this); }

 private:
  class worker final : public fuzz::worker {
   public:
    explicit worker(queue_story& at) : at_(at) {}

    void operate(script& from, bool alone) override {
      const auto operation = from.below(alone ? 20 : 13);
      operate_on(at_.views_[from.below(at_.views_.size())], operation, from);
    }

   private:
    void operate_on(queue& view, std::size_t operation, script& from) {
      switch (operation) {
        case 0: std::ignore = view.push_for(make_message<T>(from), patience_of(from)); break;
        case 1: read(view.pop_for(patience_of(from))); break;
        case 2: keep(view.lease_for(patience_of(from))); break;
        case 3:
        case 4: keep_all(view.lease_batch_for(from.below(1000), patience_of(from))); break;
        case 5: end_lease([](auto& one) { one.ack(); }); break;
        case 6: end_lease([](auto& one) { one.nack(); }); break;
        case 7: look_at(view); break;
        case 8:
        case 9:
          await(view, operation == 8 ? shm::ready::readable : shm::ready::writable,
                [&] { std::ignore = view.pop_for(patience_of(from)); });
          break;
        case 10: look_at(queue{open_only, at_.name_}); break;
        case 11: look_at(queue{open_or_create, at_.name_, at_.options_}); break;
        case 12: look_at(shm::queue<int>{open_only, at_.name_}); break;  // of another type
        case 13: std::ignore = view.try_push(make_message<T>(from)); break;
        case 14:
          std::ignore = view.try_push_batch(std::vector<T>(from.below(10), make_message<T>(from)));
          break;
        case 15: read(view.try_pop()); break;
        case 16: keep(view.try_lease()); break;
        case 17: keep_all(view.try_lease_batch(from.below(1000))); break;
        case 18: view.close(); break;
        default: view = queue{open_only, at_.name_}; break;  // leaves
      }
    }

    static void read(const std::optional<T>& message) {
      if (message) read_message(*message);
    }
    template <class Queue>
    static void look_at(const Queue& view) {
      use(view.size() + view.message_bytes_max());
      use(view.counters());
      use(view.drained());
    }
    void keep(shm::lease<T> lease) {
      if (!lease) return;
      read_message(*lease);
      if (held_.size() < 16) held_.push_back(std::move(lease));
    }
    void keep_all(std::vector<shm::lease<T>> leases) {
      for (auto& one : leases) keep(std::move(one));
    }
    template <class End>
    void end_lease(End end) {
      if (held_.empty()) return;
      read_message(*held_.back());
      end(held_.back());
      held_.pop_back();
    }

    queue_story& at_;
    std::vector<shm::lease<T>> held_;
  };

  std::string name_;
  shm::queue_options options_;
  std::vector<queue> views_;
};

template <class T>
std::unique_ptr<story> begin(const std::string& name, script& from) {
  return std::make_unique<queue_story<T>>(name, from);
}

std::unique_ptr<story> begin_any(const std::string& name, script& from) {
  return begin_one_of({begin<sample>, begin<aligned_sample>, begin<std::string>,
                       begin<std::vector<std::uint32_t>>, begin<note>},
                      name, from);
}

}  // namespace
}  // namespace hawser::fuzz

HAWSER_FUZZ("queue", hawser::fuzz::begin_any)
