/// Plays one `payload_pipe_case` for the kill-point sweep. The survivor creates the pool, and holds
/// the other end of the pipe unless the sleeper does.
#pragma once

#include "../raw_segment.hpp"
#include "payload_pipe_case.hpp"
#include <hawser/shm/payload_pipe.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <killpoint/scenario.hpp>

namespace hawser::test {

class payload_pipe_scenario final : public killpoint::scenario {
 public:
  payload_pipe_scenario(payload_pipe_case c, std::string unique)
      : case_(std::move(c)), unique_(std::move(unique)) {}

  std::string name() const override { return "payload_pipe." + case_.name; }
  int outcomes() const override { return static_cast<int>(payload_pipe_outcomes(case_).size()); }
  /// A pipe is used once.
  bool spends_object() const override { return true; }
  bool has_sleeper() const override { return case_.other != payload_pipe_sleeper::nobody; }
  bool has_occupant() const override { return case_.corpse != payload_pipe_remains::none; }
  bool hides_occupant() const override { return has_occupant(); }
  bool blocks() const override {
    return case_.what == payload_pipe_operation::send_wait ||
           case_.what == payload_pipe_operation::receive_wait;
  }

  void arrange(int object) override;
  void occupy(int object) override;
  void enter(int object) override;
  void operate() override;
  std::string doze(int object) override;
  void release() override;
  std::string listen(killpoint::sleeper_news& sleeper) override;
  killpoint::verdict check(killpoint::sleeper_news& sleeper, bool complete) override;
  void finish() override;
  std::string leftovers() override;

 private:
  using pipe = shm::payload_pipe<std::uint64_t>;
  using received = shm::received_payload<std::uint64_t>;
  struct failed {
    std::string words;
  };

  std::string name_of(int object) const { return unique_ + "." + std::to_string(object); }
  std::string pipe_name() const { return name_ + ".p"; }
  /// With slices off, only a wake-up ends a sleep: so the wake-up is there.
  bool slices() const { return !has_sleeper() && !blocks(); }
  std::size_t expected_participants() const { return has_sleeper() ? 2 : 1; }

  shm::payload filled(shm::payload_pool& pool, std::uint64_t id) const;
  void open(int object);  // the victim's or occupant's views
  template <class Operation>
  auto timed(killpoint::verdict& found, Operation operation);
  bool end_was_taken() const;
  std::size_t in_use() const;
  bool is_swept() const { return raw_pool_->participants() == expected_participants(); }
  bool something_is_free() const;
  void hear_sleeper(killpoint::verdict& found, killpoint::sleeper_news& sleeper);
  void drain(killpoint::verdict& found);
  void take_chunks(killpoint::verdict& found, bool complete);
  void compare(killpoint::verdict& found);
  void use_again(killpoint::verdict& found);

  payload_pipe_case case_;
  std::string unique_, name_;
  // Survivor and sleeper.
  std::optional<shm::payload_pool> pool_;
  std::optional<pipe> end_;
  std::optional<raw_segment> raw_pool_;
  std::vector<shm::payload> held_, lent_;
  std::vector<received> received_;
  std::string heard_;  // of the sleeper
  std::size_t pages_ = 0;
  int points_ = 0;

  // Victim and occupant.
  std::optional<shm::payload_pool> own_pool_;
  std::optional<pipe> own_end_, own_other_;
  shm::payload own_;
  std::optional<received> own_received_;
  std::unique_ptr<shm::detail::pool_core> own_core_;
};

}  // namespace hawser::test
