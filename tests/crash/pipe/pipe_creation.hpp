/// Kill points while nobody else is attached: creating, replacing what is stale, leaving last.
#pragma once

#include <hawser/shm/pipe.hpp>

#include <optional>
#include <string>

#include <killpoint/scenario.hpp>

namespace hawser::test {

enum class pipe_creation {
  create,         ///< create_only; nothing has the name
  replace_stale,  ///< open_or_create; a killed creator's pipe has it
  leave_last,     ///< the destructor of the only end
};

class pipe_creation_scenario final : public killpoint::scenario {
 public:
  pipe_creation_scenario(pipe_creation what, std::string unique)
      : what_(what), unique_(std::move(unique)) {}

  std::string name() const override;
  int outcomes() const override { return 1; }  // a creator that dies leaves nothing to be seen
  bool spends_object() const override { return true; }
  bool has_occupant() const override { return what_ == pipe_creation::replace_stale; }

  void arrange(int object) override;
  void occupy(int object) override;
  void enter(int object) override;
  void operate() override;
  killpoint::verdict check(killpoint::sleeper_news&, bool complete) override;
  std::string leftovers() override;

 private:
  using pipe = shm::pipe<std::string>;

  pipe_creation what_;
  std::string unique_, name_;
  std::optional<pipe> own_;  // the occupant's or the victim's
};

}  // namespace hawser::test
