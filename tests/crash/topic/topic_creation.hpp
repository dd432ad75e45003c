/// Kill points while nobody else is attached: creating, replacing what is stale, leaving last.
#pragma once

#include "../queue/queue_messages.hpp"
#include <hawser/shm/topic.hpp>

#include <optional>
#include <string>
#include <utility>

#include <killpoint/scenario.hpp>

namespace hawser::test {

enum class topic_creation {
  create,             ///< create_only; nothing has the name
  replace_stale,      ///< open_or_create; a killed creator's topic has it
  open_or_create,     ///< of a topic that a survivor holds: opens it
  leave_last,         ///< the destructor of the only participant
  subscription_last,  ///< likewise, when that is a subscription
};

class topic_creation_scenario final : public killpoint::scenario {
 public:
  topic_creation_scenario(topic_creation what, std::string unique)
      : what_(what), unique_(std::move(unique)) {}

  std::string name() const override;
  int outcomes() const override { return 1; }  // a creator that dies leaves nothing to be seen
  bool spends_object() const override { return true; }
  bool has_occupant() const override { return what_ == topic_creation::replace_stale; }

  void arrange(int object) override;
  void occupy(int object) override;
  void enter(int object) override;
  void operate() override;
  killpoint::verdict check(killpoint::sleeper_news&, bool complete) override;
  std::string leftovers() override;

 private:
  using topic = shm::topic<fixed_message>;
  static constexpr shm::topic_options options{.capacity = 4};

  topic_creation what_;
  std::string unique_, name_;
  std::optional<topic> own_;  // the survivor's, the occupant's or the victim's
  std::optional<shm::subscription<fixed_message>> last_;
};

}  // namespace hawser::test
