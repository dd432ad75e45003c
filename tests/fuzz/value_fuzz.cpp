// A value in memory that somebody writes over: see play.hpp.

#include "messages.hpp"
#include "play.hpp"
#include <hawser/shm/value.hpp>

#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>

namespace hawser::fuzz {
namespace {

using shm::detail::value_layout;

template <class T>
class value_story final : public story {
 public:
  using value = shm::value<T>;

  value_story(const std::string& name, script& from) : name_(name) {
    views_.emplace_back(create_only, name_, make_message<T>(from));
    views_.emplace_back(open_only, name_);
  }
  std::vector<target> targets() const override {
    return {{name_,
             {offsetof(value_layout, writers)},
             {{0, sizeof(value_layout)}, {sizeof(value_layout), 0}}}};
  }
  std::unique_ptr<fuzz::worker> hire() override { return std::make_unique<worker>(*this); }

 private:
  class worker final : public fuzz::worker {
   public:
    explicit worker(value_story& at) : at_(at) {}

    void operate(script& from, bool alone) override {
      const auto operation = from.below(alone ? 14 : 9);
      operate_on(at_.views_[from.below(at_.views_.size())], operation, from);
    }

   private:
    void operate_on(value& view, std::size_t operation, script& from) {
      const auto patience = patience_of(from);
      switch (operation) {
        case 0: seen_ = read(view.load_versioned()); break;
        case 1:
          if (const auto now = view.update_for(patience, [&](T& t) { t = make_message<T>(from); }))
            read_message(*now);
          break;
        case 2: std::ignore = view.update_for(patience, [](const T& t) { return t; }); break;
        case 3:
        case 4:
          if (const auto now = view.wait_change_for(seen_, patience)) seen_ = read(*now);
          break;
        case 5: look_at(value{open_only, at_.name_}); break;
        case 6: look_at(value{open_or_create, at_.name_}); break;
        case 7:
        case 8:
          await(view, operation == 7 ? shm::ready::readable : shm::ready::writable,
                [&] { std::ignore = view.wait_change_for(seen_, patience); });
          break;
        case 9: view.store(make_message<T>(from)); break;
        case 10: read_message(view.exchange(make_message<T>(from))); break;
        case 11: read_message(view.fetch_update([](const T& t) { return t; })); break;
        case 12: look_at(shm::value<int>{open_only, at_.name_}); break;  // of another type
        default: view = value{open_only, at_.name_}; break;              // leaves
      }
    }

    static std::uint64_t read(const shm::versioned<T>& now) {
      read_message(now.value);
      return now.version;
    }
    template <class View>
    static void look_at(const View& view) {
      use(view.load());
      use(view.version());
    }

    value_story& at_;
    std::uint64_t seen_ = 0;
  };

  std::string name_;
  std::vector<value> views_;
};

template <class T>
std::unique_ptr<story> begin(const std::string& name, script& from) {
  return std::make_unique<value_story<T>>(name, from);
}

std::unique_ptr<story> begin_any(const std::string& name, script& from) {
  return begin_one_of({begin<sample>, begin<aligned_sample>, begin<large_sample>}, name, from);
}

}  // namespace
}  // namespace hawser::fuzz

HAWSER_FUZZ("value", hawser::fuzz::begin_any)
