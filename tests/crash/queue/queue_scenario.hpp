/// Plays one `queue_case` for the kill-point sweep.
#pragma once

#include "../raw_segment.hpp"
#include "queue_case.hpp"
#include "queue_messages.hpp"
#include <hawser/shm/queue.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <killpoint/scenario.hpp>

namespace hawser::test {

/// A message that came out of the queue, and how often it had been handed out.
struct delivery {
  std::uint64_t id = 0;
  std::uint32_t attempts = 1;
};

/// Which of `allowed` it is that `got` stands for; -1: none. Messages handed out for the first
/// time keep their order; those given back come when they are found.
int find_outcome(const std::vector<queue_outcome>& allowed, const std::vector<delivery>& got,
                 const std::vector<std::uint64_t>& pushed_after,
                 const std::vector<std::uint64_t>& letters, bool closed);
std::string describe(const std::vector<queue_outcome>& allowed, const std::vector<delivery>& got,
                     const std::vector<std::uint64_t>& pushed_after,
                     const std::vector<std::uint64_t>& letters, bool closed);

template <class T>
class queue_scenario final : public killpoint::scenario {
 public:
  queue_scenario(queue_case c, std::string unique);

  std::string name() const override { return "queue." + case_.name + "/" + maker::kind; }
  int outcomes() const override { return static_cast<int>(outcomes_of(case_, blocks()).size()); }
  std::string outcome_words(int outcome) const override {
    return words_of(case_, outcome, outcomes());
  }
  bool spends_object() const override { return case_.closed || case_.what == operation::close; }
  bool has_sleeper() const override { return case_.other != sleeping::nobody; }
  bool has_occupant() const override { return case_.corpse != leftover::none; }
  bool hides_occupant() const override { return has_occupant(); }
  bool blocks() const override {
    return case_.what == operation::push_wait || case_.what == operation::pop_wait ||
           case_.what == operation::lease_wait;
  }

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
  using maker = message_maker<T>;
  using queue = shm::queue<T>;
  using lease = shm::lease<T>;
  struct failed {
    std::string words;
  };
  /// What the survivor gathers after a kill.
  struct evidence {
    killpoint::verdict found;
    std::vector<delivery> got;
    std::vector<std::uint64_t> pushed_after, letters;
    std::vector<lease> held;
  };

  std::string name_of(int object) const { return unique_ + "." + std::to_string(object); }
  /// With slices off, only a wake-up ends a sleep: so the wake-up is there.
  bool slices() const { return !has_sleeper() && !blocks(); }
  std::size_t expected_participants() const { return has_sleeper() ? 2 : 1; }

  template <class Operation>
  auto timed(evidence& e, Operation operation);
  void await_sweep(evidence& e, bool complete);
  void hear_sleeper(evidence& e, killpoint::sleeper_news& sleeper);
  bool sleeper_should_wake();
  void drain(evidence& e);
  void await_callback(shm::ready what);
  bool pushes() const {
    return case_.other == sleeping::pusher || case_.other == sleeping::space_watcher;
  }
  bool watches() const {
    return case_.other == sleeping::watcher || case_.other == sleeping::space_watcher;
  }
  void note(evidence& e, const lease& taken) {
    e.got.push_back({maker::id_of(*taken), taken.attempts()});
  }
  void read_letters(evidence& e);
  void use_for_two_laps(evidence& e);
  void check_counters();

  queue_case case_;
  std::string unique_, name_;
  int object_ = 0;
  bool sets_slices_ = false;
  // Survivor and sleeper.
  std::optional<queue> queue_;
  std::optional<raw_segment> raw_;
  std::optional<lease> in_the_way_;
  bool released_ = false;
  int points_ = 0;

  // Victim and occupant.
  std::optional<queue> own_;
  std::optional<lease> own_lease_;
  std::vector<lease> own_leases_;
  std::unique_ptr<shm::detail::queue_core> own_core_;
  std::optional<T> one_;
  std::vector<T> three_;
};

extern template class queue_scenario<fixed_message>;
extern template class queue_scenario<std::string>;

}  // namespace hawser::test
