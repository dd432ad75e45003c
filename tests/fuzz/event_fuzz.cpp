// An event in memory that somebody writes over: see play.hpp.

#include "messages.hpp"
#include "play.hpp"
#include <hawser/shm/event.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace hawser::fuzz {
namespace {

using shm::detail::event_layout;

class event_story final : public story {
 public:
  event_story(const std::string& name, script& from) : name_(name) {
    views_.emplace_back(create_only, name_, shm::event_options{.set = from.below(2) == 1});
    views_.emplace_back(open_only, name_);
  }
  std::vector<target> targets() const override {
    return {{name_,
             {},
             {{0, sizeof(event_layout)}, {offsetof(event_layout, state), sizeof(std::uint64_t)}}}};
  }
  std::unique_ptr<fuzz::worker> hire() override { return std::make_unique<worker>(*this); }

 private:
  class worker final : public fuzz::worker {
   public:
    explicit worker(event_story& at) : at_(at) {}

    void operate(script& from, bool alone) override {
      const auto operation = from.below(alone ? 9 : 8);
      shm::event& view = at_.views_[from.below(at_.views_.size())];
      const auto patience = patience_of(from);
      switch (operation) {
        case 0: use(view.set()); break;
        case 1: use(view.clear()); break;
        case 2:
        case 3: use(view.wait_for(patience)); break;
        case 4: look_at(shm::event{open_only, at_.name_}); break;
        case 5: look_at(shm::event{open_or_create, at_.name_}); break;
        case 6:
        case 7:
          await(view, operation == 6 ? shm::ready::readable : shm::ready::writable,
                [&] { use(view.wait_for(patience)); });
          break;
        default: view = shm::event{open_only, at_.name_}; break;  // leaves
      }
    }

   private:
    static void look_at(const shm::event& view) {
      use(view.is_set());
      use(view.sets());
    }

    event_story& at_;
  };

  std::string name_;
  std::vector<shm::event> views_;
};

std::unique_ptr<story> begin(const std::string& name, script& from) {
  return std::make_unique<event_story>(name, from);
}

}  // namespace
}  // namespace hawser::fuzz

HAWSER_FUZZ("event", hawser::fuzz::begin)
