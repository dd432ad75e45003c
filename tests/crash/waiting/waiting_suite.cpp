// Kill points of a process that begins and ends to wait on many: what it leaves in the channel must
// not keep anybody else asleep.

#include "../queue/queue_messages.hpp"
#include "../raw_segment.hpp"
#include "../suites.hpp"
#include <hawser/shm/condition.hpp>
#include <hawser/shm/queue.hpp>
#include <hawser/shm/wait_any.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

namespace hawser::test {
namespace {

using maker = message_maker<fixed_message>;
using queue = shm::queue<fixed_message>;
using shm::ready;

enum class waiting { arm, rearm, disarm };

struct waiting_case {
  std::string name;
  waiting what = waiting::arm;
  ready side = ready::readable;  // what the victim waits for
  bool waiter = false;           // another process waits for the same
};

class waiting_scenario final : public killpoint::scenario {
 public:
  waiting_scenario(waiting_case what, std::string unique)
      : case_(std::move(what)), unique_(std::move(unique)) {}

  std::string name() const override { return "waiting." + case_.name; }
  int outcomes() const override { return 1; }  // nothing that others see changes
  bool has_sleeper() const override { return case_.waiter; }

  void arrange(int object) override {
    if (!own_ || object != object_) {
      own_.reset();
      own_.emplace(open_or_create, name_of(object), options);
    }
    object_ = object;
    while (own_->try_pop()) {
    }
    if (case_.side == ready::writable)
      while (own_->try_push(maker::make(1)) == shm::push_status::ok) {
      }
  }

  void enter(int object) override {
    own_.emplace(open_only, name_of(object));
    wait_.emplace(*own_, case_.side);
    // The monitor runs from here on: only this thread is stepped.
    shm::condition first{*own_, case_.side};
    (void)first.arm([] {});
    if (case_.what != waiting::arm) (void)wait_->arm([] {});
  }

  void operate() override {
    if (case_.what == waiting::disarm) wait_->disarm();
    else (void)wait_->arm([] {});
  }

  std::string doze(int object) override {
    shm::detail::set_wait_slices(false);  // only a wake-up ends it
    queue mine{open_only, name_of(object)};
    if (!shm::wait_any_for(killpoint::hang_limit * 2, shm::when(mine, case_.side))) return "";
    return case_.side == ready::readable ? mine.try_pop() ? "woken" : "woken for nothing" : "woken";
  }

  bool is_dozing(pid_t sleeper, int object) override {
    return raw_segment(name_of(object)).is_armed(sleeper);
  }

  killpoint::verdict check(killpoint::sleeper_news& sleeper, bool) override {
    killpoint::verdict found;
    const auto timed = [&](auto operation) {
      const auto start = std::chrono::steady_clock::now();
      operation();
      found.slowest = std::max(found.slowest, std::chrono::duration_cast<std::chrono::microseconds>(
                                                  std::chrono::steady_clock::now() - start));
    };
    const auto wrong = [&](const std::string& words) {
      if (found.failure.empty()) found.failure = words;
    };
    timed([&] {
      if (case_.side == ready::writable) (void)own_->try_pop();
      else if (own_->try_push(maker::make(2)) != shm::push_status::ok) wrong("cannot push");
    });
    if (case_.waiter) {
      timed([&] {
        const auto heard = sleeper.wait(killpoint::hang_limit);
        if (heard != "woken") wrong("the waiter: " + heard.value_or("sleeps on"));
      });
    }
    // The queue works as before, for two laps.
    while (own_->try_pop()) {
    }
    for (std::uint64_t i = 1; i <= 2 * options.capacity; ++i) {
      timed([&] {
        if (own_->try_push(maker::make(i)) != shm::push_status::ok) wrong("an empty queue is full");
        const auto message = own_->try_pop();
        if (!message || maker::id_of(*message) != i) wrong("a message is lost");
      });
    }
    return found;
  }

  void finish() override { own_.reset(); }

  std::string leftovers() override {
    std::string words;
    for (const std::string& path : segments_with(unique_ + ".")) {
      words += words.empty() ? path : ", " + path;
      std::filesystem::remove(path);
    }
    return words;
  }

 private:
  static constexpr shm::queue_options options{.capacity = 4};

  std::string name_of(int object) const { return unique_ + "." + std::to_string(object); }

  waiting_case case_;
  std::string unique_;
  int object_ = 0;
  std::optional<queue> own_;  // the survivor's or the victim's
  std::optional<shm::condition> wait_;
};

void add_scenarios(scenario_list& all, const std::string& unique) {
  for (const waiting_case& c : std::initializer_list<waiting_case>{
           {"arm.readable", waiting::arm},
           {"arm.writable", waiting::arm, ready::writable},
           {"arm.readable+waiter", waiting::arm, ready::readable, true},
           {"arm.writable+waiter", waiting::arm, ready::writable, true},
           {"rearm.readable+waiter", waiting::rearm, ready::readable, true},
           {"disarm.readable", waiting::disarm},
           {"disarm.readable+waiter", waiting::disarm, ready::readable, true},
           {"disarm.writable+waiter", waiting::disarm, ready::writable, true},
       })
    all.push_back(std::make_unique<waiting_scenario>(c, unique + "." + std::to_string(all.size())));
}

}  // namespace

suite waiting_suite() {
  return {"waiting",
          add_scenarios,
          {
              {"wait_not_announced", "waiting.arm.readable+waiter"},
              {"wait_row_not_armed", "waiting.arm.readable+waiter"},
          }};
}

}  // namespace hawser::test
