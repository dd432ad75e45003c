/// Plays one `topic_case` for the kill-point sweep.
#pragma once

#include "../queue/queue_messages.hpp"
#include "topic_case.hpp"
#include "topic_segment.hpp"
#include <hawser/shm/topic.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <killpoint/scenario.hpp>

namespace hawser::test {

template <class T>
class topic_scenario final : public killpoint::scenario {
 public:
  topic_scenario(on_topic::topic_case c, std::string unique)
      : case_(std::move(c)), unique_(std::move(unique)) {}

  std::string name() const override { return "topic." + case_.name + "/" + maker::kind; }
  int outcomes() const override { return static_cast<int>(outcomes_of(case_, blocks()).size()); }
  bool spends_object() const override { return case_.what == operation::close; }
  bool has_sleeper() const override { return case_.other != sleeping::nobody; }
  bool has_occupant() const override { return case_.corpse != leftover::none; }
  bool hides_occupant() const override { return has_occupant(); }
  bool blocks() const override {
    return case_.what == operation::publish_wait || case_.what == operation::take_wait;
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
  using operation = on_topic::operation;
  using leftover = on_topic::leftover;
  using sleeping = on_topic::sleeping;
  using topic = shm::topic<T>;
  using subscription = shm::subscription<T>;
  struct failed {
    std::string words;
  };
  /// What the survivor gathers after a kill.
  struct evidence {
    killpoint::verdict found;
    std::vector<std::uint64_t> got;        // by the reader, of `before` and later
    std::vector<std::uint64_t> published;  // after the kill
    std::uint64_t heard = 0;               // what the sleeper took
  };

  std::string name_of(int object) const { return unique_ + "." + std::to_string(object); }
  /// With slices off, only a wake-up ends a sleep: so the wake-up is there.
  bool slices() const { return !has_sleeper() && !blocks(); }
  bool publisher_sleeps() const {
    return case_.other == sleeping::publisher || case_.other == sleeping::space_watcher;
  }
  bool victim_subscribes() const {
    return case_.what == operation::take || case_.what == operation::take_wait ||
           case_.what == operation::read || case_.what == operation::leave;
  }
  shm::subscription_options victim_options() const;
  std::uint64_t take(subscription& from) const;

  template <class Operation>
  auto timed(evidence& e, Operation call);
  void await_callback(shm::ready what, subscription* from);
  void await_sweep(evidence& e, killpoint::sleeper_news& sleeper, bool complete);
  void hear_sleeper(evidence& e, killpoint::sleeper_news& sleeper);
  bool sleeper_should_wake();
  void publish_one(evidence& e);
  void drain(evidence& e);
  void check_others(const evidence& e, bool complete);
  void use_for_two_laps(evidence& e);

  on_topic::topic_case case_;
  std::string unique_, name_;
  int object_ = 0;
  // Survivor and sleeper.
  std::optional<topic> topic_;
  std::optional<topic_segment> raw_;
  std::optional<subscription> reader_;    // lossless: what it gets is what was published
  std::optional<subscription> observer_;  // latest, and a whole lap behind
  std::optional<subscription> impatient_;
  std::vector<std::uint64_t> taken_;
  std::uint64_t start_ = 0;  // the position of `before`
  bool released_ = false;
  int points_ = 0;

  // Victim and occupant.
  std::optional<topic> own_;
  std::optional<subscription> own_subscription_;
  std::unique_ptr<shm::detail::topic_core> own_core_;
  std::optional<T> one_;
  std::vector<T> three_;
};

extern template class topic_scenario<fixed_message>;
extern template class topic_scenario<std::string>;

}  // namespace hawser::test
