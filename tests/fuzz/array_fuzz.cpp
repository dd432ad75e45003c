// An array in memory that somebody writes over: see play.hpp.

#include "messages.hpp"
#include "play.hpp"
#include <hawser/shm/array.hpp>

#include <cstddef>
#include <tuple>
#include <utility>

namespace hawser::fuzz {
namespace {

using shm::detail::array_geometry;
using shm::detail::array_layout;
using shm::detail::array_part;

template <class T>
class array_story final : public story {
 public:
  using array = shm::array<T>;

  array_story(const std::string& name, script& from)
      : name_(name),
        size_(1 + from.below(48)),
        options_{.ranges = 1 + from.below(std::min<std::size_t>(size_, 6)),
                 .update_elements_max = 1 + from.below(16)} {
    views_.emplace_back(create_only, name_, size_, options_);
    views_.emplace_back(open_only, name_);
    reader_.emplace_back(open_only, name_);
  }
  std::vector<target> targets() const override {
    const auto all =
        array_geometry::plan(size_, sizeof(T), options_.ranges, views_[0].update_elements_max());
    target here{name_, {}, {{0, sizeof(array_layout) + all.part_bytes}, {all.data_offset, 0}}};
    for (std::size_t part = 0; part < all.parts; ++part) {
      const std::size_t at = sizeof(array_layout) + part * all.part_bytes;
      here.locks.push_back(at);
      here.parts.push_back({at, all.part_bytes});
    }
    return {here};
  }
  std::unique_ptr<fuzz::worker> hire() override { return std::make_unique<worker>(*this); }

 private:
  class worker final : public fuzz::worker {
   public:
    explicit worker(array_story& at) : at_(at) {}

    void operate(script& from, bool alone) override {
      const auto operation = from.below(alone ? 15 : 10);
      operate_on(at_.views_[from.below(at_.views_.size())], operation, from);
    }

   private:
    void operate_on(array& view, std::size_t operation, script& from) {
      const std::size_t first = from.below(view.size()), count = from.below(17);
      const auto change = [&](std::span<T> elements) {
        read_all(elements);
        for (T& one : elements) one = make_message<T>(from);
      };
      switch (operation) {
        case 0: read_all(view.span()); break;
        case 1: read_all(view.range(first % view.ranges())); break;
        case 2:
        case 3: std::ignore = view.update_for(patience_of(from), first, count, change); break;
        case 4:
        case 5: keep(view.lock_range_for(first % view.ranges(), patience_of(from))); break;
        case 6: work(from); break;
        case 7: look_at(at_.reader_[0]); break;
        case 8: look_at(array{open_only, at_.name_}); break;
        case 9: look_at(array{open_or_create, at_.name_, at_.size_, at_.options_}); break;
        case 10: view.update(first, count, change); break;
        case 11: keep(view.lock_range(first % view.ranges())); break;
        case 12: look_at(shm::array<int>{open_only, at_.name_}); break;  // of another type
        case 13: at_.reader_[0] = shm::array<const T>{open_only, at_.name_}; break;
        default: held_.clear(); view = array{open_only, at_.name_};  // leaves
      }
    }

    template <class Element>
    static void read_all(std::span<Element> elements) {
      for (const T& one : elements) read_message(one);
    }
    template <class View>
    static void look_at(const View& view) {
      for (const auto& one : view) use(*reinterpret_cast<const volatile char*>(&one));
      use(view.range(view.ranges() - 1).size());
      use(view.range_of(view.size() - 1));
    }
    void keep(shm::range_lock<T> lock) {
      read_all(lock.span());
      use(lock.owner_died());
      if (held_.size() < 8) held_.push_back(std::move(lock));
    }
    void work(script& from) {
      if (held_.empty()) return;
      for (T& one : held_.back()) one = make_message<T>(from);
      held_.pop_back();
    }

    array_story& at_;
    std::vector<shm::range_lock<T>> held_;
  };

  std::string name_;
  std::size_t size_;
  shm::array_options options_;
  std::vector<array> views_;
  std::vector<shm::array<const T>> reader_;
};

template <class T>
std::unique_ptr<story> begin(const std::string& name, script& from) {
  return std::make_unique<array_story<T>>(name, from);
}

std::unique_ptr<story> begin_any(const std::string& name, script& from) {
  return begin_one_of({begin<sample>, begin<aligned_sample>, begin<large_sample>}, name, from);
}

}  // namespace
}  // namespace hawser::fuzz

HAWSER_FUZZ("array", hawser::fuzz::begin_any)
