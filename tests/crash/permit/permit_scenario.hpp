/// Kill points of semaphores and locks: one permit_case, played.
#pragma once

#include "../raw_segment.hpp"
#include "permit_case.hpp"
#include <hawser/shm/detail/permit_core.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <killpoint/scenario.hpp>

namespace hawser::test {

class permit_scenario final : public killpoint::scenario {
 public:
  permit_scenario(shm::detail::channel_kind kind, permit_case c, std::string unique);

  std::string name() const override;
  int outcomes() const override { return determined() ? 2 : 1; }
  std::string outcome_words(int outcome) const override;
  bool has_sleeper() const override { return case_.sleeper != 0 || case_.watcher != 0; }
  bool has_occupant() const override { return case_.corpse != permit_corpse::none; }
  bool hides_occupant() const override { return has_occupant(); }
  bool blocks() const override { return case_.what == permit_operation::acquire_wait; }

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
  using core = shm::detail::permit_core;
  using layout = shm::detail::permit_layout;
  struct failed {
    std::string words;
  };

  std::string name_of(int object) const { return unique_ + "." + std::to_string(object); }
  std::unique_ptr<core> open(int object, shm::detail::opening how) const;
  /// The calling process joins the line by hand, as its first.
  static void join(const raw_segment& raw, std::uint32_t n);
  layout& body() const { return raw_->body<layout>(); }
  bool slices() const { return !has_sleeper() && !blocks(); }
  std::size_t expected_participants() const { return has_sleeper() ? 2 : 1; }
  std::uint32_t wanted_by_sleeper() const { return case_.sleeper + case_.watcher; }
  bool corpse_holds() const {
    return case_.corpse == permit_corpse::holder || case_.corpse == permit_corpse::acquired;
  }
  bool exclusive(std::uint32_t n) const {
    return n == total_ && kind_ != shm::detail::channel_kind::semaphore;
  }
  bool determined() const;
  /// What the victim holds before its operation, and after it.
  std::uint32_t before() const { return case_.of_victim; }
  std::uint32_t after() const;

  template <class Operation>
  auto timed(killpoint::verdict& found, Operation operation);
  /// One try of the survivor to get `n`. Notes whether it is told of a death.
  bool take(killpoint::verdict& found, std::uint32_t n);
  void await_sweep(killpoint::verdict& found, bool complete);
  void hear_sleeper(killpoint::verdict& found, killpoint::sleeper_news& sleeper);
  void judge(killpoint::verdict& found);
  void use(killpoint::verdict& found);

  shm::detail::channel_kind kind_;
  permit_case case_;
  std::uint32_t total_;
  std::string unique_;
  int object_ = 0;
  // Survivor and sleeper.
  std::unique_ptr<core> core_;
  std::optional<raw_segment> raw_;
  std::uint32_t held_ = 0;  // by the survivor
  std::uint64_t reclaimed_before_ = 0;
  bool told_ = false;
  int points_ = 0;
  // Victim and occupant.
  std::unique_ptr<core> own_;
};

}  // namespace hawser::test
