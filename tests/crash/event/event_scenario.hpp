/// Plays one `event_case` for the kill-point sweep.
#pragma once

#include "../raw_segment.hpp"
#include "event_case.hpp"
#include <hawser/shm/condition.hpp>
#include <hawser/shm/event.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <killpoint/scenario.hpp>

namespace hawser::test {

class event_scenario final : public killpoint::scenario {
 public:
  event_scenario(event_case c, std::string unique)
      : case_(std::move(c)), unique_(std::move(unique)) {}

  std::string name() const override { return "event." + case_.name; }
  int outcomes() const override { return case_.changes() ? 2 : 1; }
  std::string outcome_words(int outcome) const override {
    if (!case_.changes()) return scenario::outcome_words(outcome);
    if (case_.sets()) return outcome == 0 ? "not set" : "set";
    return outcome == 0 ? "set" : "clear";
  }
  bool has_sleeper() const override { return case_.other != event_case::nobody; }
  bool has_occupant() const override { return case_.corpse != event_case::none; }
  bool hides_occupant() const override { return has_occupant(); }
  bool blocks() const override { return case_.what == event_case::wait; }

  void arrange(int object) override;
  void occupy(int object) override;
  void enter(int object) override;
  void operate() override;
  std::string doze(int object) override;
  bool is_dozing(pid_t sleeper, int object) override;
  void release() override;
  std::string listen(killpoint::sleeper_news& sleeper) override;
  killpoint::verdict check(killpoint::sleeper_news& sleeper, bool complete) override;
  void finish() override;
  std::string leftovers() override;

 private:
  using event = shm::event;

  std::string name_of(int object) const { return unique_ + "." + std::to_string(object); }
  /// With slices off, only a wake-up ends a sleep: so the wake-up is there.
  bool slices() const { return !has_sleeper() && !blocks(); }
  /// Sets it as one does who dies, or is stopped, before waking anybody.
  static void set_and_wake_nobody(const raw_segment& raw);
  struct failed {
    std::string words;
  };
  /// The sets before the victim's: those it finds, and the one that released it.
  std::uint64_t known_sets() const {
    return before_ + (case_.corpse == event_case::committed ? 1 : 0) + (released_ ? 1 : 0);
  }
  template <class Operation>
  auto timed(killpoint::verdict& found, Operation operation);
  void await_sweep(killpoint::verdict& found, bool complete);
  void judge(killpoint::verdict& found);
  void hear_sleeper(killpoint::verdict& found, killpoint::sleeper_news& sleeper);
  void use_again(killpoint::verdict& found);

  event_case case_;
  std::string unique_, name_;
  int object_ = 0;
  bool released_ = false;
  std::uint64_t before_ = 0;  // how often it had been set when the victim begins
  std::optional<raw_segment> raw_;
  // Survivor and sleeper.
  std::optional<event> event_, quiet_;
  // Victim and occupant.
  std::optional<event> own_;
  std::unique_ptr<shm::detail::event_core> own_core_;
  std::optional<shm::condition> wait_;
};

}  // namespace hawser::test
