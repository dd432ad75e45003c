/// Kill points while nobody else is attached: creating, replacing what is stale, leaving last.
#pragma once

#include "queue_messages.hpp"
#include <hawser/shm/queue.hpp>

#include <optional>
#include <string>

#include <killpoint/scenario.hpp>

namespace hawser::test {

enum class creation {
  create,          ///< create_only; nothing has the name
  replace_stale,   ///< open_or_create; a killed creator's queue has it
  open_or_create,  ///< of a queue that a survivor holds: opens it
  leave_last,      ///< the destructor of the only participant
};

class creation_scenario final : public killpoint::scenario {
 public:
  creation_scenario(creation what, std::string unique) : what_(what), unique_(std::move(unique)) {}

  std::string name() const override;
  int outcomes() const override { return 1; }  // a creator that dies leaves nothing to be seen
  bool spends_object() const override { return true; }
  bool has_occupant() const override { return what_ == creation::replace_stale; }

  void arrange(int object) override;
  void occupy(int object) override;
  void enter(int object) override;
  void operate() override;
  killpoint::verdict check(killpoint::sleeper_news&, bool complete) override;
  std::string leftovers() override;

 private:
  using queue = shm::queue<fixed_message>;
  static constexpr shm::queue_options options{.capacity = 4};

  creation what_;
  std::string unique_, name_;
  std::optional<queue> own_;  // the survivor's, the occupant's or the victim's
};

}  // namespace hawser::test
