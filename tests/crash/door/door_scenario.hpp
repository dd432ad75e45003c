/// One operation at a door in one situation, for the kill-point sweep. The news are a word of the
/// door's body that nobody else uses.
#pragma once

#include "../raw_segment.hpp"
#include <hawser/shm/detail/door_core.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <killpoint/scenario.hpp>

namespace hawser::test {

struct door_case {
  enum operation {
    ring,    ///< after it has published something
    wait,    ///< until the survivor has published something
    attach,  ///< open_only
    detach,  ///< the destructor
    sweep    ///< of the occupant, which was killed before
  };
  /// What the occupant is killed with; built by hand.
  enum leftover {
    none,      ///< no occupant
    idle,      ///< nothing
    published  ///< it had news, and rang for nobody
  };

  std::string name;
  operation what = ring;
  leftover corpse = none;
  bool sleeper = false;  ///< whether another process sleeps at the door meanwhile
};

std::vector<door_case> door_cases();

class door_scenario final : public killpoint::scenario {
 public:
  door_scenario(door_case c, std::string unique)
      : case_(std::move(c)), unique_(std::move(unique)) {}

  std::string name() const override { return "door." + case_.name; }
  int outcomes() const override { return case_.what == door_case::ring ? 2 : 1; }
  std::string outcome_words(int outcome) const override {
    if (outcomes() == 1) return scenario::outcome_words(outcome);
    return outcome == 0 ? "no news" : "news";
  }
  bool has_sleeper() const override { return case_.sleeper; }
  bool has_occupant() const override { return case_.corpse != door_case::none; }
  bool hides_occupant() const override { return has_occupant(); }
  bool blocks() const override { return case_.what == door_case::wait; }

  void arrange(int object) override;
  void occupy(int object) override;
  void enter(int object) override;
  void operate() override;
  std::string doze(int object) override;
  void release() override;
  std::string listen(killpoint::sleeper_news& sleeper) override;
  killpoint::verdict check(killpoint::sleeper_news& sleeper, bool complete) override;
  void finish() override;
  std::string leftovers() override;

 private:
  using door_core = shm::detail::door_core;
  using news_word = std::atomic<std::uint32_t>;

  std::string name_of(int object) const { return unique_ + "." + std::to_string(object); }
  /// With slices off, only a wake-up ends a sleep: so the wake-up is there.
  bool slices() const { return !has_sleeper() && !blocks(); }
  static news_word& news_in(const raw_segment& raw) {
    return raw.body<shm::detail::door_layout>().reserved;
  }
  struct failed {
    std::string words;
  };
  template <class Operation>
  auto timed(killpoint::verdict& found, Operation operation);
  void await_sweep(killpoint::verdict& found, bool complete);
  void hear_sleeper(killpoint::verdict& found, killpoint::sleeper_news& sleeper);
  void use_again(killpoint::verdict& found);

  door_case case_;
  std::string unique_, name_;
  int object_ = 0;
  std::uint32_t before_ = 0;  // the news when the victim begins
  std::optional<raw_segment> raw_;
  std::unique_ptr<door_core> door_;
};

}  // namespace hawser::test
