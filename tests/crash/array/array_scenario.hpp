/// Plays one `array_case` for the kill-point sweep.
#pragma once

#include "../raw_segment.hpp"
#include "array_case.hpp"
#include "array_innards.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <killpoint/scenario.hpp>

namespace hawser::test {

class array_scenario final : public killpoint::scenario {
 public:
  array_scenario(array_case c, std::string unique)
      : case_(std::move(c)), unique_(std::move(unique)) {}

  std::string name() const override { return "array." + case_.name; }
  int outcomes() const override;
  std::string outcome_words(int outcome) const override;
  bool has_sleeper() const override { return case_.locker; }
  bool has_occupant() const override { return case_.corpse != array_case::none; }
  bool hides_occupant() const override { return has_occupant(); }
  bool blocks() const override { return case_.blocks; }

  void arrange(int object) override;
  void occupy(int object) override;
  void enter(int object) override;
  void operate() override;
  std::string doze(int object) override;
  void release() override { hold_ = {}; }
  std::string listen(killpoint::sleeper_news& sleeper) override;
  killpoint::verdict check(killpoint::sleeper_news& sleeper, bool complete) override;
  void finish() override;
  std::string leftovers() override;

 private:
  using array = shm::array<cell>;
  struct failed {
    std::string words;
  };
  /// What the next holders of the ranges found.
  struct finding {
    std::array<std::uint64_t, cells> ids{};
    std::array<bool, 3> told{};  // that a holder had died
  };

  std::string name_of(int object) const { return unique_ + "." + std::to_string(object); }
  /// With slices off, only a wake-up ends a sleep: so the wake-up is there.
  bool slices() const { return !has_sleeper() && !blocks(); }
  bool sleeper_should_wake() const { return case_.survivor_holds != 0; }
  template <class Operation>
  auto timed(killpoint::verdict& found, Operation operation);
  void await_sweep(killpoint::verdict& found, bool complete);
  finding look(killpoint::verdict& found);
  int judge(const finding& seen) const;
  void use_again(killpoint::verdict& found);

  array_case case_;
  std::string unique_, name_;
  int object_ = 0;
  // Survivor and sleeper.
  std::optional<array> array_;
  std::optional<raw_segment> raw_;
  shm::range_lock<cell> hold_;
  // Victim and occupant.
  std::optional<array> own_;
  std::unique_ptr<shm::detail::array_core> own_core_;
  shm::range_lock<cell> own_hold_;
};

}  // namespace hawser::test
