/// Kill points while nobody else is attached: creating a pool, replacing a stale one, leaving last.
#pragma once

#include <hawser/shm/payload_pool.hpp>

#include <optional>
#include <string>
#include <utility>

#include <killpoint/scenario.hpp>

namespace hawser::test {

enum class pool_creation {
  create,         ///< create_only; nothing has the name
  replace_stale,  ///< open_or_create; a killed creator's pool has it, with a large payload lent
  leave_last,     ///< the destructor of the only participant
};

class pool_creation_scenario final : public killpoint::scenario {
 public:
  pool_creation_scenario(pool_creation what, std::string unique)
      : what_(what), unique_(std::move(unique)) {}

  std::string name() const override;
  int outcomes() const override { return 1; }  // a creator that dies leaves nothing to be seen
  bool spends_object() const override { return true; }
  bool has_occupant() const override { return what_ == pool_creation::replace_stale; }

  void arrange(int object) override;
  void occupy(int object) override;
  void enter(int object) override;
  void operate() override;
  killpoint::verdict check(killpoint::sleeper_news&, bool complete) override;
  std::string leftovers() override;

 private:
  void make_own(int object);

  pool_creation what_;
  std::string unique_, name_;
  std::optional<shm::payload_pool> own_;  // the survivor's, the occupant's or the victim's
  shm::payload payload_;
};

}  // namespace hawser::test
