/// Plays one `value_case` for the kill-point sweep.
#pragma once

#include "../raw_segment.hpp"
#include "value_case.hpp"
#include <hawser/shm/value.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <killpoint/scenario.hpp>

namespace hawser::test {

class value_scenario final : public killpoint::scenario {
 public:
  value_scenario(value_case c, std::string unique)
      : case_(std::move(c)), unique_(std::move(unique)) {}

  std::string name() const override { return "value." + case_.name; }
  int outcomes() const override { return case_.changes() ? 2 : 1; }
  std::string outcome_words(int outcome) const override {
    if (!case_.changes()) return scenario::outcome_words(outcome);
    return outcome == 0 ? "the old value" : "the new value";
  }
  bool has_sleeper() const override { return case_.other != value_case::nobody; }
  bool has_occupant() const override { return case_.corpse != value_case::none; }
  bool hides_occupant() const override { return has_occupant(); }
  bool blocks() const override { return case_.what == value_case::wait_change; }

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
  using value = shm::value<whole_number>;

  std::string name_of(int object) const { return unique_ + "." + std::to_string(object); }
  /// With slices off, only a wake-up ends a sleep: so the wake-up is there.
  bool slices() const { return !has_sleeper() && !blocks(); }
  struct failed {
    std::string words;
  };
  /// The version that the victim finds: what it changes comes on top.
  std::uint64_t base() const {
    return before_ + (case_.corpse == value_case::committed ? 1 : 0) + (released_ ? 1 : 0);
  }
  template <class Operation>
  auto timed(killpoint::verdict& found, Operation operation);
  void await_sweep(killpoint::verdict& found, bool complete);
  /// Returns how many changes that made, and the number of the last one.
  std::pair<std::uint64_t, std::uint64_t> hear_sleeper(killpoint::verdict& found,
                                                       killpoint::sleeper_news& sleeper);
  void judge(killpoint::verdict& found, std::uint64_t changes_since, std::uint64_t last);
  void use_again(killpoint::verdict& found);

  value_case case_;
  std::string unique_, name_;
  int object_ = 0;
  bool released_ = false;
  std::uint64_t before_ = 0;  // the version when the victim begins
  // Survivor and sleeper.
  std::optional<value> value_;
  std::optional<raw_segment> raw_;
  // Victim and occupant.
  std::optional<value> own_;
  std::unique_ptr<shm::detail::value_core> own_core_;
  whole_number got_{};
};

}  // namespace hawser::test
